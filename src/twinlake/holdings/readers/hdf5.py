"""NetCDF-4 and other HDF5 files, read by h5py; whatever leads out of the file is refused before anything is read."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from twinlake.holdings.readers.arrays import ArrayFile, ArrayVariable
from twinlake.holdings.readers.attributes import clean_text, clean_value
from twinlake.holdings.readers.errors import ForeignReferenceError, TooLargeToReadError, UnreadableFileError
from twinlake.holdings.readers.limits import MAX_BLOCK_BYTES, MAX_VARIABLES

_MAX_DEPTH = 16
_MAX_ATTRIBUTES = 2_000
_CHUNK_CACHE_BYTES = 32 * 2**20
_NOT_A_VARIABLE = "This is a netCDF dimension but not a netCDF variable"
_BOOKKEEPING = {
    "DIMENSION_LIST",
    "REFERENCE_LIST",
    "CLASS",
    "NAME",
    "_Netcdf4Dimid",
    "_Netcdf4Coordinates",
    "_NCProperties",
    "_nc3_strict",
}
_REMEDY = "Check it with h5dump or ncdump, write it again, and send it whole."


@contextmanager
def open_arrays(path: Path) -> Iterator[ArrayFile]:
    """Open the HDF5 file at *path* and yield its arrays.

    Raises
    ------
    ForeignReferenceError
        It has external links, external storage or virtual datasets.
    UnreadableFileError
        It is damaged, or a chunk of it is too large to decode.
    """
    try:
        with h5py.File(path, "r", locking=False, rdcc_nbytes=_CHUNK_CACHE_BYTES) as file:
            yield _read(file)
    except (OSError, RuntimeError) as error:
        raise UnreadableFileError(f"The HDF5 file cannot be read: {_reason(error)}.", _REMEDY) from error


def _read(file: h5py.File) -> ArrayFile:
    try:
        return _Walk(file).read()
    except (KeyError, TypeError, ValueError) as error:
        raise UnreadableFileError(f"The HDF5 file is damaged: {_reason(error)}.", _REMEDY) from error


def _reason(error: Exception) -> str:
    """Return HDF5's own words, without the path of this site."""
    text = str(error)
    return text[text.rfind("(") + 1 : text.rfind(")")] if "(" in text and ")" in text else type(error).__name__


class _Walk:
    """Collects the datasets of a file, group by group, following hard links only."""

    def __init__(self, file: h5py.File) -> None:
        self._file = file
        self._seen: set[int] = set()
        self._datasets: dict[str, h5py.Dataset] = {}

    def read(self) -> ArrayFile:
        self._enter(self._file, "", 0)
        scales = {name: dataset for name, dataset in self._datasets.items() if dataset.is_scale}
        ids = {_number(dataset, "_Netcdf4Dimid"): name for name, dataset in scales.items()}
        lengths: dict[str, int] = {}
        variables: dict[str, ArrayVariable] = {}
        for name, dataset in self._datasets.items():
            axes = self._axes(name, dataset, ids)
            lengths |= dict(zip(axes, dataset.shape, strict=True))
            if not _is_bare_dimension(dataset):
                variables[name] = _variable(name, dataset, axes)
        return ArrayFile(lengths, variables, _attributes(self._file))

    def _enter(self, group: h5py.Group, prefix: str, depth: int) -> None:
        if depth > _MAX_DEPTH:
            raise TooLargeToReadError(f"The HDF5 file nests groups deeper than {_MAX_DEPTH}.", "Flatten it.")
        for raw in list(group.id):
            link = group.get(raw, getlink=True)
            if isinstance(link, h5py.ExternalLink):
                raise ForeignReferenceError("The HDF5 file has an external link to another file.")
            if not isinstance(link, h5py.HardLink):
                continue
            member = group.get(raw)
            if member is None:
                continue
            address = h5py.h5o.get_info(member.id).addr
            if address in self._seen:
                continue
            self._seen.add(address)
            name = f"{prefix}{clean_text(raw)}"
            if isinstance(member, h5py.Group):
                self._enter(member, f"{name}/", depth + 1)
            elif isinstance(member, h5py.Dataset) and member.shape is not None:
                self._take(name, member)

    def _take(self, name: str, dataset: h5py.Dataset) -> None:
        if len(self._datasets) >= MAX_VARIABLES:
            raise TooLargeToReadError(f"The HDF5 file has more than {MAX_VARIABLES} datasets.", "Split it into several files.")
        if dataset.id.get_create_plist().get_external_count() > 0 or dataset.is_virtual:
            raise ForeignReferenceError(f"The dataset {name!r} keeps its values in other files.")
        chunk = dataset.chunks
        if chunk and np.prod(chunk, dtype=np.float64) * dataset.dtype.itemsize > MAX_BLOCK_BYTES:
            raise TooLargeToReadError(
                f"A chunk of {name!r} unfolds to more than {MAX_BLOCK_BYTES // 2**20} MiB.",
                "Write it with smaller chunks, for instance with nccopy -c.",
            )
        self._datasets[name] = dataset

    def _axes(self, name: str, dataset: h5py.Dataset, ids: dict[int | None, str]) -> tuple[str, ...]:
        """Return the names of the dataset's dimensions: of the scales attached to it, or made up from the lengths."""
        coordinates = dataset.attrs.get("_Netcdf4Coordinates") if "_Netcdf4Coordinates" in dataset.attrs else None
        if coordinates is not None and all(int(each) in ids for each in np.atleast_1d(coordinates)):
            return tuple(ids[int(each)] for each in np.atleast_1d(coordinates))
        if dataset.is_scale and len(dataset.shape) == 1:
            return (name,)
        return tuple(self._axis(dataset, axis) for axis in range(len(dataset.shape)))

    @staticmethod
    def _axis(dataset: h5py.Dataset, axis: int) -> str:
        scales = dataset.dims[axis]
        if len(scales) and (name := scales[0].name):
            return clean_text(name.strip("/"))
        return f"phony_{axis}_{dataset.shape[axis]}"


def _number(dataset: h5py.Dataset, name: str) -> int | None:
    return int(np.atleast_1d(dataset.attrs[name])[0]) if name in dataset.attrs else None


def _is_bare_dimension(dataset: h5py.Dataset) -> bool:
    if not dataset.is_scale or "NAME" not in dataset.attrs:
        return False
    return clean_text(clean_value(dataset.attrs["NAME"]) or "").startswith(_NOT_A_VARIABLE)


def _variable(name: str, dataset: h5py.Dataset, axes: tuple[str, ...]) -> ArrayVariable:
    attributes, chunks = _attributes(dataset), dataset.chunks
    return ArrayVariable(name, axes, tuple(dataset.shape), dataset.dtype, attributes, dataset.__getitem__, chunks)


def _attributes(owner: Any) -> dict[str, Any]:
    """Return attributes that are texts or numbers; those that HDF5 cannot read or that refer elsewhere are left out."""
    found: dict[str, Any] = {}
    for index in range(min(h5py.h5a.get_num_attrs(owner.id), _MAX_ATTRIBUTES)):
        attribute = h5py.h5a.open(owner.id, index=index)
        name = clean_text(attribute.name)
        if name in _BOOKKEEPING or attribute.get_storage_size() > 2**20 or attribute.get_type().get_class() == h5py.h5t.REFERENCE:
            continue
        try:
            value = owner.attrs[attribute.name]
        except (OSError, TypeError, ValueError, UnicodeError):
            continue
        found[name] = None if isinstance(value, h5py.Empty) else clean_value(value)
    return found
