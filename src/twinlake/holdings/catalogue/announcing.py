"""What is announced of items: single events, and the members of a range that a bulk load left."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Literal

import orjson

from twinlake.core.clock import from_microseconds, to_text
from twinlake.core.documents import JsonObject
from twinlake.engines.database import Connection
from twinlake.events.interfaces import NewEvent
from twinlake.events.models import EventPayload, Expander
from twinlake.holdings.catalogue.bodies import unpack
from twinlake.holdings.catalogue.documents import PUBLIC_URL, segment
from twinlake.holdings.catalogue.preparing import Times, read_times

Operation = Literal["create", "update", "delete"]
EVENT_TYPE = "org.ogc.api.collection.item."
_SOURCES: Mapping[Operation, str] = {"create": "item-versions", "update": "item-versions-updated"}


def item_event(operation: Operation, collection: str, item: str, bbox: list[float] | None, times: Times) -> NewEvent:
    """Return what is announced of one item."""
    return NewEvent(
        type=EVENT_TYPE + operation,
        subject=_subject(collection, item),
        domain=f"collection:{collection}",
        data=_data(operation, collection, item, bbox, times),
        starts_at=times.starts,
    )


def range_source(operation: Operation) -> str:
    """Return the name of the expander of ranges of one operation."""
    return _SOURCES[operation]


def expand_versions(operation: Operation, tx: Connection, first: int, count: int) -> Sequence[EventPayload | None]:
    """Return what is announced of *count* versions from number *first*; None for one that is no longer kept."""
    rows = tx.execute(
        "select vid, collection, id, body from item_version where vid between ? and ?", (first, first + count - 1)
    ).fetchall()
    kept = {vid: _payload(operation, collection, item, body) for vid, collection, item, body in rows}
    return [kept.get(vid) for vid in range(first, first + count)]


EXPANDERS: Mapping[str, Expander] = {source: partial(expand_versions, operation) for operation, source in _SOURCES.items()}
"""To be registered with the event log, by source."""


def _payload(operation: Operation, collection: str, item: str, body: bytes) -> EventPayload:
    document = orjson.loads(unpack(body).replace(PUBLIC_URL, b""))
    times = read_times(item, document["properties"])
    return EventPayload(
        subject=_subject(collection, item),
        data=_data(operation, collection, item, document.get("bbox"), times),
        starts_at=times.starts,
    )


def _subject(collection: str, item: str) -> str:
    return f"collections/{segment(collection)}/items/{segment(item)}"


def _data(operation: Operation, collection: str, item: str, bbox: list[float] | None, times: Times) -> JsonObject:
    return {
        "collection": collection,
        "id": item,
        "bbox": bbox,
        "datetime": to_text(from_microseconds(times.at)),
        "operation": operation,
    }
