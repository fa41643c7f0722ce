"""A part of a cube while it is put together: of several values for one cell the first valid one stays."""

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
        self._data = np.zeros(shape, self.dtype)
        self._there = np.zeros(shape, dtype=bool)

    def is_full(self, place: Place) -> bool:
        """Whether every cell at *place*, a view of basic indexes, has its value."""
        return bool(self._there[place].all())

    def fill(self, place: Place, values: NDArray[Any], there: NDArray[np.bool_]) -> None:
        """Give cells at *place* the *values* that are *there*, where they have none yet."""
        data, known = self._data[place], self._there[place]
        if known.any():
            np.copyto(data, values, where=there & ~known, casting="unsafe")
        else:
            # What stands where there is no data does not matter yet, and a copy through a mask takes longer.
            data[...] = values
        known |= there

    def forget(self, outside: NDArray[np.bool_]) -> None:
        """Take the data out of cells; *outside* is of the shape of the last dimensions."""
        self._there &= ~outside

    def values(self) -> Values:
        """Return what there is; nothing may be filled afterwards."""
        if not self._has_nan:
            return Values(data=self._data, valid=None if self._there.all() else self._there)
        for place in blocks(self._data.shape, IN_CACHE):
            there = self._there[place]
            if not there.all():
                self._data[place][~there] = np.nan
        return Values(data=self._data, nan_is_nodata=True)


def hollow_values(shape: tuple[int, ...], dtype: str) -> Values:
    """Return values without a cell in some dimension: of the type and with the mask, or NaN rule, of those that a canvas has."""
    data = np.zeros(shape, dtype)
    return (
        Values(data=data, nan_is_nodata=True) if data.dtype.kind == "f" else Values(data=data, valid=np.ones(shape, dtype=bool))
    )
