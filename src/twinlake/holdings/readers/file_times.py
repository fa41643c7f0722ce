"""Times in files: CF time axes and the attributes that state a file's time.

Model calendars (360 days, no leap years) have days that no clock shows; those are moved to the nearest day that exists.
"""

import re
from calendar import monthrange
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twinlake.holdings.readers.attributes import text_of
from twinlake.holdings.readers.description import Interval
from twinlake.holdings.readers.times import FIRST_YEAR, LAST_YEAR, parse_time, union

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
    found = [None if date is None else _real_date(date) for date in decode_dates(values, units, calendar)]
    dated = np.full(len(found), None, object)
    dated[:] = found
    return dated


def decode_dates(values: NDArray[Any], units: str, calendar: str) -> list[Any]:
    """Turn numbers of a CF time axis into dates of its calendar, as cftime has them; raises as `decode` does."""
    import cftime

    numbers = np.asarray(values, np.float64).ravel()
    dated: list[Any] = [None] * numbers.size
    good = np.flatnonzero(np.isfinite(numbers) & (np.abs(numbers) < 1e15))
    if good.size:
        units = re.sub(r"\s+UTC$", "", units.strip())
        try:
            found = np.atleast_1d(cftime.num2date(numbers[good], units, calendar=calendar or "standard"))
        except (TypeError, OverflowError) as error:
            raise ValueError(str(error)) from error
        for place, date in zip(good.tolist(), found, strict=True):
            dated[place] = date
    return dated


def _real_date(date: Any) -> datetime | None:
    """Return a cftime *date* as a datetime, its day moved back where the month has no such day."""
    if not FIRST_YEAR <= date.year <= LAST_YEAR:
        return None
    day = min(date.day, monthrange(date.year, date.month)[1])
    instant = datetime(date.year, date.month, day, date.hour, date.minute, date.second, tzinfo=UTC)
    return instant + timedelta(milliseconds=round(date.microsecond / 1000))  # finer digits are rounding noise of the axis
