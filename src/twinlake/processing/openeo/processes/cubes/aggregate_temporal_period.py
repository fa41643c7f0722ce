"""`aggregate_temporal_period`."""

from functools import partial
from typing import Any, Final

from twinlake.processing.openeo.cubes import Cube
from twinlake.processing.openeo.evaluating import Callback
from twinlake.processing.openeo.json_schemas import ANYTHING, LABELED, TEXT_OR_NULL, TIMED, callback, passed
from twinlake.processing.openeo.kernels.arrays.grouping import reduce_groups
from twinlake.processing.openeo.kernels.crossing import tell_of_longer
from twinlake.processing.openeo.process import Keeps, Opaque, Parameter, Process, SamePlace
from twinlake.processing.openeo.shapes.dimensions import find_temporal
from twinlake.processing.openeo.shapes.periods import PERIODS
from twinlake.processing.openeo.shapes.times import read_middles
from twinlake.processing.openeo.tools import Cells, Standing
from twinlake.standards.openeo.errors import ProcessParameterInvalidError

_MOST: Final = 1_000_000
"""Periods."""


def _aggregate(data: Cube, period: str, *, reducer: Callback, dimension: str | None, context: Any, standing: Standing) -> Cube:
    number = find_temporal(data.dimensions, dimension)
    own, kind = data.dimensions[number], PERIODS[period]
    tell_of_longer(standing.tools.report, own, period)
    lies_in = [kind.number(middle, own.calendar) for middle in read_middles(own)]
    periods = range(min(lies_in), max(lies_in) + 1) if lies_in else range(0)
    if len(periods) > _MOST:
        raise ProcessParameterInvalidError(f"The labels lie {len(periods)} periods apart, and no more than {_MOST} are made.")
    groups: list[list[int]] = [[] for _ in periods]
    for place, each in enumerate(lies_in):
        groups[each - periods.start].append(place)
    labels = [kind.label(each, own.calendar) for each in periods]
    target = own.relabel(labels, [kind.interval(each, own.calendar) for each in periods])
    inside = partial(reducer, cells=Cells(data.dimensions, number, is_reduced=True))
    return reduce_groups(data, number, groups, target, reducer=inside, context=context)


PROCESS = Process(
    id="aggregate_temporal_period",
    version=2,
    summary="One value for each period of the calendar",
    description=(
        "Makes one value of all that lies in a period, for each hour, day, month and so on from the first to the last label."
        " What has bounds in time is of the period that holds its middle, and so most of it: a mean from December to November"
        " counts for November's year. Weeks are those of ISO 8601. A dekad is a third of a month: ten days, the last one what is"
        " left. Seasons begin in December, March, June and September, tropical ones in November and May; they are of the year in"
        " which they begin. A decade begins with a year that ends in 0, one of `decade-ad` with a year that ends in 1."
    ),
    categories=("aggregate", "climatology", "cubes"),
    parameters=(
        Parameter("data", TIMED, "A cube with a temporal dimension."),
        Parameter("period", {"type": "string", "enum": list(PERIODS)}, "The kind of period.", is_plain=True),
        Parameter(
            "reducer",
            callback(
                passed("data", "The values within, with their labels; empty if there are none.", LABELED),
                passed("context", "What the user passes on.", default=None),
                returns=ANYTHING,
            ),
            "What makes one value of them.",
        ),
        Parameter("dimension", TEXT_OR_NULL, "The temporal dimension; null is the only one.", default=None, is_plain=True),
        Parameter("context", ANYTHING, "Passed on to the reducer.", default=None, is_plain=True),
    ),
    returns=TIMED,
    returned=(
        "The cube with the periods along the temporal dimension: `YYYY-MM-DD-HH` (hour), `YYYY-DDD` (day), `YYYY-WW` (week),"
        " `YYYY-01` to `YYYY-36` (dekad), `YYYY-MM`, `YYYY-djf`, `YYYY-mam`, `YYYY-jja`, `YYYY-son`, `YYYY-ndjfma`,"
        " `YYYY-mjjaso`, `YYYY`."
    ),
    work=Opaque(),
    kernel=_aggregate,
    needs_standing=True,
    reach=SamePlace(groups_times=read_middles),
    keeps=Keeps(through="reducer", over="time"),
    exceptions={
        "TooManyDimensions": "The cube has several temporal dimensions, and it is not said which is meant.",
        "DimensionNotAvailable": "The cube has no temporal dimension, or none of this name.",
    },
)
