"""Instants as the standards write them: RFC 3339 date-times and full dates, to whole microseconds.

RFC 3339, section 5.6: the ``T`` and ``Z`` may be lower case and a blank may stand for the ``T``. A leap second
is read as the second that follows it. Digits beyond microseconds are cut off.
"""

import re
from datetime import datetime, timedelta
from functools import lru_cache

from twinlake.core.clock import to_microseconds

DAY = 86_400_000_000
"""Microseconds of a day."""

_LAST = 253_402_300_799_999_999
"""The last microsecond of the year 9999."""
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_PLAIN = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?Z", re.ASCII)
"""As most are written, which the standard library reads at once."""
_DATE_TIME = re.compile(r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d)(?::(\d\d)(?:\.(\d+))?)?(?:([Zz])|([+-]\d\d):(\d\d))", re.ASCII)


def parse_date(text: str) -> int:
    """Return the microsecond since 1970 UTC at which the day *text* (``YYYY-MM-DD``) begins.

    Raises
    ------
    ValueError
        It is no full date of the years 1 to 9999.
    """
    if _DATE.fullmatch(text) is None:
        raise ValueError(f"{text[:60]!r} is not a date of the form 2021-04-16")
    try:
        return to_microseconds(datetime.fromisoformat(f"{text}T00:00:00+00:00"))
    except ValueError:
        raise ValueError(f"{text!r} is not a day of the calendar") from None


@lru_cache(maxsize=64)  # the instants of one item are asked for by who checks it and by who stores it
def parse_instant(text: str) -> int:
    """Return the microsecond since 1970 UTC of a date-time; its seconds may be missing, its offset may not.

    Raises
    ------
    ValueError
        It is no RFC 3339 date-time of the years 1 to 9999.
    """
    if _PLAIN.fullmatch(text) is not None:
        try:
            return to_microseconds(datetime.fromisoformat(text))
        except ValueError:
            pass  # a leap second, or no instant of the calendar
    match = _DATE_TIME.fullmatch(text)
    if match is None:
        raise ValueError(f"{text[:60]!r} is not an RFC 3339 date-time such as 2021-04-16T10:13:19Z")
    date, minute, second, fraction, zulu, hours, minutes = match.groups()
    leap = second == "60"
    try:
        instant = datetime.fromisoformat(f"{date}T{minute}:{'59' if leap else second or '00'}+00:00")
        if zulu is None:
            offset = timedelta(hours=int(hours), minutes=int(hours[0] + minutes))
            if abs(offset) >= timedelta(days=1) or int(minutes) > 59:
                raise ValueError
            instant -= offset
    except (ValueError, OverflowError):
        raise ValueError(f"{text[:60]!r} is not an instant of the calendar") from None
    microseconds = to_microseconds(instant) + leap * 1_000_000 + (int(fraction[:6].ljust(6, "0")) if fraction else 0)
    if microseconds > _LAST:
        raise ValueError(f"{text[:60]!r} is after the year 9999")
    return microseconds


def parse_moment(text: str) -> tuple[int, int]:
    """Return first and last microsecond of a date-time (the same twice) or of a full date (its day).

    Raises
    ------
    ValueError
        It is neither.
    """
    if len(text) == 10:
        start = parse_date(text)
        return start, start + DAY - 1
    instant = parse_instant(text)
    return instant, instant
