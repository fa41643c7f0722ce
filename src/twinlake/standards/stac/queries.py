"""The parameters of a search: ``datetime`` and ``bbox`` (OGC 17-069r4, sections 7.15.3 and 7.15.4; STAC API 1.0.0)."""

import math
from collections.abc import Sequence

from twinlake.core.errors import InvalidInputError
from twinlake.standards.geojson import BBox, find_box_problems, horizontal
from twinlake.standards.rfc3339 import parse_moment

_OPEN = ("", "..")
_REMEDY = "Write 2021-04-16T10:13:19Z, or an interval start/end with .. for an open side."


def parse_datetime_query(text: str) -> tuple[int | None, int | None]:
    """Return first and last microsecond (since 1970 UTC) that *text* asks for, both closed; None leaves a side open.

    An instant stands for itself and a full date for its whole day; an open side is ``..`` or empty.

    Raises
    ------
    InvalidInputError
        It is neither an instant nor an interval, the interval is inverted or open at both sides.
    """
    sides = text.strip().split("/")
    if len(sides) > 2:
        raise InvalidInputError(f"The datetime {text[:80]!r} has more than one slash.", remedy=_REMEDY)
    if len(sides) == 1:
        return _moment(sides[0], text)
    start = None if sides[0] in _OPEN else _moment(sides[0], text)[0]
    end = None if sides[1] in _OPEN else _moment(sides[1], text)[1]
    if start is None and end is None:
        raise InvalidInputError("The datetime interval is open at both sides.", remedy="Leave the parameter out.")
    if start is not None and end is not None and start > end:
        raise InvalidInputError(f"The datetime interval {text[:80]!r} ends before it starts.", remedy="Swap its sides.")
    return start, end


def _moment(side: str, text: str) -> tuple[int, int]:
    # An offset's plus arrives as a blank from a URL that was not encoded.
    try:
        return parse_moment(side.replace(" ", "+") if side[10:11] in {"T", "t"} else side)
    except ValueError as error:
        raise InvalidInputError(f"The datetime {text[:80]!r} is not valid: {error}.", remedy=_REMEDY) from None


def parse_bbox(values: str | Sequence[str | float]) -> BBox:
    """Return the box of 4 or 6 *values* or comma-separated text; heights are dropped.

    Raises
    ------
    InvalidInputError
        It has another number of values, or they are not finite, out of range, or south above north.
    """
    parts = values.split(",") if isinstance(values, str) else values
    remedy = "Give west,south,east,north in degrees; west > east crosses the antimeridian."
    try:
        numbers = [float(part) for part in parts if not isinstance(part, bool)]
    except (TypeError, ValueError):
        numbers = [math.nan]
    problems = find_box_problems(numbers) if len(numbers) == len(parts) else find_box_problems(list(parts))
    if problems:
        raise InvalidInputError(f"The bbox is not valid: it {problems[0].message}.", remedy=problems[0].remedy or remedy)
    return horizontal(numbers)
