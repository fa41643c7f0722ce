"""Files of a run laid out for its child to read."""

import asyncio
import errno
from dataclasses import dataclass
from pathlib import Path

from twinlake.core.documents import JsonObject
from twinlake.core.errors import InvalidInputError, TwinlakeError
from twinlake.engines.objectstore import LinkedFileError, LinkedFiles, ObjectStore
from twinlake.holdings.ingest.errors import LinkRefusedError, UploadNotFoundError
from twinlake.holdings.ingest.spec import FileOrder
from twinlake.holdings.ingest.uploads import Uploads


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """One file of the specification as its child finds it."""

    name: str
    path: str | None
    """Where the child may read it; None where it is refused."""
    is_linked: bool
    refusal: JsonObject | None = None
    """``code``, ``reason`` and ``remedy``."""


class InputLayout:
    """Gives children paths to files: linked ones where they lie, uploaded ones under their own names in the attempt's folder."""

    def __init__(self, *, objects: ObjectStore, uploads: Uploads, links: LinkedFiles) -> None:
        self._objects = objects
        self._uploads = uploads
        self._links = links

    async def lay_out(self, owner: str, file: FileOrder, folder: Path) -> Input:
        """Return where a child may read *file*, below *folder* if it was uploaded by *owner*; or why it may not."""
        try:
            if file.link is not None:
                path = await asyncio.to_thread(self._check_link, file.link)
            else:
                path = await self._lay_out_upload(owner, file.upload or "", folder / file.name)
        except TwinlakeError as error:
            refusal = {"code": error.code, "reason": error.message, "remedy": error.remedy}
            return Input(name=file.name, path=None, is_linked=file.link is not None, refusal=refusal)
        return Input(name=file.name, path=str(path), is_linked=file.link is not None)

    def _check_link(self, link: str) -> Path:
        try:
            self._links.open(link).close()
        except LinkedFileError as error:
            roots = ", ".join(map(str, self._links.roots)) or "none"
            raise LinkRefusedError(
                error.message, remedy=f"Folders that may be linked: {roots} (ingest.link_roots). Or send a copy, without --link."
            ) from error
        return Path(link)

    async def _lay_out_upload(self, owner: str, upload: str, target: Path) -> Path:
        found = await self._uploads.get_complete(owner, upload)
        sha256 = found.sha256 or ""
        source = self._uploads.staged_path(upload) or self._objects.local_path(sha256)
        try:
            if source is None or not await asyncio.to_thread(_link, source, target):
                await self._fetch(sha256, found.size_bytes, target)
        except FileNotFoundError:
            raise UploadNotFoundError(upload) from None
        except (FileExistsError, NotADirectoryError):
            raise InvalidInputError(
                f"{found.name!r} is a file here and a folder there.", remedy="Give files and folders different names."
            ) from None
        return target

    async def _fetch(self, sha256: str, size_bytes: int, target: Path) -> None:
        """Copy an object that cannot be linked: it lies in a bucket, or on another file system."""
        await asyncio.to_thread(target.parent.mkdir, parents=True, exist_ok=True)
        with target.open("xb") as file:  # only opened here; the writing is moved to a thread
            async for piece in self._objects.open_range(sha256, 0, size_bytes):
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
