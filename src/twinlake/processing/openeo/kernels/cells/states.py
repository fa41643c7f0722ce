"""What can be said of every value: whether it is there, and finite. An array is one value here, and always there."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twinlake.processing.openeo.kernels.cells.comparing import is_number
from twinlake.processing.openeo.values import Values, from_json


def is_nan(x: Values) -> Values:
    """Return where NaN stands, also where it means no data."""
    if x.is_array:
        return from_json(value=False)
    found = _of_numbers(x, np.isnan, math.isnan)
    return Values(data=found if x.valid is None else found & x.valid)


def is_infinite(x: Values) -> Values:
    """Return where infinity stands."""
    return from_json(value=False) if x.is_array else Values(data=_of_numbers(x, np.isinf, math.isinf) & x.where())


def is_nodata(x: Values) -> Values:
    """Return where there is no data."""
    return from_json(value=False) if x.is_array else Values(data=np.asarray(~x.where()))


def is_valid(x: Values) -> Values:
    """Return where there is data, but for NaN and infinite numbers."""
    if x.is_array:
        return from_json(value=True)
    return Values(data=are_valid(x))


def are_valid(values: Values) -> NDArray[np.bool_]:
    """Return which cells or elements of *values* have data that are neither NaN nor infinite."""
    unbounded = _of_numbers(values, np.isnan, math.isnan) | _of_numbers(values, np.isinf, math.isinf)
    return np.asarray(values.where() & ~unbounded)


def _of_numbers(values: Values, of_cells: Callable[..., Any], of_one: Callable[[Any], bool]) -> NDArray[np.bool_]:
    """Return which cells have numbers of which something holds; it does not hold of integers."""
    if values.data.dtype.kind == "f":
        return np.asarray(of_cells(values.data))
    if values.data.dtype == object:
        holds = np.frompyfunc(lambda each: is_number(each) and of_one(each), 1, 1)
        return np.asarray(holds(values.data), dtype=bool)
    return np.zeros(values.data.shape, dtype=bool)
