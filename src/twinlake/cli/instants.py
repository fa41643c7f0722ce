"""Times as people write them: a year, a month or a day stands for all of it."""

import calendar
import re

_PARTIAL = re.compile(r"(\d{4})(?:-(\d{2}))?(?:-(\d{2}))?")


def expand_datetime(text: str) -> str:
    """Write *text* as STAC wants it: ``2024-02`` becomes the interval from its first to its last second.

    What is not a year, month or day, such as ``..`` or an instant with its time, stays as it is; the site checks it.
    """
    start, slash, end = text.partition("/")
    if slash:
        return f"{_first_second(start)}/{_last_second(end)}"
    return f"{_first_second(start)}/{_last_second(start)}" if _PARTIAL.fullmatch(start) else text


def _first_second(text: str) -> str:
    match = _PARTIAL.fullmatch(text)
    return text if match is None else f"{match[1]}-{match[2] or '01'}-{match[3] or '01'}T00:00:00Z"


def _last_second(text: str) -> str:
    match = _PARTIAL.fullmatch(text)
    if match is None:
        return text
    month = match[2] or "12"
    return f"{match[1]}-{month}-{match[3] or _last_day(match[1], month)}T23:59:59.999999Z"


def _last_day(year: str, month: str) -> str:
    # A month or year that there is not is the site's to refuse.
    is_month = 1 <= int(month) <= 12 and int(year) > 0
    return f"{calendar.monthrange(int(year), int(month))[1]}" if is_month else "31"
