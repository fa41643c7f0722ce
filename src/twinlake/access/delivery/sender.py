"""Sending bytes: the ways out, and the one that always works."""

import os
from datetime import UTC, datetime
from functools import lru_cache
from io import FileIO
from typing import Protocol

from starlette.requests import Request
from starlette.responses import Response

from twinlake.access.delivery.errors import AssetDamagedError
from twinlake.engines.objectstore.interfaces import ObjectStore
from twinlake.engines.objectstore.linked import LinkedFileError, LinkedFiles
from twinlake.engines.web.files import Content, ContentResponse, FileContent, StreamContent
from twinlake.engines.web.representation import Representation
from twinlake.holdings.catalogue.interfaces import Linked, Managed, StoredAsset


class Sender(Protocol):
    """One way of getting the bytes of an asset to who asked for them and may have them."""

    async def send(self, request: Request, asset: StoredAsset, holding: Managed | Linked, *, cache_control: str) -> Response:
        """Answer a GET or HEAD of *asset*, whose bytes are *holding*.

        Raises
        ------
        AssetDamagedError
            The bytes are not there as the catalogue says.
        """
        ...


class DirectSender:
    """The gateway sends the bytes itself, without a copy where they are in a local file."""

    def __init__(self, *, objects: ObjectStore, links: LinkedFiles) -> None:
        self._objects = objects
        self._links = links

    async def send(
        self, request: Request, asset: StoredAsset, holding: Managed | Linked, *, cache_control: str
    ) -> ContentResponse:
        _ = request
        representation, content = await self.open(asset.filename, asset.media_type, holding)
        return ContentResponse(representation, content, {"Cache-Control": cache_control})

    async def open(self, filename: str, media_type: str | None, holding: Managed | Linked) -> tuple[Representation, Content]:
        """Open the bytes of *holding* after a look at their size.

        Raises
        ------
        AssetDamagedError
            They are missing or of another size than the catalogue says.
        """
        if isinstance(holding, Linked):
            return self._open_linked(filename, media_type, holding)
        path = self._objects.local_path(holding.sha256)
        if path is None:
            return await self._open_elsewhere(filename, media_type, holding)
        try:
            file = FileIO(os.open(path, os.O_RDONLY | os.O_CLOEXEC), "r")
        except OSError as error:
            raise _unreadable(error) from error
        content = FileContent(file)
        if content.size_bytes != holding.size_bytes:
            content.close()
            raise _wrong_size(holding, content.size_bytes)
        return _describe(filename, media_type, holding, content.modified_at), content

    def describe(self, filename: str, media_type: str | None, holding: Managed | Linked) -> Representation | None:
        """Look at the bytes of *holding* as `open` does, for somebody else to send; None where they are in no local file."""
        if isinstance(holding, Linked):
            representation, content = self._open_linked(filename, media_type, holding)
            content.close()
            return representation
        path = self._objects.local_path(holding.sha256)
        if path is None:
            return None
        try:
            found = path.stat()
        except OSError as error:
            raise _unreadable(error) from error
        if found.st_size != holding.size_bytes:
            raise _wrong_size(holding, found.st_size)
        return _describe(filename, media_type, holding, datetime.fromtimestamp(found.st_mtime, UTC))

    def _open_linked(self, filename: str, media_type: str | None, holding: Linked) -> tuple[Representation, Content]:
        try:
            content = FileContent(self._links.open(holding.path))
        except LinkedFileError as error:
            raise AssetDamagedError(error.message) from error
        if content.size_bytes != holding.size_bytes:
            content.close()
            raise AssetDamagedError("The linked file has changed since it was taken in.")
        return Representation(
            size_bytes=content.size_bytes,
            etag=f'"{content.state_key}"',
            filename=filename,
            media_type=media_type,
            sha256=holding.sha256 if content.modified_ns == holding.modified_ns else None,
            modified_at=content.modified_at,
        ), content

    async def _open_elsewhere(self, filename: str, media_type: str | None, holding: Managed) -> tuple[Representation, Content]:
        size_bytes = await self._objects.find_size(holding.sha256)
        if size_bytes != holding.size_bytes:
            raise _wrong_size(holding, size_bytes)
        content = StreamContent(lambda start, end: self._objects.open_range(holding.sha256, start, end))
        return _describe(filename, media_type, holding, None), content


@lru_cache(maxsize=4096)
def _describe(filename: str, media_type: str | None, holding: Managed, modified_at: datetime | None) -> Representation:
    return Representation(
        size_bytes=holding.size_bytes,
        etag=f'"{holding.sha256}"',
        filename=filename,
        media_type=media_type,
        sha256=holding.sha256,
        modified_at=modified_at,
    )


def _unreadable(error: OSError) -> AssetDamagedError:
    return AssetDamagedError(f"The bytes of this asset cannot be read here: {error.strerror}.")


def _wrong_size(holding: Managed, found: int | None) -> AssetDamagedError:
    has = "are missing" if found is None else f"have {found} bytes"
    return AssetDamagedError(f"The bytes of this asset {has}; the catalogue says {holding.size_bytes}.")
