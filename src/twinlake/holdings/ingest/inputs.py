"""Files of a run laid out for its child to read."""

import asyncio
from dataclasses import dataclass
from pathlib import Path

from twinlake.core.documents import JsonObject
from twinlake.core.errors import InvalidInputError, TwinlakeError
from twinlake.engines.objectstore import LinkedFileError, LinkedFiles, ObjectStore, place_object
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
        try:
            await place_object(self._objects, sha256, found.size_bytes, target, source=self._uploads.staged_path(upload))
        except FileNotFoundError:
            raise UploadNotFoundError(upload) from None
        except (FileExistsError, NotADirectoryError):
            raise InvalidInputError(
                f"{found.name!r} is a file here and a folder there.", remedy="Give files and folders different names."
            ) from None
        return target
