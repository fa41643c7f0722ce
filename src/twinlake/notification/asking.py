"""What a reader of events asks for, from the parameters of a request."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from starlette.requests import Request

from twinlake.core.clock import from_microseconds
from twinlake.core.errors import InvalidInputError
from twinlake.events.models import EventFilter
from twinlake.standards.rfc3339 import parse_date, parse_instant
from twinlake.standards.stac.queries import parse_bbox

_PARAMETERS = frozenset({"type", "collection", "bbox", "from_id", "from_date"})
_MOST_VALUES = 100
_LONGEST_VALUE = 255


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamRequest:
    """A live stream, as it was asked for."""

    filter: EventFilter
    from_id: str | None = None
    """Id of the last event that the reader has."""
    from_date: datetime | None = None
    """Begin with the events of this instant; None of both begins with what comes next."""


def parse_stream_request(request: Request) -> StreamRequest:
    """Read the parameters of ``GET /events``; ``type`` and ``collection`` may be repeated.

    ``Last-Event-ID``, which a browser sends when it comes back, is stronger than where the address says to begin.

    Raises
    ------
    InvalidInputError
        A parameter is unknown or wrong.
    """
    query = request.query_params
    unknown = sorted(set(query) - _PARAMETERS)
    if unknown:
        raise InvalidInputError(
            f"There is no parameter {unknown[0][:80]!r}.", remedy=f"Known are {', '.join(sorted(_PARAMETERS))}."
        )
    for name in ("bbox", "from_id", "from_date"):
        if len(query.getlist(name)) > 1:
            raise InvalidInputError(f"The parameter {name!r} is given twice.")
    if "from_id" in query and "from_date" in query:
        raise InvalidInputError("Both from_id and from_date are given.", remedy="Choose one.")
    last = request.headers.get("last-event-id")
    from_date = query.get("from_date")
    return StreamRequest(
        filter=parse_filter(types=query.getlist("type"), collections=query.getlist("collection"), bbox=query.get("bbox")),
        from_id=last or query.get("from_id"),
        from_date=None if last or from_date is None else _parse_when(from_date),
    )


def parse_filter(
    *, types: Iterable[str] | None, collections: Iterable[str] | None, bbox: str | list[float] | None
) -> EventFilter:
    """Make a filter; an empty list asks for everything, like None.

    Raises
    ------
    InvalidInputError
        A value is too long, there are too many, or the box is wrong.
    """
    return EventFilter(
        types=_parse_names("type", types),
        collections=_parse_names("collection", collections),
        bbox=None if bbox is None else parse_bbox(bbox),
    )


def _parse_names(what: str, names: Iterable[str] | None) -> frozenset[str] | None:
    values = frozenset(names or ())
    if len(values) > _MOST_VALUES or any(not 1 <= len(value) <= _LONGEST_VALUE for value in values):
        raise InvalidInputError(f"There may be {_MOST_VALUES} values of {what!r}, of 1 to {_LONGEST_VALUE} characters.")
    return values or None


def _parse_when(text: str) -> datetime:
    # In an address a plus sign that was not encoded arrives as a blank.
    text = text[:10] + text[10:].replace(" ", "+")
    try:
        return from_microseconds(parse_date(text) if len(text) == 10 else parse_instant(text))
    except ValueError as error:
        raise InvalidInputError(f"from_date is not valid: {error}.", remedy="Write it like 2026-01-31T12:00:00Z.") from None
