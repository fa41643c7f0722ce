"""The whole product of an item with several assets: a stored ZIP, made while it is sent."""

import asyncio
import hashlib
import re
import unicodedata
import zipfile
from collections.abc import Iterable, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.types import Scope, Send

from twinlake.access.delivery.errors import AssetDamagedError
from twinlake.access.delivery.sender import DirectSender
from twinlake.engines.web.files import ContentResponse
from twinlake.engines.web.representation import Representation
from twinlake.holdings.catalogue.interfaces import Bundle, Linked, Managed, StoredAsset

_UNSAFE = re.compile(r'[\x00-\x1f\x7f"*/:<>?\\|]')
_LONGEST_BYTES = 200
"""Of a name in UTF-8, before it gets a number: file systems take 255."""
_READABLE = 0o644 << 16


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of a ZIP."""

    name: str
    media_type: str | None
    holding: Managed | Linked
    etag: str
    """Of the bytes that are to be sent and no others."""


class BundleSender:
    """Sends what is held of an item as one ZIP (APPNOTE 6.3: stored, ZIP64 where needed), in constant memory."""

    def __init__(self, *, direct: DirectSender) -> None:
        self._direct = direct

    async def send(self, asset: StoredAsset, bundle: Bundle, *, cache_control: str) -> ContentResponse:
        """Answer with *bundle* as the file that *asset* describes.

        Raises
        ------
        AssetDamagedError
            Bytes are not there as the catalogue says.
        """
        entries = []
        names = name_entries([part.filename for part in bundle.assets])
        for name, part in zip(names, bundle.assets, strict=True):
            if not isinstance(part.holding, Managed | Linked):
                raise TypeError(part.holding)
            described, content = await self._direct.open(name, part.media_type, part.holding)
            content.close()
            entries.append(Entry(name, part.media_type, part.holding, described.etag))
        representation = Representation(
            size_bytes=size_of([(entry.name, entry.holding.size_bytes) for entry in entries]),
            etag=_etag(entries),
            filename=asset.filename,
            media_type=asset.media_type,
            has_ranges=False,
        )
        return ContentResponse(representation, ZipContent(entries, self._direct), {"Cache-Control": cache_control})


class ZipContent:
    """A ZIP of *entries*, whose bytes are opened one after the other."""

    def __init__(self, entries: Sequence[Entry], direct: DirectSender) -> None:
        self._entries = entries
        self._direct = direct

    async def send_range(self, scope: Scope, send: Send, start: int, end: int) -> None:
        """Send the whole ZIP.

        Raises
        ------
        AssetDamagedError, ShortFileError
            An entry is not what its checksum or size says.
        """
        _ = scope, start, end
        sink = _Sink()
        with zipfile.ZipFile(sink, "w", zipfile.ZIP_STORED) as archive:
            for entry in self._entries:
                await self._send_entry(archive, entry, sink, send)
        await send({"type": "http.response.body", "body": sink.take()})

    def close(self) -> None:
        """Nothing is open between entries."""

    async def _send_entry(self, archive: zipfile.ZipFile, entry: Entry, sink: "_Sink", send: Send) -> None:
        described, content = await self._direct.open(entry.name, entry.media_type, entry.holding)
        digest = hashlib.sha256()
        info = zipfile.ZipInfo(entry.name)
        info.external_attr = _READABLE
        size_bytes = entry.holding.size_bytes
        try:
            if described.etag != entry.etag:
                raise AssetDamagedError("A file changed while it was sent.")
            with archive.open(info, "w", force_zip64=size_bytes > zipfile.ZIP64_LIMIT) as packing:

                def pack(piece: bytes) -> bytes:
                    digest.update(piece)
                    packing.write(piece)
                    return sink.take()

                async def send_packed(message: MutableMapping[str, Any]) -> None:
                    if piece := message.get("body"):
                        packed = await asyncio.to_thread(pack, piece)
                        await send({"type": "http.response.body", "body": packed, "more_body": True})

                if size_bytes:
                    await content.send_range({}, send_packed, 0, size_bytes)
                if described.sha256 not in {None, digest.hexdigest()}:
                    raise AssetDamagedError("The bytes of an asset are not those of its checksum.")
        finally:
            content.close()


class _Sink:
    """Takes what `zipfile` writes, until it is sent; it cannot seek."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._pieces.append(data)
        return len(data)

    def flush(self) -> None:
        """Nothing waits here but for `take`."""

    def close(self) -> None:
        """Nothing to close."""

    def take(self) -> bytes:
        data = b"".join(self._pieces)
        self._pieces.clear()
        return data


def size_of(entries: Sequence[tuple[str, int]]) -> int:
    """Return the bytes of the ZIP that `zipfile` makes of files with these names and sizes where it cannot seek."""
    limit = zipfile.ZIP64_LIMIT
    offset = directory = 0
    for name, size in entries:
        name_bytes = len(name.encode())
        is_large = size > limit
        wide = 8 * (2 * is_large + (offset > limit))  # sizes and the offset, in the extra field of the directory
        directory += 46 + name_bytes + (4 + wide if wide else 0)
        offset += 30 + name_bytes + size + (20 + 24 if is_large else 16)  # header and the descriptor after the bytes
    is_wide = len(entries) > zipfile.ZIP_FILECOUNT_LIMIT or offset > limit or directory > limit
    return offset + directory + (56 + 20 if is_wide else 0) + 22


def name_entries(filenames: Iterable[str]) -> list[str]:
    """Return a name for each file: no path, nothing that a file system refuses, no two alike on any."""
    names: list[str] = []
    taken: set[str] = set()
    for filename in filenames:
        plain = _UNSAFE.sub("_", unicodedata.normalize("NFC", filename.encode(errors="replace").decode()))
        name = safe = plain.encode()[-_LONGEST_BYTES:].decode(errors="ignore").strip(" .") or "file"
        stem, dot, suffix = safe.partition(".")
        number = 1
        while name.casefold() in taken:
            number += 1
            name = f"{stem}-{number}{dot}{suffix}"
        taken.add(name.casefold())
        names.append(name)
    return names


def _etag(entries: Sequence[Entry]) -> str:
    text = "\n".join(f"{entry.name}/{entry.etag}" for entry in entries)
    return f'"{hashlib.sha256(text.encode()).hexdigest()}"'
