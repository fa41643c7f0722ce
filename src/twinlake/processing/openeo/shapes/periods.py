"""The periods of calendars, by the names and labels that openEO gives them.

Periods of a kind follow one another and are numbered; where numbers begin does not matter.
Source: openEO processes 2.0.0-rc.2, aggregate_temporal_period
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from twinlake.processing.openeo.shapes.dimensions import Dimension
from twinlake.processing.openeo.shapes.times import DAY, HOUR, day_number, read_middles, split_day, write_time

_SEASONS = ("djf", "mam", "jja", "son")
_TROPICAL = ("ndjfma", "mjjaso")
_SATURDAY = 5
"""The first of January of the year 0, as weeks begin with Monday, 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """One kind of period. All functions take the calendar last."""

    number: Callable[[int, str], int]
    """Tells the period that an instant lies in."""
    start: Callable[[int, str], int]
    """Tells the instant at which a period begins."""
    label: Callable[[int, str], str]
    """Writes which period it is."""
    of_cycle: Callable[[str], str] = str
    """Takes from a label what is the same each year, or day: ``07`` of the month ``2020-07``."""

    def interval(self, number: int, calendar: str) -> tuple[str, str]:
        """Return start and end of a period as texts."""
        return write_time(self.start(number, calendar), calendar), write_time(self.start(number + 1, calendar), calendar)


def _month(instant: int, calendar: str) -> int:
    year, month, _ = split_day(instant // DAY, calendar)
    return year * 12 + month - 1


def _start_of_month(month: int, calendar: str) -> int:
    return day_number(month // 12, month % 12 + 1, 1, calendar) * DAY


def _months(count: int, after: int, label: Callable[[int, int], str], of_cycle: Callable[[str], str]) -> Period:
    """Return the periods of *count* months that begin *after* months before those of a year."""
    return Period(
        number=lambda instant, calendar: (_month(instant, calendar) + after) // count,
        start=lambda number, calendar: _start_of_month(number * count - after, calendar),
        # The year is that in which the period begins.
        label=lambda number, _: label((number * count - after) // 12, number),
        of_cycle=of_cycle,
    )


def _years(count: int, after: int) -> Period:
    return Period(
        number=lambda instant, calendar: (_month(instant, calendar) // 12 - after) // count,
        start=lambda number, calendar: day_number(number * count + after, 1, 1, calendar) * DAY,
        label=lambda number, _: f"{number * count + after:04d}",
    )


def _hour_label(number: int, calendar: str) -> str:
    year, month, day = split_day(number // 24, calendar)
    return f"{year:04d}-{month:02d}-{day:02d}-{number % 24:02d}"


def _day_label(number: int, calendar: str) -> str:
    year = split_day(number, calendar)[0]
    return f"{year:04d}-{number - day_number(year, 1, 1, calendar) + 1:03d}"


def _week_label(number: int, calendar: str) -> str:
    """Return year and week of ISO 8601: a week is of the year that its Thursday is in."""
    thursday = number * 7 - _SATURDAY + 3
    year = split_day(thursday, calendar)[0]
    return f"{year:04d}-{(thursday - day_number(year, 1, 1, calendar)) // 7 + 1:02d}"


def _dekad(instant: int, calendar: str) -> int:
    year, month, day = split_day(instant // DAY, calendar)
    return (year * 12 + month - 1) * 3 + min((day - 1) // 10, 2)


def _after_year(label: str) -> str:
    return label.rpartition("-")[2]


PERIODS = {
    "hour": Period(
        number=lambda instant, _: instant // HOUR, start=lambda number, _: number * HOUR, label=_hour_label, of_cycle=_after_year
    ),
    "day": Period(
        number=lambda instant, _: instant // DAY, start=lambda number, _: number * DAY, label=_day_label, of_cycle=_after_year
    ),
    "week": Period(
        number=lambda instant, _: (instant // DAY + _SATURDAY) // 7,
        start=lambda number, _: (number * 7 - _SATURDAY) * DAY,
        label=_week_label,
        of_cycle=_after_year,
    ),
    "dekad": Period(
        number=_dekad,
        start=lambda number, calendar: _start_of_month(number // 3, calendar) + number % 3 * 10 * DAY,
        label=lambda number, _: f"{number // 36:04d}-{number % 36 + 1:02d}",
        of_cycle=_after_year,
    ),
    "month": _months(1, 0, lambda year, number: f"{year:04d}-{number % 12 + 1:02d}", _after_year),
    "season": _months(3, 1, lambda year, number: f"{year:04d}-{_SEASONS[number % 4]}", _after_year),
    "tropical-season": _months(6, 2, lambda year, number: f"{year:04d}-{_TROPICAL[number % 2]}", _after_year),
    "year": _years(1, 0),
    "decade": _years(10, 0),
    "decade-ad": _years(10, 1),
}
_FORMS = {
    "hour": r"\d{4}-\d\d-\d\d-\d\d",
    "day": r"\d{4}-\d{3}",
    "week": r"\d{4}-\d\d",
    "dekad": r"\d{4}-\d\d",
    "month": r"\d{4}-\d\d",
    "season": rf"\d{{4}}-({'|'.join(_SEASONS)})",
    "tropical-season": rf"\d{{4}}-({'|'.join(_TROPICAL)})",
    "year": r"\d{4}",
    "decade": r"\d{3}0",
    "decade-ad": r"\d{3}1",
}


def read_cycle(dimension: Dimension, period: str) -> list[str]:
    """Return for each label of a temporal dimension, a period itself or a time in it, what is the same each year, or day.

    Raises
    ------
    ProcessParameterInvalidError
        A label is neither.
    """
    kind, calendar = PERIODS[period], dimension.calendar
    labels = [str(each) for each in dimension.labels]
    if not all(re.fullmatch(_FORMS[period], each, re.ASCII) for each in labels):
        labels = [kind.label(kind.number(middle, calendar), calendar) for middle in read_middles(dimension)]
    return [kind.of_cycle(each) for each in labels]
