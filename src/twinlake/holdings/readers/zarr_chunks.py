"""Chunks of a Zarr array that are one file each, unpacked to where their values go: what a job spends most of its time with.

zarr-python unpacks each chunk into fresh memory and copies it from there; it reads what is not plain.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Any

import numcodecs.blosc
import numpy as np
from numcodecs import LZ4, Blosc, GZip, Zlib, Zstd
from numcodecs.abc import Codec
from numpy.typing import NDArray

from twinlake.core.documents import JsonObject
from twinlake.holdings.readers.arrays import Selection
from twinlake.holdings.readers.errors import UnreadableFileError
from twinlake.holdings.readers.memory import Memory
from twinlake.holdings.readers.zarr_members import REMEDY, Members

numcodecs.blosc.use_threads = False  # as zarr-python does: a process that forks has none of its threads afterwards
_PACKED = {"blosc": Blosc(), "gzip": GZip(), "lz4": LZ4(), "zlib": Zlib(), "zstd": Zstd()}
"""Codecs that unpack bytes and need not be told how these were packed."""
_ZSTD_SIZES = {1: (struct.Struct("<H"), 256), 2: (struct.Struct("<I"), 0), 3: (struct.Struct("<Q"), 0)}
"""How a frame of more than 255 bytes tells its size, and what is to be added, by the first bits of its descriptor (RFC 8878)."""
_BLOSC_SIZE = struct.Struct("<4xI")


@dataclass(frozen=True, slots=True)
class Plain:
    """How the chunks of an array without shards and filters are stored: values in row-major order, maybe packed."""

    prefix: str
    """Of the names of chunks, below the array's own."""
    separator: str
    codec: Codec | None


def plain_v2(document: JsonObject) -> Plain | None:
    """Return how chunks are stored, as ``.zarray`` tells; None if they are not plain."""
    compressor = document.get("compressor")
    if document.get("filters") or document.get("order") != "C" or (compressor and compressor["id"] not in _PACKED):
        return None
    return Plain("", document.get("dimension_separator") or ".", _PACKED[compressor["id"]] if compressor else None)


def plain_v3(document: JsonObject) -> Plain | None:
    """Return how chunks are stored, as ``zarr.json`` of an array tells; None if they are not plain."""
    first, *others = document["codecs"]
    encoding = document["chunk_key_encoding"]
    is_v2 = encoding["name"] == "v2"
    if document["chunk_grid"]["name"] != "regular":
        return None
    if first["name"] != "bytes" or len(others) > 1 or any(each["name"] not in _PACKED for each in others):
        return None
    if (first.get("configuration") or {}).get("endian", "little") != "little" or not (is_v2 or encoding["name"] == "default"):
        return None
    separator = (encoding.get("configuration") or {}).get("separator") or ("." if is_v2 else "/")
    return Plain("" if is_v2 else f"c{separator}", separator, _PACKED[others[0]["name"]] if others else None)


@dataclass(frozen=True, slots=True)
class Chunks:
    """The chunks of one array."""

    members: Members
    name: str
    """Of the array in its store."""
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    lengths: tuple[int, ...]
    """Of a chunk along each dimension; those at the end of one are stored whole, too."""
    plain: Plain

    def read(self, selection: Selection, memory: Memory) -> NDArray[Any] | None:
        """Return the values of a selection in *memory*; None if it is not one of slices without steps, or misses a chunk.

        Raises
        ------
        UnreadableFileError
            A chunk is damaged.
        """
        places = [each.indices(size) for each, size in zip(selection, self.shape, strict=True) if isinstance(each, slice)]
        if not places or len(places) < len(self.shape) or any(step != 1 or start >= end for start, end, step in places):
            return None
        spans = [range(start, end) for start, end, _ in places]
        numbers = [range(span.start // length, -(-span.stop // length)) for span, length in zip(spans, self.lengths, strict=True)]
        if prod(map(len, numbers)) > len(self.members.sizes):
            return None
        chunks = list(product(*numbers))
        if any(self._name_of(chunk) not in self.members.sizes for chunk in chunks):
            return None
        made = memory.array(tuple(map(len, spans)), self.dtype)
        for chunk in chunks:
            inside, outside = zip(*self._cross(chunk, spans), strict=True)
            target = made[outside]
            if target.size == prod(self.lengths) and target.flags.c_contiguous:
                self._unpack(chunk, target.reshape(-1).view(np.uint8))
            else:
                target[...] = self._whole(chunk, memory)[inside]
        return made

    def _cross(self, chunk: tuple[int, ...], spans: list[range]) -> Iterator[tuple[slice, slice]]:
        """Yield for each dimension which values of a chunk are wanted, and where they go."""
        for number, span, length in zip(chunk, spans, self.lengths, strict=True):
            first, end = max(span.start, number * length), min(span.stop, (number + 1) * length)
            yield slice(first - number * length, end - number * length), slice(first - span.start, end - span.start)

    def _whole(self, chunk: tuple[int, ...], memory: Memory) -> NDArray[Any]:
        """Return a chunk; windows that lie side by side in it need it one after the other."""
        size = prod(self.lengths) * self.dtype.itemsize
        values = memory.unpacked((self.members, self.name, chunk), size, lambda target: self._unpack(chunk, target))
        return values.view(self.dtype).reshape(self.lengths)

    def _unpack(self, chunk: tuple[int, ...], target: NDArray[np.uint8]) -> None:
        """Write the values of a chunk into the bytes of *target*."""
        packed, codec = self.members.read(self._name_of(chunk)), self.plain.codec
        if codec is not None and _told_size(codec, packed) == target.size:
            # Asked for nothing but bytes that are all there, a codec does not tell when it wrote only some of them.
            codec.decode(packed, target)
            return
        values = np.frombuffer(packed if codec is None else codec.decode(packed), np.uint8)
        if values.size != target.size:
            raise UnreadableFileError(f"A chunk of {self.name!r} has {values.size} bytes, and not {target.size}.", REMEDY)
        target[:] = values

    def _name_of(self, chunk: tuple[int, ...]) -> str:
        own = self.plain.prefix + self.plain.separator.join(map(str, chunk))
        return f"{self.name}/{own}" if self.name else own


def _told_size(codec: Codec, packed: NDArray[np.uint8]) -> int | None:
    """Return to how many bytes *packed* unpacks, where it begins with that."""
    head = packed[:16].tobytes()
    if isinstance(codec, Blosc) and len(head) == 16:
        return int(_BLOSC_SIZE.unpack_from(head)[0])
    if isinstance(codec, Zstd) and len(head) == 16 and (head[4] >> 6) in _ZSTD_SIZES and not head[4] & 3:
        written, more = _ZSTD_SIZES[head[4] >> 6]
        return int(written.unpack_from(head, 5 if head[4] & 0x20 else 6)[0]) + more
    return None
