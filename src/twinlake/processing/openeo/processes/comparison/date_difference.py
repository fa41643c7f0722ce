"""`date_difference`."""

from twinlake.processing.openeo.json_schemas import DATE, DATE_TIME, NUMBER, UNIT
from twinlake.processing.openeo.kernels.cells.moments import of_dates
from twinlake.processing.openeo.process import Parameter, Pointwise, Process
from twinlake.processing.openeo.values import Values
from twinlake.standards.openeo.dates import count_units, require_unit


def _date_difference(date1: Values, date2: Values, unit: str = "second") -> Values:
    return of_dates(lambda first, second: count_units(first, second, require_unit(unit)), date1, date2)


PROCESS = Process(
    id="date_difference",
    summary="Time from one date to another",
    description=(
        "How much later `date2` is than `date1`, with a fraction, in the unit that is asked for; below zero if it is earlier. A"
        " date stands for its midnight in UTC. Months and years are counted by the calendar from the earlier of the two, and the"
        " fraction is that of the month or year that was not completed."
    ),
    categories=("comparison", "date & time"),
    parameters=(
        Parameter("date1", [DATE_TIME, DATE], "From when."),
        Parameter("date2", [DATE_TIME, DATE], "Until when."),
        Parameter("unit", UNIT, "What is counted. Leap seconds are not.", default="second", is_plain=True),
    ),
    returns=NUMBER,
    returned="The number of units.",
    work=Pointwise(),
    kernel=_date_difference,
    examples=(
        {"arguments": {"date1": "2020-01-01T00:00:00Z", "date2": "2020-01-01T01:00:00+01:00"}, "returns": 0},
        {"arguments": {"date1": "2020-03-01", "date2": "2020-02-01", "unit": "day"}, "returns": -29},
        {"arguments": {"date1": "2019-01-01", "date2": "2019-07-02T12:00:00Z", "unit": "year"}, "returns": 0.5},
    ),
    is_experimental=True,
)
