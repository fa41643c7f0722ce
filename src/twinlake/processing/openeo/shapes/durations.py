"""Durations of ISO 8601, in the calendar of a dimension."""

import re
from dataclasses import dataclass

from twinlake.processing.openeo.shapes.times import DAY, HOUR, day_number, split_day
from twinlake.standards.openeo.errors import ProcessParameterInvalidError

DURATION = r"^(-?)P(?=\d|T\d)(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)([DW]))?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?$"
"""As openEO's schemas have it."""
_DURATION = re.compile(DURATION, re.ASCII)


@dataclass(frozen=True, slots=True)
class Duration:
    """Months, which are not all as long, and microseconds."""

    months: int
    microseconds: int

    def later(self, instant: int, times: int, calendar: str) -> int:
        """Return the instant so many times this duration later; a day that a month does not have is its last one."""
        number, rest = divmod(instant, DAY)
        year, month, day = split_day(number, calendar)
        year, month = divmod(year * 12 + month - 1 + times * self.months, 12)
        first = day_number(year, month + 1, 1, calendar)
        following = day_number(*((year, month + 2, 1) if month < 11 else (year + 1, 1, 1)), calendar)
        return min(first + day - 1, following - 1) * DAY + rest + times * self.microseconds

    def count(self, start: int, end: int, calendar: str) -> int:
        """Return how many times it has passed from *start* until *end*, which is not before."""
        most = 1
        while self.later(start, most, calendar) <= end:
            most *= 2
        least = most // 2
        while most - least > 1:
            middle = (least + most) // 2
            if self.later(start, middle, calendar) <= end:
                least = middle
            else:
                most = middle
        return least


def read_duration(text: str) -> Duration:
    """Return the duration that a text tells.

    Raises
    ------
    ProcessParameterInvalidError
        It tells none, or one that is not above 0.
    """
    found = _DURATION.fullmatch(text)
    if found is None:
        raise ProcessParameterInvalidError(f"{text[:40]!r} is no duration, such as P1D or PT6H.")
    sign, years, months, days, unit, hours, minutes, seconds = found.groups()
    day = DAY * int(days or 0) * (7 if unit == "W" else 1)
    time = HOUR * int(hours or 0) + HOUR // 60 * int(minutes or 0) + round(float(seconds or 0) * 1_000_000)
    duration = Duration(12 * int(years or 0) + int(months or 0), day + time)
    if sign or not (duration.months or duration.microseconds) or duration.months > 120_000:
        raise ProcessParameterInvalidError(f"{text[:40]!r} is no duration above 0, and of fewer than 10 000 years.")
    return duration
