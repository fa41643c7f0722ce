"""What a change hands to the event log."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from twinlake.core.documents import JsonObject
from twinlake.engines.database import Connection


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEvent:
    """One change, not yet numbered."""

    type: str
    """CloudEvents type: ``org.ogc.api.collection.item.create``, ``eu.twinlake.job.finished``."""
    subject: str
    """``collections/{collection}/items/{item}``, ``jobs/{request}``: percent-encoded segments."""
    domain: str
    """Visibility domain, the second half of the stream: ``collection:{id}``, ``principal:{principal}`` or ``site``."""
    data: JsonObject = field(default_factory=dict)
    """The event's payload; for items at least ``collection``, ``id``, ``bbox``, ``operation``."""
    starts_at: int | None = None
    """Start of the item that it tells of, microseconds since 1970 UTC: an embargo hides the event like the item."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRange:
    """*count* (at least 1) changes of one kind stored as one row and expanded when read (a bulk load)."""

    type: str
    domain: str
    source: str
    """Name of the expander registered with the log, such as ``item-versions``."""
    first: int
    """The expander's number of the first change; the others follow without a gap."""
    count: int


class EventWriter(Protocol):
    """Numbers events inside the transaction of their change."""

    def append(self, tx: Connection, events: Sequence[NewEvent | EventRange]) -> None:
        """Write *events* in this order: each takes the next number of the site and of its stream."""
        ...
