"""Named arrays of a file, whatever library reads them: NetCDF classic, HDF5 or Zarr."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twinlake.holdings.readers.attributes import number_of, text_of
from twinlake.holdings.readers.limits import MAX_COORDINATES

Selection = tuple[slice | int, ...]
_WHOLE_SLICE = 32_000_000
"""Values that are read in one piece and thinned in memory, which is faster than a strided read."""
_DEFAULT_FILL = 9.9e36
"""NetCDF's own mark for floats that were never written is 9.969e36."""


@dataclass(frozen=True, slots=True)
class ArrayVariable:
    """One array."""

    name: str
    """Path below the root of the file, such as ``PRODUCT/latitude``."""
    dimensions: tuple[str, ...]
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    """As stored; ``object`` and strings are never read."""
    attributes: Mapping[str, Any]
    """Clean for JSON."""
    read: Callable[[Selection], NDArray[Any]]
    """Return stored values of a selection."""
    chunks: tuple[int, ...] | None = None
    """Lengths of the pieces that are decoded whole; None where values lie one behind the other."""

    @property
    def is_numeric(self) -> bool:
        """Whether its values are real numbers."""
        return self.dtype.kind in "iufb"

    @property
    def size(self) -> int:
        """Number of values."""
        return int(np.prod(self.shape, dtype=np.int64)) if self.shape else 1

    @property
    def short_name(self) -> str:
        """The name without its groups."""
        return self.name.rsplit("/", 1)[-1]

    @property
    def value_dtype(self) -> np.dtype[Any]:
        """What stored values are read as: classic NetCDF has unsigned integers only by an attribute."""
        is_unsigned = self.dtype.kind == "i" and self.text("_Unsigned") == "true"
        return np.dtype(self.dtype.str.replace("i", "u")) if is_unsigned else self.dtype

    def text(self, *names: str) -> str:
        """Return the first of these attributes that is text, or an empty string."""
        return text_of(dict(self.attributes), *names) or ""

    def values(self, selection: Selection | None = None) -> NDArray[np.float64]:
        """Return decoded values (CF 8.1: scale and offset; 2.5.1: missing is NaN); all, but thinned, without *selection*."""
        if selection is None:
            selection = thin(self.shape, MAX_COORDINATES)
        return self._decode(np.asarray(self._read_thinned(selection)))

    def _read_thinned(self, selection: Selection) -> NDArray[Any]:
        """Read; steps are applied in memory where the piece without them is small."""
        whole = tuple(slice(each.start, each.stop) if isinstance(each, slice) else each for each in selection)
        lengths = [
            len(range(*each.indices(size))) for each, size in zip(whole, self.shape, strict=True) if isinstance(each, slice)
        ]
        if np.prod(lengths, dtype=np.int64) > _WHOLE_SLICE:
            return self.read(selection)
        steps = tuple(slice(None, None, each.step) for each in selection if isinstance(each, slice))
        return np.asarray(self.read(whole))[steps]

    def _decode(self, stored: NDArray[Any]) -> NDArray[np.float64]:
        stored = self.as_values(stored)
        values = stored.astype(np.float64)
        values[self.is_missing(stored)] = np.nan
        scale = number_of(dict(self.attributes), "scale_factor")
        offset = number_of(dict(self.attributes), "add_offset")
        return values * (1.0 if scale is None else scale) + (offset or 0.0)

    def as_values(self, stored: NDArray[Any]) -> NDArray[Any]:
        """Return what was read in the type that is meant (`value_dtype`)."""
        return stored if self.value_dtype == stored.dtype else np.ascontiguousarray(stored).view(self.value_dtype)

    def is_missing(self, values: NDArray[Any]) -> NDArray[np.bool_]:
        """Return which of stored *values*, of the type that is meant, stand for none (CF 2.5.1)."""
        missing = np.isnan(values) if values.dtype.kind == "f" else np.zeros(values.shape, dtype=bool)
        for each in self._find_marks(values):
            missing |= each
        return missing

    def is_beyond(self, values: NDArray[Any]) -> NDArray[np.bool_]:
        """Return which of stored *values* lie beyond those that the file says are valid (CF 2.5.1)."""
        beyond = np.zeros(values.shape, dtype=bool)
        for each in self._find_beyond(values):
            beyond |= each
        return beyond

    def drop_missing(self, values: NDArray[Any]) -> None:
        """Put NaN where one of *values*, floats in the type that is meant, stands for none or is beyond those that are valid."""
        for each in chain(self._find_marks(values), self._find_beyond(values)):
            if each.any():
                values[each] = np.nan

    def _find_marks(self, values: NDArray[Any]) -> Iterator[NDArray[np.bool_]]:
        """Yield where numbers stand for none."""
        for name in ("_FillValue", "missing_value"):
            for fill in self._numbers(name):
                if fill == fill:  # noqa: PLR0124 - NaN stands for none in any case
                    yield values == fill
        if values.dtype.kind == "f":
            for is_huge in (values > _DEFAULT_FILL, values < -_DEFAULT_FILL):
                if is_huge.any():
                    yield is_huge & np.isfinite(values)

    def _find_beyond(self, values: NDArray[Any]) -> Iterator[NDArray[np.bool_]]:
        low, high = self._numbers("valid_min"), self._numbers("valid_max")
        if len(span := self._numbers("valid_range")) == 2:
            low, high = span[:1], span[1:]
        for each in low:
            yield values < each
        for each in high:
            yield values > each

    def _numbers(self, name: str) -> list[Any]:
        """Return the numbers of an attribute in the type that stored values are meant in; those that it has not are left out."""
        given = self.attributes.get(name)
        found = (number_of({name: each}, name) for each in (given if isinstance(given, list) else [given]))
        dtype = self.value_dtype
        if dtype.kind == "f":
            with np.errstate(over="ignore"):  # what is beyond the type is infinite in it
                return [dtype.type(each) for each in found if each is not None]
        turn = 2 ** (8 * dtype.itemsize) if dtype != self.dtype else 0
        return [int(each) % turn if turn else each for each in found if each is not None]


@dataclass(frozen=True, slots=True)
class ArrayFile:
    """All arrays of one file."""

    dimensions: Mapping[str, int]
    variables: Mapping[str, ArrayVariable]
    attributes: Mapping[str, Any]
    """Of the root group."""

    def find(self, name: str, near: ArrayVariable | None = None) -> ArrayVariable | None:
        """Return the variable of this *name*, looking in the group of *near* first, then towards the root."""
        group = near.name.rpartition("/")[0] if near is not None else ""
        while group:
            if found := self.variables.get(f"{group}/{name}"):
                return found
            group = group.rpartition("/")[0]
        return self.variables.get(name)


def thin(shape: tuple[int, ...], most: int) -> Selection:
    """Return a selection with the same step along all axes that takes about *most* values of an array of this shape."""
    size = int(np.prod(shape, dtype=np.int64)) if shape else 1
    if size <= most:
        return tuple(slice(None) for _ in shape)
    step = int(np.ceil((size / most) ** (1.0 / len(shape))))
    return tuple(slice(None, None, step) for _ in shape)
