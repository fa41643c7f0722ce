"""Values that processes compute with: numbers, texts and truths, one or many at once, with a mark for each that is not there.

One kernel serves a single number, a JSON array and the millions of pixels of a tile: a value always is a numpy array, of no
dimension where it is one value.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twinlake.standards.openeo.errors import ProcessParameterInvalidError

Label = str | int | float
_SMALLEST, _LARGEST = -(2**63), 2**63 - 1


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Values:
    """One value per cell of a tile, or one only.

    An array in the sense of openEO has its elements along the first dimension; all others are cells that are computed beside
    each other.
    """

    data: NDArray[Any]
    """Numbers, truths, or Python objects (texts, mixed and nested arrays). Whatever stands where nothing is valid."""
    valid: NDArray[np.bool_] | None = None
    """False where there is no data; of the shape of *data*, or None where there is data everywhere."""
    is_array: bool = False
    """Whether the first dimension is that of an array's elements."""
    labels: tuple[Label, ...] | None = None
    """Of the elements."""
    nan_is_nodata: bool = False
    """Whether NaN means no data: so it is in cubes of floating-point numbers, and so it is not in JSON."""

    def mask(self) -> NDArray[np.bool_] | None:
        """Return where there is data; None where there is everywhere."""
        return self.where() if self.nan_is_nodata else self.valid

    def where(self) -> NDArray[np.bool_]:
        """Return where there is data, written out."""
        return self.where_at(())

    def where_at(self, place: tuple[slice, ...]) -> NDArray[np.bool_]:
        """Return where there is data among the cells at *place*, written out."""
        index: tuple[Any, ...] = (*place, ...)
        data = self.data[index]
        valid = None if self.valid is None else self.valid[index]
        if not self.nan_is_nodata:
            return np.ones(data.shape, dtype=bool) if valid is None else valid
        there: NDArray[np.bool_] = data == data  # noqa: PLR0124 - not NaN, in half the time of asking for that
        return there if valid is None else there & valid

    @property
    def is_number(self) -> bool:
        """Whether these are numbers, or nothing is valid at all."""
        return self.data.dtype.kind in "iuf" or self.is_empty

    @property
    def is_truth(self) -> bool:
        """Whether these are true and false, or nothing is valid at all."""
        return self.data.dtype.kind == "b" or self.is_empty

    @property
    def is_empty(self) -> bool:
        """Whether not one is valid: so it is with ``[]`` and null, but not where there merely are no cells (a hollow cube)."""
        if self.data.size == 0:
            return self.data.ndim == self.is_array
        return self.valid is not None and not self.valid.any()

    def element(self, number: int) -> "Values":
        """Return one element of an array; of mixed ones as the kind that it has itself."""
        if self.data.dtype == object and self.data.ndim == 1:
            return nothing() if self.valid is not None and not self.valid[number] else from_json(self.data[number])
        valid = None if self.valid is None else self.valid[number]
        return replace(self, data=self.data[number, ...], valid=valid, is_array=False, labels=None)

    def elements(self, places: slice | NDArray[np.integer[Any]]) -> "Values":
        """Return the array of some elements, with their labels."""
        valid = None if self.valid is None else self.valid[places]
        labels = None
        if self.labels is not None:
            labels = tuple([self.labels[i] for i in np.arange(len(self.data))[places]])
        return replace(self, data=self.data[places], valid=valid, labels=labels)


def are_all(valid: NDArray[np.bool_], *made_of: Values) -> bool:
    """Tell whether all cells are *valid*: of a hollow cube, which has none, whether what it was made of has no gaps.

    Without *made_of* it may have gaps whatever it was made of.
    """
    return bool(valid.all()) if valid.size else bool(made_of) and all(each.mask() is None for each in made_of)


def from_json(value: object) -> Values:
    """Return JSON as values; arrays keep what their elements are, null is no data."""
    if isinstance(value, dict) and value.get("type") == "labeled-array":
        pairs = value["data"]
        return replace(from_json([pair["value"] for pair in pairs]), labels=tuple(pair["key"] for pair in pairs))
    if not isinstance(value, list):
        return _single(value)
    data, valid = _array(value)
    return Values(data=data, valid=None if valid.all() else valid, is_array=True)


def to_json(values: Values) -> Any:
    """Return values as JSON; NaN and infinity stay floats, which JSON knows only by the word of openEO's clients."""
    plain = to_plain(values)
    if values.labels is None:
        return plain
    pairs = [{"key": key, "value": value} for key, value in zip(values.labels, plain, strict=True)]
    return {"type": "labeled-array", "data": pairs}


def to_plain(values: Values) -> Any:
    """Return one value, or an array, as Python has it; `None` is no data.

    Raises
    ------
    ProcessParameterInvalidError
        The values differ from cell to cell.
    """
    if values.data.ndim > values.is_array:
        raise ProcessParameterInvalidError("An option must be one for all cells and elements.")
    plain = values.data.tolist()
    if values.valid is None:
        return plain
    if not values.is_array:
        return plain if values.valid else None
    return [each if is_there else None for each, is_there in zip(plain, values.valid, strict=True)]


def nothing() -> Values:
    """Return one value that is not there."""
    return Values(data=np.array(math.nan), valid=np.array(False))


def _single(value: object) -> Values:
    if value is None:
        return nothing()
    return Values(data=_kept(value))


def _kept(value: object) -> NDArray[Any]:
    """Keep one value: numbers as numbers, everything else as it is."""
    if isinstance(value, bool):
        return np.array(value)
    if isinstance(value, int):
        return np.array(value) if _SMALLEST <= value <= _LARGEST else np.array(float(value))
    if isinstance(value, float):
        return np.array(value)
    kept = np.empty((), dtype=object)
    kept[()] = value
    return kept


def _array(elements: Sequence[Any]) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    valid = np.array([each is not None for each in elements], dtype=bool)
    there = [each for each in elements if each is not None]
    if all(isinstance(each, bool) for each in there):
        data = np.array([bool(each) for each in elements], dtype=bool if there else float)
        return data, valid
    if all(isinstance(each, int | float) and not isinstance(each, bool) for each in there):
        if all(isinstance(each, int) and _SMALLEST <= each <= _LARGEST for each in there):
            return np.array([each or 0 for each in elements], dtype=np.int64), valid
        return np.array([math.nan if each is None else float(each) for each in elements]), valid
    kept = np.empty(len(elements), dtype=object)
    for number, each in enumerate(elements):
        kept[number] = each
    return kept, valid
