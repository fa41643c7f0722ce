"""Zarr directories (v2 and v3): every metadata file is judged before zarr-python sees the store."""

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twinlake.core.documents import JsonObject
from twinlake.holdings.readers.arrays import ArrayFile, ArrayVariable, Selection
from twinlake.holdings.readers.attributes import clean_text, clean_value
from twinlake.holdings.readers.errors import ForeignReferenceError, TooLargeToReadError, UnreadableFileError
from twinlake.holdings.readers.formats import open_regular
from twinlake.holdings.readers.json_stream import parse
from twinlake.holdings.readers.limits import MAX_BLOCK_BYTES, MAX_DOCUMENT_BYTES, MAX_HEADER_BYTES, MAX_VARIABLES
from twinlake.holdings.readers.memory import Memory
from twinlake.holdings.readers.zarr_chunks import Chunks, Plain, plain_v2, plain_v3
from twinlake.holdings.readers.zarr_members import REMEDY, Folder, Members, find_members

_METADATA = {"zarr.json", ".zarray", ".zgroup", ".zattrs", ".zmetadata"}
_CODECS = {
    "adler32", "astype", "bitround", "blosc", "bz2", "bytes", "crc32", "crc32c", "delta", "endian", "fixedscaleoffset",
    "fletcher32", "gzip", "lz4", "lzma", "packbits", "quantize", "scale_offset", "sharding_indexed", "shuffle", "transpose",
    "vlen-bytes", "vlen-utf8", "zlib", "zstd",
}  # fmt: skip
_V3_TYPES = {"bool": "?", "string": "O", "bytes": "O", "variable_length_bytes": "O"}


@dataclass(frozen=True, slots=True)
class _Array:
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    dimensions: tuple[str, ...]
    attributes: JsonObject
    chunks: tuple[int, ...]
    plain: Plain | None
    """How its chunks are stored; None where that is zarr-python's to know."""


def manifest(path: Path) -> tuple[JsonObject, ...]:
    """Return ``path``, ``size`` and ``sha256`` of each file of the store, sorted by path."""
    return tuple({"path": name, "size": size, "sha256": _sha256(path / name)} for name, size in Folder(path).sizes.items())


def _sha256(path: Path) -> str:
    with open_regular(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def open_arrays(path: Path, memory: Memory | None = None) -> Iterator[ArrayFile]:
    """Open the Zarr store at *path*, a folder or an archive that holds one, and yield its arrays.

    Parameters
    ----------
    memory
        What is read lies there, if it can.

    Raises
    ------
    UnreadableFileError
        Its metadata is damaged, a chunk is too large, or a codec is not known to be harmless.
    """
    members, memory = find_members(path), memory or Memory()
    documents = _read_metadata(members)
    arrays, attributes = _v3(documents) if "zarr.json" in documents else _v2(documents)
    if len(arrays) > MAX_VARIABLES:
        raise TooLargeToReadError(f"The Zarr store has more than {MAX_VARIABLES} arrays.", "Split it into several stores.")
    lengths: dict[str, int] = {}
    variables: dict[str, ArrayVariable] = {}
    for name, array in arrays.items():
        lengths |= dict(zip(array.dimensions, array.shape, strict=True))
        read = _Reader(members, name, array, memory)
        variables[name] = ArrayVariable(name, array.dimensions, array.shape, array.dtype, array.attributes, read, array.chunks)
    yield ArrayFile(lengths, variables, attributes)


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads one array, which is not opened before."""

    members: Members
    name: str
    array: _Array
    memory: Memory

    def __call__(self, selection: Selection) -> NDArray[Any]:
        array = self.array
        try:
            if array.plain is not None:
                chunks = Chunks(self.members, self.name, array.shape, array.dtype, array.chunks, array.plain)
                if (values := chunks.read(selection, self.memory)) is not None:
                    return values
            return self._read_any(selection)
        except (OSError, ValueError, TypeError, KeyError, RuntimeError, SystemError) as error:
            raise UnreadableFileError(f"The array {self.name!r} cannot be read: {str(error)[:200]}.", REMEDY) from error

    def _read_any(self, selection: Selection) -> NDArray[Any]:
        """Return a selection of an array that is stored in any way."""
        import zarr  # most of what is read does without it, and it takes a tenth of a second

        opened = zarr.open_array(self.members.open(), path=self.name, mode="r")
        if tuple(opened.shape) != self.array.shape:
            raise UnreadableFileError("The Zarr store contradicts itself.", REMEDY)
        return np.asarray(opened[selection])


def _read_metadata(members: Members) -> dict[str, JsonObject]:
    """Return the metadata documents of the store by their path."""
    found: dict[str, JsonObject] = {}
    total = 0
    for name, size in members.sizes.items():
        if name.rsplit("/", 1)[-1] not in _METADATA:
            continue
        total += size
        if size > MAX_DOCUMENT_BYTES or total > MAX_HEADER_BYTES:
            raise TooLargeToReadError("The metadata of the Zarr store is too large.", "Split it into several stores.")
        document = parse(members.read(name).tobytes())
        if not isinstance(document, dict):
            raise UnreadableFileError(f"{name} is no JSON object.", REMEDY)
        found[name] = document
    return found


def _v2(documents: dict[str, JsonObject]) -> tuple[dict[str, _Array], JsonObject]:
    arrays = {}
    for path, document in documents.items():
        folder, _, file = path.rpartition("/")
        if file == ".zarray":
            arrays[folder] = _v2_array(folder, document, documents.get(f"{folder}/.zattrs" if folder else ".zattrs", {}))
    return arrays, _clean(documents.get(".zattrs", {}))


def _v2_array(name: str, document: JsonObject, attributes: JsonObject) -> _Array:
    compressor = document.get("compressor")
    codecs = [*(document.get("filters") or []), *([compressor] if compressor else [])]
    try:
        _check_codecs(name, [codec["id"] for codec in codecs])
        shape, chunks = _lengths(document["shape"]), _lengths(document["chunks"])
        dtype = np.dtype(document["dtype"]) if isinstance(document["dtype"], str) else np.dtype("O")
        plain = plain_v2(document)
    except (KeyError, TypeError, ValueError) as error:
        raise UnreadableFileError(f"The metadata of {name!r} is damaged: {error}.", REMEDY) from None
    _check_chunk(name, chunks, dtype)
    fill = {"_FillValue": document["fill_value"]} if document.get("fill_value") else {}  # zarr's own default is 0, a value
    dimensions = _name_axes(name, shape, attributes.get("_ARRAY_DIMENSIONS"))
    return _Array(shape, dtype, dimensions, _clean(fill | attributes), chunks, None if dtype.hasobject else plain)


def _v3(documents: dict[str, JsonObject]) -> tuple[dict[str, _Array], JsonObject]:
    arrays = {}
    for path, document in documents.items():
        if document.get("node_type") == "array":
            arrays[path.rpartition("/")[0]] = _v3_array(path.rpartition("/")[0], document)
    return arrays, _clean(documents["zarr.json"].get("attributes") or {})


def _v3_array(name: str, document: JsonObject) -> _Array:
    if document.get("storage_transformers"):
        raise ForeignReferenceError(f"The array {name!r} keeps its values elsewhere (storage transformers).")
    try:
        shape, chunks = _lengths(document["shape"]), _lengths(document["chunk_grid"]["configuration"]["chunk_shape"])
        codecs, inner = _flatten_codecs(document["codecs"])
        _check_codecs(name, codecs)
        kind = document["data_type"]
        dtype = np.dtype(_V3_TYPES.get(kind, kind)) if isinstance(kind, str) and not kind.startswith("r") else np.dtype("O")
        plain = plain_v3(document)
    except (KeyError, TypeError, ValueError) as error:
        raise UnreadableFileError(f"The metadata of {name!r} is damaged: {error}.", REMEDY) from None
    _check_chunk(name, inner or chunks, dtype)
    dimensions, attributes = _name_axes(name, shape, document.get("dimension_names")), _clean(document.get("attributes") or {})
    return _Array(shape, dtype, dimensions, attributes, inner or chunks, None if dtype.hasobject else plain)


def _flatten_codecs(codecs: list[JsonObject]) -> tuple[list[str], tuple[int, ...] | None]:
    """Return the names of codecs, those inside shards too, and the innermost chunk's lengths where there are shards."""
    names: list[str] = []
    inner: tuple[int, ...] | None = None
    for codec in codecs:
        names.append(codec["name"])
        if codec["name"] == "sharding_indexed":
            configuration = codec["configuration"]
            nested, deeper = _flatten_codecs([*configuration["codecs"], *configuration.get("index_codecs", [])])
            names += nested
            inner = deeper or _lengths(configuration["chunk_shape"])
    return names, inner


def _check_codecs(name: str, codecs: list[str]) -> None:
    for codec in codecs:
        if str(codec).removeprefix("numcodecs.") not in _CODECS:
            raise UnreadableFileError(
                f"The array {name!r} uses the codec {clean_text(str(codec))!r}, which is not read here.",
                "Write it with zstd, blosc or gzip.",
            )


def _lengths(value: Any) -> tuple[int, ...]:
    if not isinstance(value, list) or any(not isinstance(each, int) or isinstance(each, bool) or each < 0 for each in value):
        raise ValueError("a shape is no list of lengths")
    return tuple(value)


def _check_chunk(name: str, chunks: tuple[int, ...], dtype: np.dtype[Any]) -> None:
    if prod(chunks) * dtype.itemsize > MAX_BLOCK_BYTES:
        raise TooLargeToReadError(
            f"A chunk of {name!r} unfolds to more than {MAX_BLOCK_BYTES // 2**20} MiB.", "Write it with smaller chunks."
        )


def _name_axes(name: str, shape: tuple[int, ...], names: Any) -> tuple[str, ...]:
    """Return the names of an array's dimensions, which are made up where there are none."""
    if isinstance(names, list) and len(names) == len(shape) and all(isinstance(each, str) for each in names):
        return tuple(clean_text(each) for each in names)
    return tuple(f"{re.sub('[^A-Za-z0-9]', '_', name) or 'array'}_{axis}" for axis in range(len(shape)))


def _clean(attributes: Any) -> JsonObject:
    if not isinstance(attributes, dict):
        raise UnreadableFileError("The attributes of an array are no JSON object.", REMEDY)
    return {clean_text(name): clean_value(value) for name, value in attributes.items() if name != "_ARRAY_DIMENSIONS"}
