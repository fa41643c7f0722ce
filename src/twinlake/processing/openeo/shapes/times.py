"""Times as labels tell them: instants that can be compared, in the calendar of their dimension.

An instant is a number of microseconds since the first of January of the year 0 of its calendar, in UTC; instants of different
calendars have nothing to do with one another. A text without an offset is UTC.

Sources: RFC 3339, CF Conventions 1.11, section 4.4.1
"""

import re
from collections.abc import Sequence
from typing import Final

from twinlake.processing.openeo.shapes.dimensions import Dimension, Label
from twinlake.standards.openeo.errors import ProcessError, ProcessParameterInvalidError

DAY: Final = 86_400_000_000
"""Microseconds."""
HOUR: Final = 3_600_000_000
Interval = tuple[str | None, str | None]
"""Start and end as texts; None is without end."""
Bounded = tuple[str, str, str]
"""A label, and its bounds."""
_TIME = re.compile(
    r"(?P<year>-?\d{4})(?:-(?P<month>\d\d)(?:-(?P<day>\d\d)(?:[Tt ](?P<hour>\d\d):(?P<minute>\d\d)(?::(?P<second>\d\d)"
    r"(?:\.(?P<fraction>\d+))?)?(?P<offset>[Zz]|[+-]\d\d:?\d\d)?)?)?)?",
    re.ASCII,
)
_TIME_OF_DAY = re.compile(r"(\d\d):(\d\d):(\d\d)Z?", re.ASCII)
_LENGTHS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_CALENDARS: Final = ("standard", "julian", "noleap", "all_leap", "360_day")
_OTHER_NAMES: Final = {
    "gregorian": "standard",
    "proleptic_gregorian": "standard",
    "365_day": "noleap",
    "366_day": "all_leap",
}
"""Of calendars that count the same days: here `standard` has the leap years of today at all times."""


def find_calendar(name: str) -> str:
    """Return the name that a calendar has here; CF Conventions have two for some. An unknown one stays what it is."""
    return _OTHER_NAMES.get(name, name)


def parse_time(text: object, calendar: str = "standard") -> int:
    """Return the instant that *text* tells: RFC 3339, or a year, month or day alone, which is its beginning.

    A day that only other calendars have, such as the 31st in one of 360 days, is the one after the month's last.

    Raises
    ------
    ProcessParameterInvalidError
        It tells none.
    """
    found = _TIME.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        raise ProcessParameterInvalidError(f"{str(text)[:40]!r} is no time, such as 2020-01-31 or 2020-01-31T12:00:00Z.")
    year, month, day = int(found["year"]), int(found["month"] or 1), int(found["day"] or 1)
    hour, minute, second = int(found["hour"] or 0), int(found["minute"] or 0), int(found["second"] or 0)
    longest = max(_month_length(year, month, calendar), _month_length(year, month, "standard")) if 1 <= month <= 12 else 0
    micros = ((hour * 60 + minute) * 60 + second) * 1_000_000 + int((found["fraction"] or "0")[:6].ljust(6, "0"))
    if not 1 <= day <= longest or minute > 59 or second > 60 or (hour > 23 and micros != DAY):
        raise ProcessParameterInvalidError(f"{str(text)[:40]!r} is no time: there is no such month, day, hour, minute or second.")
    return day_number(year, month, day, calendar) * DAY + micros - _offset(found["offset"])


def parse_time_of_day(text: object) -> int | None:
    """Return the microseconds since midnight that *text*, ``HH:MM:SS`` up to ``24:00:00``, tells; None where it is none."""
    found = _TIME_OF_DAY.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        return None
    hour, minute, second = map(int, found.groups())
    micros = ((hour * 60 + minute) * 60 + second) * 1_000_000
    return micros if minute < 60 and second < 60 and micros <= DAY else None


def write_time(instant: int, calendar: str = "standard") -> str:
    """Return the text of an instant, to the second."""
    number, micros = divmod(instant, DAY)
    year, month, day = split_day(number, calendar)
    minutes, second = divmod(micros // 1_000_000, 60)
    return f"{year:04d}-{month:02d}-{day:02d}T{minutes // 60:02d}:{minutes % 60:02d}:{second:02d}Z"


def begins_of(dimension: Dimension) -> Sequence[Label]:
    """Return the text of when each label of a temporal dimension begins."""
    return dimension.labels if dimension.intervals is None else [start for start, _ in dimension.intervals]


def read_starts(dimension: Dimension) -> list[int]:
    """Return the instant at which the time of each label of a temporal dimension begins.

    Raises
    ------
    ProcessParameterInvalidError
        A label tells no time.
    """
    return [parse_time(each, dimension.calendar) for each in begins_of(dimension)]


def read_middles(dimension: Dimension) -> list[int]:
    """Return the instant in the middle of the time of each label of a temporal dimension; of a time without bounds that time.

    Whichever period the middle lies in has most of the label's time; it is the later one where two have half of it each.

    Raises
    ------
    ProcessParameterInvalidError
        A label tells no time.
    """
    starts = read_starts(dimension)
    if dimension.intervals is None:
        return starts
    ends = [parse_time(end, dimension.calendar) for _, end in dimension.intervals]
    return [(start + end) // 2 for start, end in zip(starts, ends, strict=True)]


def parse_interval(start: str | None, end: str | None, calendar: str) -> tuple[int | None, int | None]:
    """Return the instants between which an interval lies, closed at its start and open at its end; None is without end.

    Raises
    ------
    ProcessError
        ``TemporalExtentEmpty``: it ends where it starts, or before.
    ProcessParameterInvalidError
        One is no time.
    """
    first = None if start is None else parse_time(start, calendar)
    last = None if end is None else parse_time(end, calendar)
    if first is not None and last is not None and last <= first:
        raise ProcessError(
            "TemporalExtentEmpty", f"Nothing lies between {start} and {end}: the end must be later than the start."
        )
    return first, last


def find_within(instants: Sequence[int], extent: Interval | None, calendar: str = "standard") -> list[int]:
    """Return the places of the instants that an interval holds, which is closed at its start and open at its end; all for None.

    Raises
    ------
    ProcessError, ProcessParameterInvalidError
        As `parse_interval` does.
    """
    first, last = (None, None) if extent is None else parse_interval(*extent, calendar)
    return [
        place
        for place, instant in enumerate(instants)
        if (first is None or instant >= first) and (last is None or instant < last)
    ]


def day_number(year: int, month: int, day: int, calendar: str = "standard") -> int:
    """Return how many days after the first of January of the year 0 a day is."""
    return _days_before(year, calendar) + sum(_month_length(year, each, calendar) for each in range(1, month)) + day - 1


def split_day(number: int, calendar: str = "standard") -> tuple[int, int, int]:
    """Return year, month and day of a day number."""
    year = number * 400 // 146_097 if calendar != "360_day" else number // 360
    while _days_before(year, calendar) > number:
        year -= 1
    while _days_before(year + 1, calendar) <= number:
        year += 1
    rest, month = number - _days_before(year, calendar), 1
    while rest >= (length := _month_length(year, month, calendar)):
        rest, month = rest - length, month + 1
    return year, month, rest + 1


def year_length(year: int, calendar: str = "standard") -> int:
    """Return how many days a year has."""
    return _days_before(year + 1, calendar) - _days_before(year, calendar)


def _days_before(year: int, calendar: str) -> int:
    match calendar:
        case "360_day":
            return 360 * year
        case "noleap":
            return 365 * year
        case "all_leap":
            return 366 * year
        case "julian":
            return 365 * year + (year + 3) // 4
        case "standard":
            return 365 * year + (year + 3) // 4 - (year + 99) // 100 + (year + 399) // 400
        case _:
            raise ProcessParameterInvalidError(f"The calendar {calendar!r} is none of {', '.join(_CALENDARS)}.")


def _month_length(year: int, month: int, calendar: str) -> int:
    if calendar == "360_day":
        return 30
    return 29 if month == 2 and year_length(year, calendar) == 366 else _LENGTHS[month - 1]


def _offset(text: str | None) -> int:
    if text is None or text in "Zz":
        return 0
    digits = text[1:].replace(":", "")
    micros = (int(digits[:2]) * 60 + int(digits[2:])) * 60_000_000
    return -micros if text[0] == "-" else micros
