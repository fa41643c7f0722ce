"""`date_shift`."""

from twinlake.processing.openeo.json_schemas import DATE, DATE_TIME, INTEGER, UNIT
from twinlake.processing.openeo.kernels.arrays.elements import require_whole
from twinlake.processing.openeo.kernels.cells.moments import of_dates
from twinlake.processing.openeo.process import Parameter, Pointwise, Process
from twinlake.processing.openeo.values import Values
from twinlake.standards.openeo.dates import require_unit, shift


def _date_shift(date: Values, value: Values, unit: str) -> Values:
    return of_dates(lambda text, count: shift(text, require_whole("value", count), require_unit(unit)), date, count=value)


PROCESS = Process(
    id="date_shift",
    summary="A date or time moved by a period",
    description=(
        "Moves a date, or a date with a time, by a number of units. The zone stays, and of days, weeks, months and years the time"
        " does, too. A day that a month does not have becomes its last one. A date comes out as a date, also if it is moved by"
        " hours. Leap seconds are taken and never returned."
    ),
    categories=("date & time",),
    parameters=(
        Parameter("date", [DATE_TIME, DATE], "What is moved."),
        Parameter("value", INTEGER, "How many units later; below zero: earlier."),
        Parameter("unit", UNIT, "By what it is moved.", is_plain=True),
    ),
    returns=[DATE_TIME, DATE],
    returned="The date that comes out, with a time if there was one.",
    work=Pointwise(),
    kernel=_date_shift,
    examples=(
        {"arguments": {"date": "2019-01-31", "value": 1, "unit": "month"}, "returns": "2019-02-28"},
        {"arguments": {"date": "2021-03-31T08:00:00+02:00", "value": -7, "unit": "day"}, "returns": "2021-03-24T08:00:00+02:00"},
        {"arguments": {"date": "2018-01-01", "value": 25, "unit": "hour"}, "returns": "2018-01-02"},
    ),
)
