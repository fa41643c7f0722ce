"""A part of a cube while it is put together: of several values for one cell the first valid one stays."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twinlake.processing.openeo.kernels.cells.blocks import IN_CACHE, blocks
from twinlake.processing.openeo.values import Values

Place = tuple[Any, ...]


class Canvas:
    """Cells without data, until they are filled.

    Parameters
    ----------
    dtype
        Floating-point numbers have NaN for no data, others a mask.
    """

    def __init__(self, shape: tuple[int, ...], dtype: str) -> None:
        self.dtype = np.dtype(dtype)
        self._has_nan = self.dtype.kind == "f"
        self._shape = shape
        self._data: NDArray[Any] | None = None
        """None as long as nothing was put here."""
        self._there: NDArray[np.bool_] | None = None
        """None, too, where NaN tells of what was put here at once."""

    def is_full(self, place: Place) -> bool:
        """Whether every cell at *place*, a view of basic indexes, is known to have its value."""
        return self._there is not None and bool(self._there[place].all())

    def can_take(self, place: Place, values: NDArray[Any]) -> bool:
        """Whether *values* of floats, NaN for no data, are for all cells, of which none has a value, and can stand for them."""
        is_whole = np.broadcast_to(np.False_, self._shape)[place].size == values.size == math.prod(self._shape)
        is_own = values.dtype == self.dtype and values.flags.c_contiguous and values.flags.writeable
        return self._has_nan and self._data is None and is_whole and is_own

    def take(self, values: NDArray[Any]) -> None:
        """Make *values* its own: a copy of a large file would take as long as reading it."""
        self._data = values.reshape(self._shape)

    def fill(self, place: Place, values: NDArray[Any], there: NDArray[np.bool_]) -> None:
        """Give cells at *place* the *values* that are *there*, where they have none yet."""
        all_data, all_there = self._prepare()
        data, known = all_data[place], all_there[place]
        if known.any():
            np.copyto(data, values, where=there & ~known, casting="unsafe")
        else:
            # What stands where there is no data does not matter yet, and a copy through a mask takes longer.
            data[...] = values
        known |= there

    def forget(self, outside: NDArray[np.bool_]) -> None:
        """Take the data out of cells; *outside* is of the shape of the last dimensions."""
        _, there = self._prepare()
        there &= ~outside

    def values(self) -> Values:
        """Return what there is; nothing may be filled afterwards."""
        if self._data is not None and self._there is None:
            return Values(data=self._data, nan_is_nodata=True)
        data, there = self._prepare()
        if not self._has_nan:
            return Values(data=data, valid=None if there.all() else there)
        for place in blocks(data.shape, IN_CACHE):
            part = there[place]
            if not part.all():
                data[place][~part] = np.nan
        return Values(data=data, nan_is_nodata=True)

    def _prepare(self) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """Return values, and where they are."""
        if self._data is None:
            self._data, self._there = np.zeros(self._shape, self.dtype), np.zeros(self._shape, dtype=bool)
        elif self._there is None:
            self._there = ~np.isnan(self._data)
        assert self._there is not None
        return self._data, self._there


def hollow_values(shape: tuple[int, ...], dtype: str) -> Values:
    """Return values without a cell in some dimension: of the type and with the mask, or NaN rule, of those that a canvas has."""
    data = np.zeros(shape, dtype)
    return (
        Values(data=data, nan_is_nodata=True) if data.dtype.kind == "f" else Values(data=data, valid=np.ones(shape, dtype=bool))
    )
