"""Times as texts write them, as closed intervals in UTC."""

import re
from calendar import monthrange
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from twinlake.holdings.readers.description import Interval

FIRST_YEAR, LAST_YEAR = 1, 9999
_PARTIAL = re.compile(r"^(\d{4})(?:-(\d{1,2})(?:-(\d{1,2}))?)?$")
_LIKELY = re.compile(r"^\d{1,4}[-/:]?\w{2,3}[-/:]?\d{1,4}")
_DECIMAL_YEAR = re.compile(r"^(\d{4})\.\d+$")
_FORMATS = (
    "%Y%m%d",
    "%Y%m%d%H%M%S",
    "%Y%m%dT%H%M%S",
    "%d-%b-%Y %H:%M:%S.%f",
    "%d-%b-%Y %H:%M:%S",
    "%Y:%m:%d %H:%M:%S",
    "%Y/%m/%d",
    "%Y/%m/%d %H:%M:%S",
)


def parse_time(text: str) -> Interval | None:
    """Read a time as text: an instant, or the whole of a year, month or day; None if it is no time.

    A time without a zone is UTC.
    """
    text = text.strip()
    if partial := _PARTIAL.match(text):
        year, month, day = (int(part) if part else None for part in partial.groups())
        return _calendar_interval(year or 0, month, day)
    if not _LIKELY.match(text):
        return None
    instant = _parse_instant(text)
    return Interval(instant, instant) if instant else None


def _parse_instant(text: str) -> datetime | None:
    candidates: list[datetime] = []
    try:
        candidates.append(datetime.fromisoformat(text.removesuffix(" UTC")))
    except ValueError:
        for form in _FORMATS:
            try:
                candidates.append(datetime.strptime(text, form).replace(tzinfo=UTC))
                break
            except ValueError:
                continue
    return as_utc(candidates[0]) if candidates else None


def as_utc(instant: datetime) -> datetime:
    """Return *instant* in UTC; one without a zone is taken as UTC."""
    return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)


def _calendar_interval(year: int, month: int | None, day: int | None) -> Interval | None:
    if not FIRST_YEAR <= year <= LAST_YEAR or (month is not None and not 1 <= month <= 12):
        return None
    first_month, last_month = month or 1, month or 12
    last_day = monthrange(year, last_month)[1]
    if day is not None and not 1 <= day <= last_day:
        return None
    start = datetime(year, first_month, day or 1, tzinfo=UTC)
    return Interval(start, datetime(year, last_month, day or last_day, 23, 59, 59, tzinfo=UTC))


def year_interval(year: int) -> Interval | None:
    """Return the whole of a calendar year."""
    return _calendar_interval(year, None, None)


def decimal_year(value: float) -> datetime | None:
    """Return the instant of a year with a fraction, such as 1750.083333; None outside 1 to 9999."""
    if not FIRST_YEAR <= value < LAST_YEAR + 1:
        return None
    year = int(value)
    start = datetime(year, 1, 1, tzinfo=UTC)
    length = timedelta(days=366 if monthrange(year, 2)[1] == 29 else 365)
    return start + timedelta(seconds=round(length.total_seconds() * (value - year)))


def parse_year_name(name: str) -> Interval | None:
    """Read the name of a column that is a year: ``2010`` (all of it) or ``1750.5`` (an instant)."""
    name = name.strip()
    if re.fullmatch(r"\d{4}", name):
        return year_interval(int(name))
    if _DECIMAL_YEAR.match(name):
        instant = decimal_year(float(name))
        return Interval(instant, instant) if instant else None
    return None


def union(intervals: Iterable[Interval | None]) -> Interval | None:
    """Return the interval from the first start to the last end; None if there is none."""
    known = [interval for interval in intervals if interval is not None]
    if not known:
        return None
    return Interval(min(each.start for each in known), max(each.end for each in known))


def to_text(instant: datetime) -> str:
    """Write an instant as STAC has it: RFC 3339, ``Z``, fractions only where there are some."""
    text = instant.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds" if instant.microsecond else "seconds")
    return f"{text}Z"
