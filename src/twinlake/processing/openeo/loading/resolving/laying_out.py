"""Pinned files where a confined child may read them."""

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path

from twinlake.core.errors import TwinlakeError
from twinlake.engines.objectstore import LinkedFileError, LinkedFiles, ObjectStore, place_object
from twinlake.holdings.catalogue.errors import AssetNotFoundError, CollectionNotFoundError, ItemNotFoundError
from twinlake.holdings.catalogue.interfaces import EVERYTHING, Catalogue, Linked
from twinlake.processing.openeo.loading.pins import PinnedFile
from twinlake.standards.openeo.errors import ProcessError

_TOGETHER = 64
"""Files that are looked for at once."""


class FileLayout:
    """Gives children paths to files: linked ones where they lie, those of the object store below a folder of the child's."""

    def __init__(self, *, catalogue: Catalogue, objects: ObjectStore, links: LinkedFiles) -> None:
        self._catalogue = catalogue
        self._objects = objects
        self._links = links

    async def lay_out(self, files: Sequence[PinnedFile], folder: Path) -> dict[str, Path]:
        """Return where a child that may read *folder*, and the folders that may be linked, finds each file, by key.

        Managed objects get a second name, or are copied where that is not possible; who made *folder* removes it.
        It is not asked here whether anybody may read them: whoever pinned them has asked.

        Raises
        ------
        ProcessError
            ``FileUnreadable``: one is gone, or is another one by now.
        """
        found: dict[str, Path] = {}
        by_hash: dict[str, Path] = {}
        for number, file in enumerate(files):
            try:
                if file.modified_ns is not None:
                    found[file.key] = await self._check_link(file)
                    continue
                sha256 = file.sha256 or ""
                if sha256 not in by_hash:
                    by_hash[sha256] = folder / f"{number}"
                    await place_object(self._objects, sha256, file.size_bytes, by_hash[sha256])
                found[file.key] = by_hash[sha256]
            except FileNotFoundError as error:
                raise _gone(file, "is gone") from error
            except TwinlakeError as error:
                raise _gone(file, f"cannot be had: {error.message}") from error
        return found

    async def require_there(self, files: Sequence[PinnedFile]) -> None:
        """See that the bytes of each file are here, and are those that were pinned; raises as `lay_out` does."""
        for first in range(0, len(files), _TOGETHER):
            await asyncio.gather(*(self._require_there(file) for file in files[first : first + _TOGETHER]))

    async def _require_there(self, file: PinnedFile) -> None:
        try:
            if file.modified_ns is not None:
                await self._check_link(file)
            elif await self._objects.find_size(file.sha256 or "") is None:
                raise _gone(file, "is gone")
        except LinkedFileError as error:
            raise _gone(file, f"cannot be had: {error.message}") from error

    async def _check_link(self, file: PinnedFile) -> Path:
        try:
            asset = await self._catalogue.get_asset(file.collection, file.item, file.asset, EVERYTHING)
        except (CollectionNotFoundError, ItemNotFoundError, AssetNotFoundError) as error:
            raise _gone(file, "is gone") from error
        if not isinstance(asset.holding, Linked):
            raise _gone(file, "is another one by now")
        size_bytes, modified_ns = await asyncio.to_thread(look_at_link, self._links, asset.holding.path)
        if (size_bytes, modified_ns) != (file.size_bytes, file.modified_ns):
            raise _gone(file, "has changed since the load was planned")
        return Path(asset.holding.path)


def look_at_link(links: LinkedFiles, path: str) -> tuple[int, int]:
    """Return size and last change, nanoseconds since 1970, of a linked file.

    Raises
    ------
    LinkedFileError
        It must not be read, or is gone.
    """
    with links.open(path) as file:
        status = os.fstat(file.fileno())
    return status.st_size, status.st_mtime_ns


def _gone(file: PinnedFile, reason: str) -> ProcessError:
    return ProcessError("FileUnreadable", f"The file of asset {file.key!r} {reason}.")
