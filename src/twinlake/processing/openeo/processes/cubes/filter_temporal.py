"""`filter_temporal`."""

from collections.abc import Sequence

from twinlake.processing.openeo.cubes import Cube
from twinlake.processing.openeo.json_schemas import DATE, DATE_TIME, TEXT_OR_NULL, TIMED, interval
from twinlake.processing.openeo.kernels.crossing import tell_of_crossing
from twinlake.processing.openeo.process import Keeps, Opaque, Parameter, Process
from twinlake.processing.openeo.shapes.dimensions import Dimension, find_kind, find_temporal
from twinlake.processing.openeo.shapes.times import Interval, find_within, read_starts
from twinlake.processing.openeo.tools import Standing
from twinlake.standards.openeo.errors import ProcessError, ProcessParameterInvalidError


def _filter(data: Cube, extent: Interval, dimension: str | None, *, standing: Standing) -> Cube:
    numbers = find_kind(data.dimensions, "temporal") if dimension is None else [find_temporal(data.dimensions, dimension)]
    if not numbers:
        raise ProcessError("DimensionNotAvailable", "The cube has no temporal dimension.")
    for number in numbers:
        kept = _within(data.dimensions[number], extent)
        tell_of_crossing(standing.tools.report, data.dimensions[number], kept, extent)
        data = data.take(number, kept)
    return data


def _within(dimension: Dimension, extent: Sequence[str | None]) -> list[int]:
    start, end = extent
    if start is None and end is None:
        raise ProcessParameterInvalidError("'extent' is without end on both sides: give a start, or an end.")
    return find_within(read_starts(dimension), (start, end), dimension.calendar)


PROCESS = Process(
    id="filter_temporal",
    summary="Keeps what lies in an interval of time",
    description=(
        "Keeps the labels of temporal dimensions that lie in an interval, which is closed at its start and open at its end. Of"
        " what has bounds in time the start is looked at; the log warns where most of that time lies on the other side of an"
        " edge. Times are those of the calendar of the dimension."
    ),
    categories=("cubes", "filter"),
    parameters=(
        Parameter("data", TIMED, "A cube with a temporal dimension."),
        Parameter(
            "extent",
            interval(DATE_TIME, DATE),
            "Start and end. One of them may be null: the interval has no end there. The start belongs to it, the end does not.",
            is_plain=True,
        ),
        Parameter("dimension", TEXT_OR_NULL, "The temporal dimension; null is all of them.", default=None, is_plain=True),
    ),
    returns=TIMED,
    returned="The cube with the labels within the interval.",
    work=Opaque(),
    kernel=_filter,
    needs_standing=True,
    keeps=Keeps(),
    exceptions={
        "DimensionNotAvailable": "The cube has no temporal dimension, or none of this name.",
        "TemporalExtentEmpty": "The interval ends where it starts, or before.",
    },
)
