"""Gaps in arrays, filled along the first dimension."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from twinlake.processing.openeo.kernels.arrays.elements import require_array
from twinlake.processing.openeo.kernels.cells.numbers import as_float, require_numbers
from twinlake.processing.openeo.values import Label, Values
from twinlake.standards.openeo.dates import parse_moment
from twinlake.standards.openeo.errors import ProcessParameterInvalidError


def interpolate_linear(data: Values) -> Values:
    """Fill what is NaN or has no data from the nearest numbers before and behind it, by the distances of the labels."""
    require_array("data", data)
    require_numbers("data", data)
    numbers = as_float(data.data) if data.data.dtype.kind in "iuf" else np.full(data.data.shape, np.nan)
    known = data.where() & ~np.isnan(numbers)
    count = len(numbers)
    column = np.arange(count, dtype=np.int32).reshape(count, *([1] * (numbers.ndim - 1)))
    before = np.maximum.accumulate(np.where(known, column, -1), axis=0)
    behind = np.minimum.accumulate(np.where(known, column, count)[::-1], axis=0)[::-1]
    gaps = np.nonzero(~known & (before >= 0) & (behind < count))
    place, *cell = gaps
    low, high = before[gaps], behind[gaps]
    distances = _positions(data.labels, count)
    share = (distances[place] - distances[low]) / (distances[high] - distances[low])
    with np.errstate(all="ignore"):
        between = numbers[low, *cell] * (1 - share) + numbers[high, *cell] * share  # in this form infinity stays infinity
    filled = numbers.copy()
    filled[gaps] = between
    valid = data.valid
    if valid is not None:
        valid = valid.copy()
        valid[gaps] = True
    return Values(data=filled, valid=valid, is_array=True, labels=data.labels, nan_is_nodata=data.nan_is_nodata)


def _positions(labels: tuple[Label, ...] | None, count: int) -> NDArray[np.float64]:
    """Return where elements stand: at their labels if these are numbers or dates, else one behind the other.

    Raises
    ------
    ProcessParameterInvalidError
        Numbers, or dates, are not sorted.
    """
    positions = np.arange(count, dtype=np.float64) if labels is None else _read(labels)
    steps = np.diff(positions)
    if not (np.all(steps > 0) or np.all(steps < 0)):
        raise ProcessParameterInvalidError("The labels of 'data' are not sorted: order the array by them first.")
    return positions


def _read(labels: tuple[Label, ...]) -> NDArray[np.float64]:
    try:
        read: list[Any] = [parse_moment(each) if isinstance(each, str) else each for each in labels]
    except ValueError:
        return np.arange(len(labels), dtype=np.float64)
    if len({isinstance(each, str) for each in labels}) > 1:
        return np.arange(len(labels), dtype=np.float64)
    return np.array(read, dtype=np.float64)
