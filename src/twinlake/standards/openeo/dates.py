"""Dates and times as openEO's processes take them: full dates, date-times and times of a day, all texts of RFC 3339.

A date is its midnight in UTC, and so is what has no zone in UTC. Days have 86 400 seconds; a leap second is read as the second
that follows it, and never written. Calendars are proleptic Gregorian, years 1 to 9999.
"""

import re
from calendar import monthrange
from datetime import datetime, time, timedelta
from typing import Literal, cast, get_args

from twinlake.core.clock import from_microseconds, to_microseconds
from twinlake.standards.rfc3339 import parse_date, parse_instant

Unit = Literal["millisecond", "second", "minute", "hour", "day", "week", "month", "year"]

_MONTHS = {"month": 1, "year": 12}
_MICROSECONDS = {
    "millisecond": 1_000,
    "second": 1_000_000,
    "minute": 60_000_000,
    "hour": 3_600_000_000,
    "day": 86_400_000_000,
    "week": 604_800_000_000,
}
_NAIVE = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d(\.\d+)?)?", re.ASCII)
_TIME = re.compile(r"\d\d:\d\d:\d\d", re.ASCII)
_PARTS = re.compile(r"(\d{4}-\d\d-\d\d)(?:[Tt ](\d\d:\d\d)(?::(\d\d)(?:\.(\d+))?)?([Zz]|[+-]\d\d:\d\d)?)?", re.ASCII)


def parse_moment(text: str) -> int:
    """Return the microsecond since 1970 UTC of a date-time, or of the midnight with which a date begins.

    Raises
    ------
    ValueError
        It is neither.
    """
    if len(text) == 10:
        return parse_date(text)
    return parse_instant(f"{text}Z" if _NAIVE.fullmatch(text) else text)


def parse_time(text: str) -> int:
    """Return the microsecond of the day of a time such as ``09:30:00``.

    Raises
    ------
    ValueError
        It is no time of a day.
    """
    if not is_time(text):
        raise ValueError(f"{text[:60]!r} is not a time of the form 09:30:00")
    try:
        of_day = time.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is not a time of a day") from None
    return ((of_day.hour * 60 + of_day.minute) * 60 + of_day.second) * 1_000_000


def is_time(text: str) -> bool:
    """Tell whether *text* is written as a time of a day."""
    return _TIME.fullmatch(text) is not None


def require_unit(unit: str) -> Unit:
    """Return *unit*.

    Raises
    ------
    ValueError
        It is none.
    """
    if unit not in get_args(Unit):
        raise ValueError(f"'unit' is none of {', '.join(get_args(Unit))}")
    return cast("Unit", unit)


def is_between(text: str, least: str, most: str, *, exclude_most: bool) -> bool:
    """Tell whether a moment, or a time of a day, lies between two others; the interval is closed, but for *exclude_most*.

    Raises
    ------
    ValueError
        One of the three is none, or times of a day stand beside dates.
    """
    are_times = [is_time(each) for each in (text, least, most)]
    if any(are_times) and not all(are_times):
        raise ValueError("Times of a day cannot be compared with dates")
    moment, start, end = (parse_time(each) if all(are_times) else parse_moment(each) for each in (text, least, most))
    return start <= moment < end if exclude_most else start <= moment <= end


def count_units(start: str, end: str, unit: Unit) -> float:
    """Return how many units lie between two moments, with the fraction; below zero where *end* is before *start*.

    Months and years are counted from the earlier moment by the calendar, in UTC; the fraction is that of the last one.

    Raises
    ------
    ValueError
        One of the two is no moment.
    """
    first, last = parse_moment(start), parse_moment(end)
    if unit not in _MONTHS:
        return (last - first) / _MICROSECONDS[unit]
    if first > last:
        return -_count_months(last, first, _MONTHS[unit])
    return _count_months(first, last, _MONTHS[unit])


def shift(text: str, count: int, unit: Unit) -> str:
    """Return a date, or a date-time in the same zone, that is *count* units later.

    Months and years lead to the last day of a month that is too short. A date stays a date: the day of the moment that its
    midnight is shifted to.

    Raises
    ------
    ValueError
        *text* is no moment, or what comes out lies beyond the calendar.
    """
    parse_moment(text)  # whatever is no day or zone fails here
    match = _PARTS.fullmatch(text)
    if match is None:
        raise ValueError(f"{text[:60]!r} is neither date nor date-time")
    date, minute, second, fraction, zone = match.groups()
    local = datetime.fromisoformat(f"{date}T{minute or '00:00'}:{'59' if second == '60' else second or '00'}")
    local = local.replace(microsecond=int((fraction or "")[:6].ljust(6, "0")))
    try:
        if unit in _MONTHS:
            local = _add_months(local, count * _MONTHS[unit])
        else:
            local += timedelta(microseconds=count * _MICROSECONDS[unit])
    except OverflowError:
        raise ValueError(f"{count} {unit}s from {text} is no time of the years 1 to 9999") from None
    if minute is None:
        return local.date().isoformat()
    digits = len((fraction or "")[:6])
    digits = max(digits, 3) if local.microsecond else digits
    decimals = f".{local.microsecond:06d}"[: digits + 1] if digits else ""
    return f"{local.isoformat(timespec='seconds')[:19]}{decimals}{(zone or '').upper()}"


def _add_months(moment: datetime, count: int) -> datetime:
    """Return the same day and time of another month, or its last day."""
    year, month = divmod(moment.year * 12 + moment.month - 1 + count, 12)
    if not 1 <= year <= 9999:
        raise OverflowError
    return moment.replace(year=year, month=month + 1, day=min(moment.day, monthrange(year, month + 1)[1]))


def _count_months(first: int, last: int, size: int) -> float:
    """Return how often *size* months lie between two instants.

    Raises
    ------
    ValueError
        They end so late that the calendar has no following month.
    """
    start, end = from_microseconds(first), from_microseconds(last)
    whole = ((end.year - start.year) * 12 + end.month - start.month) // size
    if _add_months(start, whole * size) > end:
        whole -= 1
    reached = _add_months(start, whole * size)
    try:
        following = _add_months(start, (whole + 1) * size)
    except OverflowError:
        raise ValueError("Months and years cannot be counted at the end of the year 9999") from None
    return whole + (last - to_microseconds(reached)) / (to_microseconds(following) - to_microseconds(reached))
