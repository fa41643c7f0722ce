"""The Range header (RFC 9110, section 14)."""

import re

_ONE_RANGE = re.compile(r"bytes=[ \t]*(\d{0,20})-(\d{0,20})[ \t]*", re.IGNORECASE | re.ASCII)


class RangeNotSatisfiable(Exception):
    """The range lies behind the end."""


def parse_range(header: str | None, size_bytes: int) -> tuple[int, int] | None:
    """Return start (inclusive) and end (exclusive) of the bytes that are asked for, or None for all of them.

    What is malformed, in another unit or asks for several ranges is answered whole, as the standard allows.

    Raises
    ------
    RangeNotSatisfiable
        The range is well formed and has no byte in it.
    """
    match = _ONE_RANGE.fullmatch(header or "")
    if match is None or match.group(0).replace(" ", "").lower() == "bytes=-":
        return None
    first, last = match.groups()
    if not first:
        start, end = max(0, size_bytes - int(last)), size_bytes
    else:
        start, end = int(first), min(int(last) + 1, size_bytes) if last else size_bytes
        if last and int(last) < start:
            return None
    if start >= size_bytes or start >= end:
        raise RangeNotSatisfiable
    return start, end
