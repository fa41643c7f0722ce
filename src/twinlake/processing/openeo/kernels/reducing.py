"""Reducers: the elements of an array become one value, in each cell apart. Sums are made in 64 bits."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twinlake.processing.openeo.kernels.numbers import as_float, require_numbers, widen
from twinlake.processing.openeo.values import Values

Reduce = Callable[[NDArray[Any], NDArray[np.bool_]], NDArray[Any]]
"""Takes numbers, elements first, and where they count; what it returns where none counts does not matter."""


def reducer(reduce: Reduce, *, needs: int = 1) -> Callable[..., Values]:
    """Return the kernel of *reduce*: no data where fewer than *needs* elements count, or one has none and all must.

    The kernel takes ``data`` and ``ignore_nodata``.
    """

    def kernel(data: Values, ignore_nodata: bool = True) -> Values:
        require_numbers("data", data)
        numbers = data.data if data.data.dtype.kind in "iuf" else np.full(data.data.shape, np.nan)
        counts = data.where()
        valid = counts.sum(axis=0) >= needs
        if not ignore_nodata:
            valid &= counts.all(axis=0)
        with np.errstate(all="ignore"):
            reduced = np.asarray(reduce(widen(numbers), counts)) if len(numbers) else np.zeros(numbers.shape[1:])
        return settle(reduced, valid, nan_is_nodata=data.nan_is_nodata)

    return kernel


def settle(data: NDArray[Any], valid: Any, *, nan_is_nodata: bool) -> Values:
    """Return the values of one reduction; in cubes of floats NaN stands where there are none."""
    valid = np.asarray(valid)
    if valid.all():
        return Values(data=data, nan_is_nodata=nan_is_nodata and data.dtype.kind == "f")
    if nan_is_nodata:
        data = as_float(data)
        return Values(data=np.where(valid, data, np.nan).astype(data.dtype, copy=False), nan_is_nodata=True)
    return Values(data=data, valid=valid)


def total(numbers: NDArray[Any], counts: NDArray[np.bool_]) -> NDArray[Any]:
    """Add up: integers exactly where the sum has 64 bits, else as float64."""
    if numbers.dtype.kind == "i" and numbers.size:
        largest = max(abs(int(numbers.min())), abs(int(numbers.max())))
        if largest * len(numbers) < 2**63:
            return np.asarray(np.add.reduce(numbers, axis=0, where=counts, dtype=np.int64))
    return np.asarray(np.add.reduce(numbers, axis=0, where=counts, dtype=np.float64))


def average(numbers: NDArray[Any], counts: NDArray[np.bool_]) -> NDArray[Any]:
    """Return the arithmetic mean, summed in float64."""
    mean = np.add.reduce(numbers, axis=0, where=counts, dtype=np.float64) / counts.sum(axis=0)
    return np.asarray(mean.astype(np.float32) if numbers.dtype == np.float32 else mean)
