"""Files that are there as a whole or not at all."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def staged(folder: Path) -> Iterator[Path]:
    """Yield a folder to write into, beside which is *scratch*; what is in it when all went well is moved into *folder*.

    Everything is on the disk before anything gets its name. Files and directories of the same names are replaced. A crash leaves
    nothing but a directory with a name that begins with a dot.
    """
    with tempfile.TemporaryDirectory(prefix=".writing-", dir=folder) as private:
        ready = Path(private, "ready")
        ready.mkdir()
        yield ready
        for path, _, files in os.walk(ready):
            for name in (*files, ""):
                _sync(Path(path, name))
        for each in sorted(ready.iterdir()):
            target = folder / each.name
            if target.is_dir():
                shutil.rmtree(target)
            each.replace(target)
        _sync(folder)


def scratch(ready: Path) -> Path:
    """Return the folder beside the staged one: what is in it is gone when all is written."""
    return ready.parent


def _sync(path: Path) -> None:
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
