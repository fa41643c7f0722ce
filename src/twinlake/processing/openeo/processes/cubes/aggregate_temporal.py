"""`aggregate_temporal`."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from twinlake.core.counting import count
from twinlake.processing.openeo.cubes import Cube
from twinlake.processing.openeo.evaluating import Callback
from twinlake.processing.openeo.json_schemas import (
    ANYTHING,
    DATE,
    DATE_TIME,
    LABELED,
    TEXT_OR_NULL,
    TIME,
    TIMED,
    callback,
    interval,
    passed,
)
from twinlake.processing.openeo.kernels.arrays.grouping import reduce_groups
from twinlake.processing.openeo.process import Keeps, Opaque, Parameter, Process, SamePlace
from twinlake.processing.openeo.shapes.dimensions import Label, find_temporal
from twinlake.processing.openeo.shapes.times import DAY, parse_interval, parse_time_of_day, read_starts
from twinlake.processing.openeo.tools import Cells
from twinlake.standards.openeo.errors import ProcessError, ProcessParameterInvalidError

Interval = Sequence[str | None]


def _aggregate(
    data: Cube,
    intervals: Sequence[Interval],
    reducer: Callback,
    *,
    labels: Sequence[Label] = (),
    dimension: str | None = None,
    context: Any = None,
) -> Cube:
    number = find_temporal(data.dimensions, dimension)
    own = data.dimensions[number]
    starts = read_starts(own)
    groups = [[place for place, start in enumerate(starts) if holds(start)] for holds in _tests(intervals, own.calendar)]
    spans = [(start, end) for start, end in intervals if start is not None and end is not None]
    is_dated = len(spans) == len(intervals) and not any(parse_time_of_day(start) is not None for start, _ in spans)
    target = own.relabel(_labels(intervals, labels), spans if is_dated else None)
    inside = partial(reducer, cells=Cells(data.dimensions, number, is_reduced=True))
    return reduce_groups(data, number, groups, target, reducer=inside, context=context)


def _labels(intervals: Sequence[Interval], labels: Sequence[Label]) -> list[Label]:
    if labels and len(labels) != len(intervals):
        raise ProcessParameterInvalidError(f"{count(len(intervals), 'interval')}, but {count(len(labels), 'label')}.")
    found = list(labels) or [start for start, _ in intervals if start is not None]
    if len(set(found)) != len(intervals):
        reason = "Intervals that start alike, or without a start, need labels, each another one."
        raise ProcessError("DistinctDimensionLabelsRequired", reason)
    return found


def _tests(intervals: Sequence[Interval], calendar: str) -> list[Callable[[int], bool]]:
    """Return for each interval what tells whether an instant is within."""
    return [_test(start, end, calendar) for start, end in intervals]


def _test(start: str | None, end: str | None, calendar: str) -> Callable[[int], bool]:
    after, before = parse_time_of_day(start), parse_time_of_day(end)
    if after is None and before is None:
        first, last = parse_interval(start, end, calendar)
        return lambda instant: (first is None or instant >= first) and (last is None or instant < last)
    if (after is None and start is not None) or (before is None and end is not None):
        raise ProcessParameterInvalidError(f"An interval lies between two dates or two times of the day, not {start} and {end}.")
    from_, until = after or 0, DAY if before is None else before
    if from_ == until:
        raise ProcessError("TemporalExtentEmpty", f"Nothing lies between {start} and {end}.")
    if from_ < until:
        return lambda instant: from_ <= instant % DAY < until
    return lambda instant: not until <= instant % DAY < from_


PROCESS = Process(
    id="aggregate_temporal",
    summary="One value for each interval of time",
    description=(
        "Makes one value of all that lies in an interval. Intervals are closed at their start, open at their end, and may"
        " overlap. Times of the day are intervals of each day, and may reach over midnight. Times are those of the dimension's"
        " calendar; of labels that stand for a period its start is looked at."
    ),
    categories=("cubes", "aggregate"),
    parameters=(
        Parameter("data", TIMED, "A cube with a temporal dimension."),
        Parameter(
            "intervals",
            {
                "type": "array",
                "subtype": "temporal-intervals",
                "minItems": 1,
                "items": interval(DATE_TIME, DATE, TIME, uniqueItems=True),
            },
            "Start and end of each interval. The start belongs to it, the end does not; null is without end.",
            is_plain=True,
        ),
        Parameter(
            "reducer",
            callback(
                passed("data", "The values within, with their labels; empty if there are none.", LABELED),
                passed("context", "What the user passes on.", default=None),
                returns=ANYTHING,
            ),
            "What makes one value of them.",
        ),
        Parameter(
            "labels",
            {"type": "array", "uniqueItems": True, "items": {"type": ["number", "string"]}},
            "A label for each interval. Without them the starts are the labels, if each is another one.",
            default=[],
            is_plain=True,
        ),
        Parameter("dimension", TEXT_OR_NULL, "The temporal dimension; null is the only one.", default=None, is_plain=True),
        Parameter("context", ANYTHING, "Passed on to the reducer.", default=None, is_plain=True),
    ),
    returns=TIMED,
    returned="The cube with the intervals along the temporal dimension.",
    work=Opaque(),
    kernel=_aggregate,
    reach=SamePlace(groups_times=read_starts),
    keeps=Keeps(through="reducer", over="time"),
    exceptions={
        "TooManyDimensions": "The cube has several temporal dimensions, and it is not said which is meant.",
        "DimensionNotAvailable": "The cube has no temporal dimension, or none of this name.",
        "DistinctDimensionLabelsRequired": "Intervals start alike, and have no labels.",
        "TemporalExtentEmpty": "An interval ends where it starts, or before.",
    },
)
