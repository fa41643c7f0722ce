"""Where elements stand that have something about them."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twinlake.processing.openeo.kernels.arrays.elements import pick, require_array
from twinlake.processing.openeo.kernels.cells.comparing import equal
from twinlake.processing.openeo.values import Values


def where_equal(data: Values, value: Values) -> NDArray[np.bool_]:
    """Return which elements of *data*, in each cell apart, are equal to *value*; no-data and arrays are equal to nothing."""
    require_array("data", data)
    if value.is_array:
        return np.zeros(data.data.shape, dtype=bool)
    found = equal(data, value)
    return found.data & found.where()


def find_first(holds: NDArray[np.bool_]) -> NDArray[np.integer[Any]]:
    """Return the place of the first element of which something *holds*, in each cell apart; 0 if it holds of none."""
    return np.asarray(np.argmax(holds, axis=0)) if len(holds) else np.zeros(holds.shape[1:], dtype=np.intp)


def find_last(holds: NDArray[np.bool_]) -> NDArray[np.integer[Any]]:
    """Return the place of the last element of which something *holds*; if it holds of none, that of the last one."""
    return len(holds) - 1 - find_first(holds[::-1])


def element(find: Callable[[NDArray[np.bool_]], NDArray[np.integer[Any]]]) -> Callable[..., Values]:
    """Return the kernel that takes the element that *find* finds among those that have data, or among all."""

    def kernel(data: Values, ignore_nodata: bool = True) -> Values:
        require_array("data", data)
        may_lack = ignore_nodata and (data.nan_is_nodata or data.valid is not None)
        counts = data.where() if may_lack else np.ones(data.data.shape, dtype=bool)
        return pick(data, find(counts), np.asarray(counts.any(axis=0) if may_lack else len(counts) > 0))

    return kernel
