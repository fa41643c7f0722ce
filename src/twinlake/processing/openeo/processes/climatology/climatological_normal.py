"""`climatological_normal`."""

from collections.abc import Sequence
from typing import Any

from twinlake.processing.openeo.cubes import Cube
from twinlake.processing.openeo.json_schemas import TIMED
from twinlake.processing.openeo.kernels.arrays.grouping import reduce_groups
from twinlake.processing.openeo.kernels.arrays.reducing import average, reducer
from twinlake.processing.openeo.kernels.crossing import tell_of_longer
from twinlake.processing.openeo.process import Keeps, Opaque, Parameter, Process
from twinlake.processing.openeo.shapes.dimensions import Dimension, find_temporal
from twinlake.processing.openeo.shapes.periods import PERIODS, read_cycle
from twinlake.processing.openeo.shapes.times import DAY, day_number, parse_time, read_middles, read_starts, year_length
from twinlake.processing.openeo.tools import Standing
from twinlake.processing.openeo.values import Values
from twinlake.standards.openeo.errors import ProcessParameterInvalidError

_WHOLE = "climatology-period"
_CYCLES = {
    "month": [f"{month:02d}" for month in range(1, 13)],
    "season": ["djf", "mam", "jja", "son"],
    "tropical-season": ["ndjfma", "mjjaso"],
}
_mean = reducer(average)


def _normal(data: Cube, period: str, climatology_period: Sequence[int], *, standing: Standing) -> Cube:
    number = find_temporal(data.dimensions, None)
    own = data.dimensions[number]
    if period != _WHOLE:
        tell_of_longer(standing.tools.report, own, period)
    counts = _counting(own, period, *climatology_period)
    cycle = [_WHOLE] * len(own.labels) if period == _WHOLE else read_cycle(own, period)
    labels = _labels(own, period, [cycle[place] for place in counts])
    groups: dict[str, list[int]] = {label: [] for label in labels}
    for place in counts:
        groups[cycle[place]].append(place)
    return reduce_groups(data, number, list(groups.values()), own.relabel(labels), reducer=_average)


def _average(data: Values, context: Any) -> Values:  # noqa: ARG001 - what a reducer is given
    return _mean(data=data)


def _counting(dimension: Dimension, period: str, first: int, last: int) -> list[int]:
    """Return the places of the labels that count: those of periods that end within the years, if they are whole."""
    calendar, middles = dimension.calendar, read_middles(dimension)
    begin, end = (day_number(year, 1, 1, calendar) * DAY for year in (first, last + 1))
    year = PERIODS["year"]
    if not middles or year.number(min(middles), calendar) > first or year.number(max(middles), calendar) < last:
        spans = f"{year.number(min(middles), calendar)} to {year.number(max(middles), calendar)}" if middles else "no time"
        raise ProcessParameterInvalidError(
            f"The cube does not span the years from {first} to {last}, but {spans}: give others as 'climatology_period'."
        )
    if period == _WHOLE:
        return [place for place, middle in enumerate(middles) if begin <= middle < end]
    kind, months = PERIODS[period], _months_with_data(dimension)

    def is_whole(number: int) -> bool:
        if not begin < kind.start(number + 1, calendar) <= end:
            return False
        before = range(PERIODS["month"].number(kind.start(number, calendar), calendar), PERIODS["month"].number(begin, calendar))
        return months.issuperset(before)

    counting = {number for number in {kind.number(middle, calendar) for middle in middles} if is_whole(number)}
    return [place for place, middle in enumerate(middles) if kind.number(middle, calendar) in counting]


def _months_with_data(dimension: Dimension) -> set[int]:
    """Return the numbers of the months that labels stand for."""
    month, calendar, starts = PERIODS["month"].number, dimension.calendar, read_starts(dimension)
    ends = [parse_time(end, calendar) - 1 for _, end in dimension.intervals] if dimension.intervals is not None else starts
    pairs = zip(starts, ends, strict=True)
    return {number for start, end in pairs for number in range(month(start, calendar), month(end, calendar) + 1)}


def _labels(dimension: Dimension, period: str, found: Sequence[str]) -> list[str]:
    if period == _WHOLE:
        return [_WHOLE]
    if period != "day":
        return _CYCLES[period]
    days = year_length(1, dimension.calendar)
    return [f"{day:03d}" for day in range(1, days + 1 + (f"{days + 1:03d}" in found))]


PROCESS = Process(
    id="climatological_normal",
    version=2,
    summary="Averages over the years of a climate period",
    description=(
        "The average of all that lies in the same day, month or season of the years of a climate period. What has"
        " bounds in time is of the day, month, season and year that hold its middle. A season that begins in"
        " the year before counts if each of its months has data, and one that ends in the year after does not. Day 366 is there"
        " if one of the years has it. Years that the data do not span are refused: say which they do, as in"
        ' `climatological_normal(data=cube, period="month", climatology_period=[2007, 2009])`.'
    ),
    categories=("cubes", "climatology"),
    parameters=(
        Parameter("data", TIMED, "A cube with one temporal dimension, which spans the climate period at least."),
        Parameter(
            "period", {"type": "string", "enum": ["day", *_CYCLES, _WHOLE]}, "What there is an average of each of.", is_plain=True
        ),
        Parameter(
            "climatology_period",
            {
                "type": "array",
                "uniqueItems": True,
                "minItems": 2,
                "maxItems": 2,
                "items": {"type": "integer", "subtype": "year"},
            },
            "First and last year of the climate period; both belong to it.",
            default=[1981, 2010],
            is_plain=True,
        ),
    ),
    returns=TIMED,
    returned=(
        "The cube with the averages along the temporal dimension: `001` to `365`, `01` to `12`, `djf`, `mam`, `jja`, `son`,"
        " `ndjfma`, `mjjaso`, or `climatology-period`."
    ),
    work=Opaque(),
    kernel=_normal,
    needs_standing=True,
    keeps=Keeps(method="mean", over="time"),
)
