"""Times as files and recipes write them, as closed intervals in UTC.

Model calendars (360 days, no leap years) have days that no clock shows; those are moved to the nearest day that exists.
"""

import re
from calendar import monthrange
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twinlake.holdings.readers.attributes import text_of
from twinlake.holdings.readers.description import Interval

_FIRST_YEAR, _LAST_YEAR = 1, 9999
_PARTIAL = re.compile(r"^(\d{4})(?:-(\d{1,2})(?:-(\d{1,2}))?)?$")
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
_START_ATTRIBUTES = (
    "time_coverage_start",
    "start_date",
    "dataset_start_date",
    "start_time",
    "product_start_time",
    "sensing_start",
    "time_start",
)
_END_ATTRIBUTES = (
    "time_coverage_end",
    "stop_date",
    "dataset_stop_date",
    "end_date",
    "stop_time",
    "end_time",
    "time_end",
    "product_stop_time",
    "sensing_end",
)
_INSTANT_ATTRIBUTES = ("ACQUISITIONDATETIME", "datetime", "acquisition_date", "date_acquired", "time_coverage_center")


def parse_time(text: str) -> Interval | None:
    """Read a time as text: an instant, or the whole of a year, month or day; None if it is no time.

    A time without a zone is UTC.
    """
    text = text.strip()
    if partial := _PARTIAL.match(text):
        year, month, day = (int(part) if part else None for part in partial.groups())
        return _calendar_interval(year or 0, month, day)
    if text.upper() == "Z" or not text:
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
    if not _FIRST_YEAR <= year <= _LAST_YEAR or (month is not None and not 1 <= month <= 12):
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
    if not _FIRST_YEAR <= value < _LAST_YEAR + 1:
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


def from_attributes(attributes: dict[str, Any]) -> Interval | None:
    """Read the time that the attributes of a file state (ACDD ``time_coverage_*`` and its older relatives)."""
    start, end = text_of(attributes, *_START_ATTRIBUTES), text_of(attributes, *_END_ATTRIBUTES)
    stated = [parse_time(text) for text in (start, end) if text]
    if start and all(stated):
        return union(stated)
    instant = text_of(attributes, *_INSTANT_ATTRIBUTES)
    return parse_time(instant) if instant else None


def decode(values: NDArray[Any], units: str, calendar: str) -> NDArray[np.object_]:
    """Turn numbers of a CF time axis into aware UTC datetimes; values that are no time become None.

    Raises
    ------
    ValueError
        *units* or *calendar* are not of the CF conventions (section 4.4).
    """
    import cftime

    numbers = np.asarray(values, np.float64).ravel()
    dated = np.full(numbers.shape, None, object)
    good = np.isfinite(numbers) & (np.abs(numbers) < 1e15)
    if good.any():
        units = re.sub(r"\s+UTC$", "", units.strip())
        found = np.atleast_1d(cftime.num2date(numbers[good], units, calendar=calendar or "standard"))
        dated[good] = [_real_date(date) for date in found]
    return dated


def _real_date(date: Any) -> datetime | None:
    """Return a cftime *date* as a datetime, its day moved back where the month has no such day."""
    if not _FIRST_YEAR <= date.year <= _LAST_YEAR:
        return None
    day = min(date.day, monthrange(date.year, date.month)[1])
    instant = datetime(date.year, date.month, day, date.hour, date.minute, date.second, tzinfo=UTC)
    return instant + timedelta(milliseconds=round(date.microsecond / 1000))  # finer digits are rounding noise of the axis


def to_text(instant: datetime) -> str:
    """Write an instant as STAC has it: RFC 3339, ``Z``, fractions only where there are some."""
    text = instant.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds" if instant.microsecond else "seconds")
    return f"{text}Z"
