"""Named arrays of a file, whatever library reads them: NetCDF classic, HDF5 or Zarr."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
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
        if self.text("_Unsigned") == "true" and stored.dtype.kind == "i":
            stored = stored.view(stored.dtype.str.replace("i", "u"))
        values = stored.astype(np.float64)
        for name in ("_FillValue", "missing_value"):
            if (fill := number_of(dict(self.attributes), name)) is not None:
                values[np.isclose(values, fill, rtol=1e-6, atol=0.0) if stored.dtype.kind == "f" else stored == fill] = np.nan
        if stored.dtype.kind == "f":
            values[np.abs(values) > _DEFAULT_FILL] = np.nan
        scale = number_of(dict(self.attributes), "scale_factor")
        offset = number_of(dict(self.attributes), "add_offset")
        return values * (1.0 if scale is None else scale) + (offset or 0.0)


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
