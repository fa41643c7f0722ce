"""Objects as files that others may read by path."""

import asyncio
import errno
from pathlib import Path

from twinlake.engines.objectstore.interfaces import ObjectStore


async def place_object(objects: ObjectStore, sha256: str, size_bytes: int, target: Path, *, source: Path | None = None) -> None:
    """Make the file *target* of an object: a second name for its bytes where that is possible, or else a copy.

    Parameters
    ----------
    source
        Where else than in the store the same bytes lie on this machine.

    Raises
    ------
    FileNotFoundError
        *source*, or the file of the object, is gone.
    ObjectNotFoundError
        So is the object of a store that has no files.
    FileExistsError, NotADirectoryError
        Something else is called *target*, or like a folder on the way to it.
    """
    source = source or objects.local_path(sha256)
    if source is not None and await asyncio.to_thread(_link, source, target):
        return
    await asyncio.to_thread(target.parent.mkdir, parents=True, exist_ok=True)
    with target.open("xb") as file:  # only opened here; the writing is moved to a thread
        async for piece in objects.open_range(sha256, 0, size_bytes):
            await asyncio.to_thread(file.write, piece)


def _link(source: Path, target: Path) -> bool:
    """Give *source* a second name; False if it lies on another file system."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        target.hardlink_to(source)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        return False
    return True
