"""Order of elements along the first dimension: of numbers, and of dates by the instants that they mean.

A JSON array loses the elements without data, unless they are asked for. Cells of a cube all have arrays of one length: there
such elements stand at the end as no data. NaN, where it is a value, is larger than every number.
"""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twinlake.processing.openeo.kernels.arrays.elements import mark, require_array, take
from twinlake.processing.openeo.kernels.cells.numbers import deepen
from twinlake.processing.openeo.kernels.cells.texts import require_text
from twinlake.processing.openeo.values import Values, are_all
from twinlake.standards.openeo.dates import parse_moment
from twinlake.standards.openeo.errors import ProcessParameterInvalidError


def find_order(data: Values, asc: bool = True, nodata: bool | None = None) -> Values:
    """Return the places of the elements in the order of their values; equal ones stay in theirs."""
    require_array("data", data)
    there = data.where()
    keys = np.where(there, _keys(data, there), 0)
    places = np.argsort(keys if asc else keys[::-1], axis=0, kind="stable")
    if not asc:  # the other way round, so that equal ones are not
        places = len(keys) - 1 - places[::-1]
    is_there = np.take_along_axis(there, places, axis=0)
    blanks_apart = np.argsort(is_there if nodata is False else ~is_there, axis=0, kind="stable")
    places = np.take_along_axis(places, blanks_apart, axis=0)
    if nodata is None:
        is_there = np.take_along_axis(is_there, blanks_apart, axis=0)
        if places.ndim == 1:
            return Values(data=places[is_there], is_array=True)
        return Values(data=places, valid=None if are_all(is_there, data) else is_there, is_array=True)
    return Values(data=places, is_array=True)


def sort(data: Values, asc: bool = True, nodata: bool | None = None) -> Values:
    """Return the elements in the order of their values."""
    if data.is_array and data.nan_is_nodata and data.valid is None:
        return replace(data, data=_sort_floats(data.data, asc=asc, gaps_first=nodata is False), labels=None)
    return rearrange(data, find_order(data, asc, nodata))


def rearrange(data: Values, order: Values) -> Values:
    """Return the elements at the places that *order* names, and no data where it names none.

    Raises
    ------
    ProcessParameterInvalidError
        A place is none of *data*.
    """
    require_array("data", data)
    require_array("order", order)
    dimensions = max(data.data.ndim, order.data.ndim)
    deep, order = deepen(data, dimensions), deepen(order, dimensions)
    known = order.where()
    are_places = order.data.dtype.kind in "iu" or order.is_empty
    if not are_places or np.any(known & ((order.data < 0) | (order.data >= len(data.data)))):
        raise ProcessParameterInvalidError(f"'order' has something other than places from 0 to {len(data.data) - 1}.")
    if not len(data.data):
        return data
    places = np.where(known, order.data, 0).astype(np.intp)
    taken = Values(data=take(deep.data, places), is_array=True, nan_is_nodata=data.nan_is_nodata)
    valid = known if deep.valid is None else known & take(deep.valid, places)
    return mark(taken, np.broadcast_to(valid, taken.data.shape), deep, order)


def _sort_floats(data: NDArray[Any], *, asc: bool, gaps_first: bool) -> NDArray[Any]:
    """Return numbers sorted, and NaN apart; many times faster than by places. Sorting puts NaN last, and so first if reversed."""
    is_mirrored = asc == gaps_first
    ordered = np.sort(-data if is_mirrored else data, axis=0)
    ordered = -ordered if is_mirrored else ordered
    return ordered[::-1] if gaps_first else ordered


def _keys(data: Values, there: NDArray[np.bool_]) -> NDArray[Any]:
    if data.is_number:
        return data.data if data.data.dtype.kind in "iuf" else np.zeros(data.data.shape)
    if data.data.dtype != object:
        raise ProcessParameterInvalidError("Truths have no order.")
    keys = np.zeros(data.data.shape, dtype=np.int64)
    keys[there] = [_instant(each) for each in data.data[there]]
    return keys


def _instant(value: object) -> int:
    try:
        return parse_moment(require_text("data", value))
    except ValueError as error:
        raise ProcessParameterInvalidError(f"Only numbers and dates have an order: {error}.") from None
