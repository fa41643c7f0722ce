"""Where the cells of a cube stand along its axes, exactly, in the member `MEMBER` of ``cube:dimensions``.

The datacube extension has an extent and a step, which are rounded, and no calendar. Whoever is to read cells by their place
needs every label: here they are as few numbers as tell them all.
"""

from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twinlake.core.documents import JsonObject
from twinlake.holdings.readers.arrays import ArrayVariable
from twinlake.holdings.readers.file_times import decode_dates
from twinlake.holdings.readers.layouts import CellCloud

MEMBER = "twinlake:labels"
MAX_LABELS = 100_000
_EVEN = 1e-6
"""Of a step: so little off even ones labels in double precision are taken for even."""
_MILLISECOND = timedelta(milliseconds=1)


def describe_axis(values: NDArray[np.float64]) -> JsonObject | None:
    """Describe coordinates: ``first``, ``last`` and ``count`` of even ones, otherwise ``values``; None if they are too many.

    They stand in the order of the file. Even ones that were rounded to single precision are told as they were before, with
    ``single``: rounded again they are those of the file, to the last bit.
    """
    if not values.size or not np.isfinite(values).all():
        return None
    count = int(values.size)
    is_single = bool((values == values.astype(np.float32)).all())
    for first, last in _list_ends(values) if is_single else [(float(values[0]), float(values[-1]))]:
        described: JsonObject = {"first": first, "last": last, "count": count}
        off = np.abs(np.linspace(first, last, count) - values)
        if (off == 0).all() or (not is_single and (off <= _EVEN * abs(last - first) / max(count - 1, 1)).all()):
            return described
        described["single"] = True
        if is_single and (read_axis(described) == values).all():
            return described
    return {"values": values.tolist()} if count <= MAX_LABELS else None


def read_axis(described: JsonObject) -> NDArray[np.float64]:
    """Return the coordinates that `describe_axis` described.

    Raises
    ------
    KeyError, TypeError, ValueError
        It is no such description.
    """
    if "values" in described:
        return np.array(described["values"], dtype=np.float64)
    values = np.linspace(float(described["first"]), float(described["last"]), int(described["count"]))
    return values.astype(np.float32).astype(np.float64) if described.get("single") is True else values


def _list_ends(values: NDArray[np.float64]) -> Iterator[tuple[float, float]]:
    """Yield first and last numbers of even ones that *values*, in single precision, may have been before they were rounded."""
    first, last = float(values[0]), float(values[-1])
    yield first, last
    yield float(str(np.float32(first))), float(str(np.float32(last)))  # the fewest digits that tell them
    places = np.arange(values.size) - (values.size - 1) / 2
    middle, spread = float(values.mean()), float(np.square(places).sum())
    step = float((places * values).sum()) / spread if spread else 0.0
    yield middle + step * float(places[0]), middle + step * float(places[-1])  # the line that is nearest to all


def describe_times(variable: ArrayVariable, bounds: ArrayVariable | None) -> JsonObject | None:
    """Describe the times of an axis in its own ``calendar``; None if one is none, or they are too many.

    Even ones are ``first``, ``step_milliseconds`` and ``count``, others ``values``. With bounds there are ``before`` and
    ``after``, milliseconds that are the same for all, or ``starts`` and ``ends``.
    """
    units, calendar = variable.text("units"), variable.text("calendar").lower() or "standard"
    if not 0 < variable.size <= MAX_LABELS:
        return None
    dates = _round(decode_dates(variable.values((slice(None),)), units, calendar))
    if dates is None:
        return None
    described: JsonObject = {"calendar": "standard" if calendar == "gregorian" else calendar}
    steps = {_milliseconds(later - earlier) for earlier, later in pairwise(dates)}
    if len(steps) <= 1:
        described |= {"first": _write(dates[0]), "step_milliseconds": next(iter(steps), 0), "count": len(dates)}
    else:
        described["values"] = [_write(each) for each in dates]
    return described | (_describe_bounds(dates, bounds, units, calendar) if bounds is not None else {})


def _describe_bounds(dates: list[Any], bounds: ArrayVariable, units: str, calendar: str) -> JsonObject:
    if bounds.shape != (len(dates), 2):
        return {}
    values = bounds.values((slice(None), slice(None)))
    starts, ends = (_round(decode_dates(values[:, side], units, calendar)) for side in (0, 1))
    if starts is None or ends is None or any(end < start for start, end in zip(starts, ends, strict=True)):
        return {}
    before = {_milliseconds(date - start) for date, start in zip(dates, starts, strict=True)}
    after = {_milliseconds(end - date) for date, end in zip(dates, ends, strict=True)}
    if len(before) == len(after) == 1:
        return {"before": before.pop(), "after": after.pop()}
    return {"starts": [_write(each) for each in starts], "ends": [_write(each) for each in ends]}


def describe_cells(cloud: CellCloud, *, along_x: bool) -> JsonObject | None:
    """Describe one direction of a curvilinear grid: which variables have the places, their extent and the ``count`` of cells."""
    variable = cloud.longitude if along_x else cloud.latitude
    values = variable.values()
    values = values[np.isfinite(values)]
    if not values.size:
        return None
    if along_x:  # of the ways of counting longitudes one in which the grid is not torn
        counted = (values, np.mod(values + 180.0, 360.0) - 180.0, np.mod(values, 360.0))
        values = min(counted, key=lambda each: round(float(np.ptp(each)), 6))
    count = variable.shape[1 if along_x else 0]
    return {"places": variable.name, "first": float(values.min()), "last": float(values.max()), "count": count}


def _round(dates: list[Any]) -> list[Any] | None:
    """Return dates to the millisecond, for finer digits are rounding noise of the axis; None if one is none."""
    if None in dates:
        return None
    return [each + timedelta(microseconds=round(each.microsecond / 1000) * 1000 - each.microsecond) for each in dates]


def _milliseconds(span: timedelta) -> int:
    return span // _MILLISECOND


def _write(date: Any) -> str:
    text = f"{date.year:04d}-{date.month:02d}-{date.day:02d}T{date.hour:02d}:{date.minute:02d}:{date.second:02d}"
    return f"{text}.{date.microsecond // 1000:03d}Z" if date.microsecond else f"{text}Z"
