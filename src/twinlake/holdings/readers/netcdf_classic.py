"""The classic NetCDF formats (CDF-1, CDF-2, CDF-5), read from their bytes.

The header is small and simple, and the NetCDF library dies of attribute names that are no UTF-8, which real files have.
Values are views into the mapped file, so nothing is read that nobody looks at.

References
----------
NetCDF Classic Format Specification, https://docs.unidata.ucar.edu/netcdf-c/current/file_format_specifications.html
"""

import mmap
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from twinlake.holdings.readers.arrays import ArrayFile, ArrayVariable
from twinlake.holdings.readers.attributes import clean_text, clean_value
from twinlake.holdings.readers.errors import TooLargeToReadError, UnreadableFileError
from twinlake.holdings.readers.formats import open_regular
from twinlake.holdings.readers.limits import MAX_HEADER_BYTES, MAX_VARIABLES

_TYPES = {1: "i1", 2: "S1", 3: ">i2", 4: ">i4", 5: ">f4", 6: ">f8", 7: "u1", 8: ">u2", 9: ">u4", 10: ">i8", 11: ">u8"}
_DIMENSION, _VARIABLE, _ATTRIBUTE = 10, 11, 12
_MAX_RANK = 1024
_REMEDY = "The file was cut off or damaged: send it again whole."


class _Header:
    """Walks over the bytes of a header."""

    def __init__(self, data: mmap.mmap) -> None:
        self._data = data
        self._at = 4
        version = data[3]
        self._count_form = ">q" if version == 5 else ">i"
        self._offset_form = ">i" if version == 1 else ">q"

    def _unpack(self, form: str) -> int:
        length = struct.calcsize(form)
        value: int = struct.unpack(form, self.take(length))[0]
        return value

    def take(self, length: int) -> bytes:
        if length < 0 or length > MAX_HEADER_BYTES or self._at + length > min(len(self._data), MAX_HEADER_BYTES):
            raise UnreadableFileError("The header of the NetCDF file ends too early.", _REMEDY)
        taken = self._data[self._at : self._at + length]
        self._at += length
        return taken

    def tag(self) -> int:
        return self._unpack(">i")

    def count(self) -> int:
        return self._unpack(self._count_form)

    def offset(self) -> int:
        return self._unpack(self._offset_form)

    def padded(self, length: int) -> bytes:
        taken = self.take(length)
        self.take(-length % 4)
        return taken

    def name(self) -> str:
        return clean_text(self.padded(self.count()))

    def items(self, expected: int) -> int:
        """Begin a list of dimensions, variables or attributes; return how many there are."""
        tag, count = self.tag(), self.count()
        if tag == 0 and count == 0:
            return 0
        if tag != expected or count < 0:
            raise UnreadableFileError("The header of the NetCDF file is damaged.", _REMEDY)
        if count > 100 * MAX_VARIABLES:
            raise TooLargeToReadError(f"The NetCDF file lists {count} entries.", "Split it into several files.")
        return count

    def type(self) -> np.dtype[Any]:
        code = self.tag()
        if code not in _TYPES:
            raise UnreadableFileError(f"The NetCDF file has a type {code} that does not exist.", _REMEDY)
        return np.dtype(_TYPES[code])

    def attributes(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for _ in range(self.items(_ATTRIBUTE)):
            name, dtype, count = self.name(), self.type(), self.count()
            raw = self.padded(count * dtype.itemsize)
            found[name] = clean_text(raw) if dtype.kind == "S" else clean_value(np.frombuffer(raw, dtype))
        return found


@contextmanager
def open_arrays(path: Path) -> Iterator[ArrayFile]:
    """Open the classic NetCDF file at *path* and yield its arrays; they are gone when the block is left.

    Raises
    ------
    UnreadableFileError
        Its header is damaged, or it holds fewer bytes than the header says.
    """
    with open_regular(path) as file:
        data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)  # closed when the last view of it goes
        yield _read(data)


@dataclass(frozen=True, slots=True)
class _Entry:
    """One variable as the header has it."""

    name: str
    axes: tuple[str, ...]
    fixed: tuple[int, ...]
    """Lengths of its axes without the record dimension."""
    by_record: bool
    dtype: np.dtype[Any]
    attributes: dict[str, Any]
    begin: int

    @property
    def slab_bytes(self) -> int:
        """Bytes of the variable, or of one record of it."""
        return prod(self.fixed) * self.dtype.itemsize


def _read(data: mmap.mmap) -> ArrayFile:
    header = _Header(data)
    records = header.count()
    dimensions = [(header.name(), header.count()) for _ in range(header.items(_DIMENSION))]
    if any(length < 0 for _, length in dimensions):
        raise UnreadableFileError("A dimension of the NetCDF file has a negative length.", _REMEDY)
    attributes = header.attributes()
    entries = [_read_entry(header, dimensions) for _ in range(header.items(_VARIABLE))]
    stride = _record_stride(entries)
    if records < 0:  # written as a stream: there are as many as the file has room for
        first = min((entry.begin for entry in entries if entry.by_record), default=0)
        records = (len(data) - first) // stride if stride else 0
    lengths = {name: length or records for name, length in dimensions}
    variables = {entry.name: _variable(data, entry, records, stride) for entry in entries}
    return ArrayFile(lengths, variables, attributes)


def _read_entry(header: _Header, dimensions: list[tuple[str, int]]) -> _Entry:
    name, rank = header.name(), header.count()
    if not 0 <= rank <= _MAX_RANK:
        raise UnreadableFileError("The header of the NetCDF file is damaged.", _REMEDY)
    ids = [header.count() for _ in range(rank)]
    if any(not 0 <= each < len(dimensions) for each in ids):
        raise UnreadableFileError("A variable of the NetCDF file has a dimension that does not exist.", _REMEDY)
    attributes, dtype = header.attributes(), header.type()
    header.count()  # vsize: it overflows for large variables and follows from the shape
    lengths = [dimensions[each][1] for each in ids]
    by_record = bool(ids) and lengths[0] == 0
    return _Entry(
        name=name,
        axes=tuple(dimensions[each][0] for each in ids),
        fixed=tuple(lengths[1:] if by_record else lengths),
        by_record=by_record,
        dtype=dtype,
        attributes=attributes,
        begin=header.offset(),
    )


def _record_stride(entries: list[_Entry]) -> int:
    """Return the bytes of one record of all variables; a lone record variable is not padded."""
    slabs = [entry.slab_bytes for entry in entries if entry.by_record]
    return slabs[0] if len(slabs) == 1 else sum(slab + -slab % 4 for slab in slabs)


def _variable(data: mmap.mmap, entry: _Entry, records: int, stride: int) -> ArrayVariable:
    shape = (records, *entry.fixed) if entry.by_record else entry.fixed
    span = (records - 1) * stride + entry.slab_bytes if entry.by_record and records else prod(shape) * entry.dtype.itemsize
    if span and not 0 <= entry.begin <= len(data) - span:
        raise UnreadableFileError(
            f"The NetCDF file ends at byte {len(data)}, but its variable {entry.name!r} goes on to {entry.begin + span}.", _REMEDY
        )
    steps = tuple(prod(entry.fixed[axis + 1 :]) * entry.dtype.itemsize for axis in range(len(entry.fixed)))
    strides = (stride, *steps) if entry.by_record else steps
    values = np.ndarray(shape, entry.dtype, data, entry.begin, strides) if span else np.empty(shape, entry.dtype)
    return ArrayVariable(entry.name, entry.axes, shape, entry.dtype, entry.attributes, values.__getitem__)
