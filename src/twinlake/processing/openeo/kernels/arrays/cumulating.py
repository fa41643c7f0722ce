"""Cumulative functions: each element becomes what all up to it make together, in each cell apart."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twinlake.processing.openeo.kernels.arrays.reducing import Reduce, accumulated, fill, limits, require_elements
from twinlake.processing.openeo.kernels.cells.numbers import like, numbers_of
from twinlake.processing.openeo.values import Values, are_all


def cumulative(accumulate: Reduce) -> Callable[..., Values]:
    """Return the kernel of *accumulate*, which keeps the array's length: no data where there was none, or from there on.

    The kernel takes ``data`` and ``ignore_nodata``.
    """

    def kernel(data: Values, ignore_nodata: bool = True) -> Values:
        require_elements("data", data)
        counts = data.where()
        valid = counts if ignore_nodata else np.logical_and.accumulate(counts, axis=0)
        with np.errstate(all="ignore"):
            result = accumulate(numbers_of(data), counts)
        return like((data,), result, None if are_all(valid, data) else valid)

    return kernel


def totals(numbers: NDArray[Any], counts: NDArray[np.bool_]) -> NDArray[Any]:
    """Add up."""
    return accumulated(np.add.accumulate, numbers, counts, 0)


def products(numbers: NDArray[Any], counts: NDArray[np.bool_]) -> NDArray[Any]:
    """Multiply."""
    return accumulated(np.multiply.accumulate, numbers, counts, 1)


def minima(numbers: NDArray[Any], counts: NDArray[np.bool_]) -> NDArray[Any]:
    """Keep the least so far; NaN that counts is taken for it."""
    return np.asarray(np.minimum.accumulate(fill(numbers, counts, limits(numbers)[1]), axis=0))


def maxima(numbers: NDArray[Any], counts: NDArray[np.bool_]) -> NDArray[Any]:
    """Keep the greatest so far; NaN that counts is taken for it."""
    return np.asarray(np.maximum.accumulate(fill(numbers, counts, limits(numbers)[0]), axis=0))
