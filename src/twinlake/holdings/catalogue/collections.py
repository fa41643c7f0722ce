"""Collections as they are served: the document, with extents and summaries of what is held."""

import json
from dataclasses import dataclass
from typing import Any

import orjson

from twinlake.core.clock import from_microseconds
from twinlake.core.documents import JsonObject
from twinlake.engines.database import Connection
from twinlake.holdings.catalogue.bodies import Publisher
from twinlake.holdings.catalogue.documents import collection_links, digest
from twinlake.holdings.catalogue.footprints import MICRODEGREES
from twinlake.holdings.catalogue.interfaces import CollectionAccess, StoredCollection
from twinlake.holdings.catalogue.notes import SeenProperty, read_seen
from twinlake.holdings.catalogue.properties import ValueType
from twinlake.holdings.catalogue.scope import Scope
from twinlake.holdings.catalogue.sql import one_of
from twinlake.holdings.catalogue.statistics import month_bounds, month_of

_LARGEST_SUMMARY = 50
_NOT_SUMMARISED = frozenset({"title", "description", "storage:tier", "order:status"})


@dataclass(frozen=True, slots=True)
class Extent:
    """What the visible items of a collection cover."""

    n: int
    box: tuple[int, int, int, int] | None
    """Microdegrees; None where no item has a geometry."""
    first: int
    last: int


def read_collections(tx: Connection, scope: Scope, publisher: Publisher, api_path: str) -> list[StoredCollection]:
    """Return the collections of *scope*, sorted by id."""
    among = one_of("id", sorted(scope.collections))
    rows = tx.execute(
        f"select id, document, access, owner, projects, embargo_days from collection where {among.sql} order by id", among.values
    ).fetchall()
    extents = read_extents(tx, scope)
    seen = read_seen(tx, scope)
    stored = []
    for name, document, *access in rows:
        served = _serve(orjson.loads(document), extents.get(name), seen.get(name, []))
        links = [*served.pop("links", ()), *collection_links(api_path, name)]
        body = orjson.dumps({**dict(sorted(served.items())), "links": links})
        stored.append(
            StoredCollection(id=name, body=publisher.finish(body), etag=publisher.etag(digest(body)), access=read_access(access))
        )
    return stored


def read_access(row: list[Any]) -> CollectionAccess:
    """Return the access record of a row (access, owner, projects, embargo in days)."""
    access, owner, projects, embargo_days = row
    return CollectionAccess(access=access, owner=owner, projects=tuple(json.loads(projects)), embargo_days=embargo_days)


def read_extents(tx: Connection, scope: Scope) -> dict[str, Extent]:
    """Return what the visible items of each collection cover: whole months from the statistics, an embargo's month exactly."""
    among = one_of("collection", sorted(scope.collections - scope.horizons.keys()))
    select = "select collection, sum(n), min(west), min(south), max(east), max(north), min(first_start), max(last_end)"
    rows = tx.execute(f"{select} from collection_month where {among.sql} group by collection", among.values).fetchall()
    extents = {row[0]: _extent(row[1:]) for row in rows}
    for collection, horizon in scope.horizons.items():
        if (extent := _extent_until(tx, collection, horizon)) is not None:
            extents[collection] = extent
    return extents


def count_items(tx: Connection, scope: Scope) -> dict[str, int]:
    """Return how many items of each collection are visible; faster than `read_extents`, and no other number."""
    among = one_of("collection", sorted(scope.collections - scope.horizons.keys()))
    select = f"select collection, sum(n) from collection_month where {among.sql} group by collection"
    counts = {row[0]: int(row[1]) for row in tx.execute(select, among.values)}
    for collection, horizon in scope.horizons.items():
        if (extent := _extent_until(tx, collection, horizon)) is not None:
            counts[collection] = extent.n
    return counts


def _extent(row: tuple[Any, ...]) -> Extent:
    n, west, south, east, north, first, last = row
    return Extent(n, None if west is None else (west, south, east, north), first, last)


_UNTIL = """
select sum(n), min(west), min(south), max(east), max(north), min(first_start), max(last_end) from (
  select n, west, south, east, north, first_start, last_end from collection_month
  where collection = :collection and month < :month
  union all
  select count(*), min(west), min(south), max(east), max(north), min(starts), max(ends)
  from item indexed by item_collection_time
  where collection = :collection and at between :first - :after and :horizon + :before
    and starts between :first and :horizon
)
"""


def _extent_until(tx: Connection, collection: str, horizon: int) -> Extent | None:
    month = month_of(horizon)
    before, after = tx.execute("select longest_before, longest_after from collection where id = ?", (collection,)).fetchone()
    row = tx.execute(
        _UNTIL,
        {
            "collection": collection,
            "month": month,
            "first": month_bounds(month)[0],
            "horizon": horizon,
            "before": before,
            "after": after,
        },
    ).fetchone()
    return _extent(row) if row[0] else None


def _serve(document: JsonObject, extent: Extent | None, seen: list[SeenProperty]) -> JsonObject:
    served = dict(document)
    if extent is not None:
        declared = document.get("extent") or {}
        spatial = declared.get("spatial") if extent.box is None else {"bbox": [[edge / MICRODEGREES for edge in extent.box]]}
        served["extent"] = {
            "spatial": spatial or {"bbox": [[-180.0, -90.0, 180.0, 90.0]]},
            "temporal": {"interval": [[_text(extent.first), _text(extent.last)]]},
        }
    derived = {one.name: summary for one in seen if (summary := _summary(one)) is not None}
    if derived:
        served["summaries"] = {**(document.get("summaries") or {}), **derived}
    return served


def keep_computed(document: JsonObject, declared: JsonObject, served: JsonObject) -> JsonObject:
    """Return *document*, which replaces what is *declared*, so that what it repeats of what was *served* stays as declared.

    Who reads a collection, changes its title and puts it back does not declare the extent that its items happen to have.
    """
    kept = dict(document)
    for name in ("extent", "summaries"):
        before, shown = declared.get(name) or {}, served.get(name) or {}
        if isinstance(given := document.get(name), dict):
            hidden = {part: value for part, value in before.items() if part not in shown}
            changed = {part: value for part, value in given.items() if part not in shown or shown[part] != value}
            repeated = {part: before[part] for part in given if part in before and part not in changed}
            kept[name] = hidden | repeated | changed
            if not kept[name]:
                del kept[name]
    return kept


def _summary(seen: SeenProperty) -> list[str] | JsonObject | None:
    if seen.name in _NOT_SUMMARISED:
        return None
    if 0 < len(seen.values) <= _LARGEST_SUMMARY:
        return list(seen.values)
    if seen.low is not None and not seen.types & (ValueType.STRING | ValueType.ARRAY):
        is_whole = not seen.types & ValueType.NUMBER
        low, high = (int(seen.low), int(seen.high or 0)) if is_whole else (seen.low, seen.high)
        return {"minimum": low, "maximum": high}
    return None


def _text(instant: int) -> str:
    return f"{from_microseconds(instant):%Y-%m-%dT%H:%M:%S.%f}".removesuffix("000000").rstrip(".") + "Z"
