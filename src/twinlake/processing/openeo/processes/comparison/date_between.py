"""`date_between`."""

from twinlake.processing.openeo.json_schemas import DATE, DATE_TIME, TIME, TRUTH, TRUTH_OR_NULL
from twinlake.processing.openeo.kernels.cells.moments import of_dates
from twinlake.processing.openeo.process import Parameter, Pointwise, Process
from twinlake.processing.openeo.values import Values
from twinlake.standards.openeo.dates import is_between

_MOMENT = [DATE_TIME, DATE, TIME]


def _date_between(x: Values, min: Values, max: Values, exclude_max: bool = False) -> Values:
    return of_dates(lambda *moments: is_between(*moments, exclude_most=exclude_max), x, min, max)


PROCESS = Process(
    id="date_between",
    summary="Whether a date or time lies between two others",
    description=(
        "Tells whether `x` is `min` or later, and `max` or earlier, or before `max` if `exclude_max` is set. Zones are taken into"
        " account; a date stands for its midnight in UTC. Times of a day can be compared with each other only. False where `min`"
        " is later than `max`."
    ),
    categories=("comparison", "date & time"),
    parameters=(
        Parameter("x", _MOMENT, "What is looked at."),
        Parameter("min", _MOMENT, "The earliest that it may be."),
        Parameter("max", _MOMENT, "The latest that it may be."),
        Parameter("exclude_max", TRUTH, "Whether `max` itself lies outside.", default=False, is_plain=True),
    ),
    returns=TRUTH_OR_NULL,
    returned="Whether it lies between them.",
    work=Pointwise(),
    kernel=_date_between,
    examples=(
        {"arguments": {"x": "2020-06-01", "min": "2020-01-01", "max": "2020-06-01T00:00:00Z"}, "returns": True},
        {"arguments": {"x": "2020-06-01", "min": "2020-01-01", "max": "2020-06-01", "exclude_max": True}, "returns": False},
        {"arguments": {"x": "12:00:00", "min": "13:00:00", "max": "14:30:00"}, "returns": False},
    ),
)
