"""What the event log hands to its readers, and what they ask for."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from twinlake.core.documents import JsonObject
from twinlake.engines.database import Connection
from twinlake.standards.geojson import BBox, horizontal

COLLECTION_DOMAIN = "collection:"
"""A domain that begins so is the visibility of the collection whose id follows."""

GONE = (1 << 63) - 1
"""`Event.starts_at` of an event whose payload is no longer kept: whoever has a horizon does not see it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventPayload:
    """One member of an `EventRange`, as its expander writes it."""

    subject: str
    data: JsonObject
    starts_at: int | None = None
    """As in `NewEvent`."""


Expander = Callable[[Connection, int, int], Sequence[EventPayload | None]]
"""Return the payloads of *count* numbers from *first*, in order; None for one that is no longer kept.

It only reads, and may run in any thread."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One event of the log."""

    seq: int
    """Number in the site. It tells of hidden events: never show it, show `EventIds.of`."""
    type: str
    domain: str
    number: int
    """Number in the stream (type and domain), contiguous from 1."""
    time: int
    """Microseconds since 1970 UTC; never runs backwards as `seq` grows."""
    subject: str | None
    """None, like `data`, where the payload is no longer kept."""
    data: JsonObject | None
    starts_at: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EventFilter:
    """What a reader asked for; None asks for everything."""

    types: frozenset[str] | None = None
    collections: frozenset[str] | None = None
    """Ids; only events in the domain of one of these match."""
    bbox: BBox | None = None
    """Only events whose data has a ``bbox`` that touches this one match."""

    def matches(self, event: Event) -> bool:
        """Tell whether *event* was asked for."""
        if self.types is not None and event.type not in self.types:
            return False
        if self.collections is not None and not self._is_of_a_collection(event.domain):
            return False
        return self.bbox is None or _overlap(self.bbox, (event.data or {}).get("bbox"))

    def _is_of_a_collection(self, domain: str) -> bool:
        return domain.startswith(COLLECTION_DOMAIN) and domain[len(COLLECTION_DOMAIN) :] in (self.collections or ())


EVERY_EVENT = EventFilter()


@dataclass(frozen=True, slots=True)
class Audience:
    """What one reader may know of."""

    sees: Callable[[str], bool]
    """Tells of a visibility domain whether its events may be read."""
    horizons: Mapping[str, int] = field(default_factory=dict)
    """Embargo per domain: events that start after this instant (microseconds since 1970 UTC) are not seen."""

    def may_read(self, event: Event) -> bool:
        """Tell whether *event* may be shown."""
        if not self.sees(event.domain):
            return False
        horizon = self.horizons.get(event.domain)
        return horizon is None or event.starts_at is None or event.starts_at <= horizon

    def may_count(self, domain: str) -> bool:
        """Tell whether stream numbers of *domain* may be shown: under an embargo their gaps tell of hidden events."""
        return domain not in self.horizons


UNLIMITED = Audience(lambda _: True)
"""The site itself."""


@dataclass(frozen=True, slots=True)
class Gap:
    """Events that a reader asked for and that are no longer there."""

    through: int
    """Number in the site of the last event that is missing; reading goes on after it."""
    until: int
    """The missing events are not younger than this, microseconds since 1970 UTC."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventPage:
    """One reading of the log."""

    events: list[Event]
    """Those that match and may be read, in order."""
    through: int
    """Everything up to this number in the site has been looked at; read on after it."""
    gap: Gap | None
    """What is missing before the first of *events*."""


def _overlap(asked: BBox, told: Sequence[float] | None) -> bool:
    """Tell whether two boxes touch; the second has four or six numbers, or is missing."""
    if told is None or len(told) not in {4, 6}:
        return False
    west, south, east, north = horizontal(told)
    if south > asked[3] or north < asked[1]:
        return False
    return any(w <= e2 and w2 <= e for w, e in _spans(asked[0], asked[2]) for w2, e2 in _spans(west, east))


def _spans(west: float, east: float) -> tuple[tuple[float, float], ...]:
    return ((west, east),) if west <= east else ((west, 180.0), (-180.0, east))
