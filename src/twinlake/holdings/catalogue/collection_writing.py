"""Collections written and deleted; functions run inside a transaction."""

import json

import orjson

from twinlake.core.documents import JsonObject
from twinlake.core.ids import check_id
from twinlake.engines.database import Connection
from twinlake.events.interfaces import EventWriter, NewEvent
from twinlake.holdings.catalogue import statistics
from twinlake.holdings.catalogue.bodies import Publisher
from twinlake.holdings.catalogue.collections import keep_computed, read_collections
from twinlake.holdings.catalogue.documents import origin_collection, segment
from twinlake.holdings.catalogue.errors import CollectionExistsError, EtagMismatchError
from twinlake.holdings.catalogue.interfaces import CollectionAccess, StoredCollection, Visibility
from twinlake.holdings.catalogue.preparing import Times
from twinlake.holdings.catalogue.scope import Scope, change_set
from twinlake.holdings.catalogue.statistics import Place
from twinlake.holdings.catalogue.writing import remove_rows, require_collection
from twinlake.standards.stac import canonical

EVENT_TYPE = "org.ogc.api.collection."
_CLEARED_AT_ONCE = 200
_ACCESS_COLUMNS = "access, owner, projects, embargo_days"


class CollectionWriter:
    """Writes and deletes collections."""

    def __init__(self, *, events: EventWriter, publisher: Publisher, api_path: str) -> None:
        self._events = events
        self._publisher = publisher
        self._api_path = api_path

    def put(
        self,
        tx: Connection,
        document: JsonObject,
        access: CollectionAccess | None,
        now: int,
        *,
        if_match: str | None,
        create: bool,
        visibility: Visibility,
    ) -> StoredCollection:
        """Insert or replace a collection; what *document* repeats of what was computed for *visibility* stays computed.

        Raises
        ------
        CollectionExistsError, EtagMismatchError
        """
        collection = check_id(document.get("id"), "collection")
        origin = origin_collection(document)
        row = tx.execute("select document from collection where id = ?", (collection,)).fetchone()
        existing = None if row is None else row[0]
        if create and existing is not None:
            raise CollectionExistsError(collection)
        shown = None if existing is None else self.read(tx, collection, visibility)
        _check_match(collection, if_match, shown)
        if existing is not None and shown is not None:
            origin = keep_computed(origin, orjson.loads(existing), orjson.loads(shown.body))
        text = canonical(origin)
        if existing is None:
            tx.execute(
                "insert into collection(id, document, access, projects, changed_at) values (?, ?, 'open', '[]', ?) "
                "on conflict do update set document = excluded.document, access = 'open', owner = null, projects = '[]', "
                "embargo_days = null, changed_at = excluded.changed_at",
                (collection, text, now),
            )
        elif existing != text:
            tx.execute("update collection set document = ?, changed_at = ? where id = ?", (text, now, collection))
        if access is not None:
            write_access(tx, collection, access)
        if existing is None or access is not None:
            change_set(tx)
        if existing != text:
            self._events.append(tx, [_event("create" if existing is None else "update", collection)])
        return self.read(tx, collection, visibility)

    def read(self, tx: Connection, collection: str, visibility: Visibility) -> StoredCollection:
        """Return a collection that is there, with no more of its items than *visibility* shows.

        It asks no `CollectionSet`, which would remember what is not yet committed.
        """
        horizons = {name: at for name, at in visibility.horizons.items() if name == collection and not visibility.everything}
        scope = Scope(frozenset((collection,)), is_everything=False, horizons=horizons)
        [stored] = read_collections(tx, scope, self._publisher, self._api_path)
        return stored

    def set_access(self, tx: Connection, collection: str, access: CollectionAccess) -> None:
        """Replace who may see and read a collection.

        Raises
        ------
        CollectionNotFoundError
        """
        require_collection(tx, collection)
        write_access(tx, collection, access)
        change_set(tx)

    def delete(self, tx: Connection, collection: str, now: int, *, if_match: str | None, visibility: Visibility) -> None:
        """Take a collection out of sight; `clear` removes its items.

        Raises
        ------
        CollectionNotFoundError, EtagMismatchError
        """
        require_collection(tx, collection)
        _check_match(collection, if_match, self.read(tx, collection, visibility))
        tx.execute("update collection set document = null, changed_at = ? where id = ?", (now, collection))
        change_set(tx)
        self._events.append(tx, [_event("delete", collection)])


def _check_match(collection: str, if_match: str | None, shown: StoredCollection | None) -> None:
    """Raise unless *if_match* names what is *shown* to the caller."""
    if if_match is not None and (shown is None or if_match not in {"*", shown.etag}):
        raise EtagMismatchError(f"Collection {collection!r}")


def clear(tx: Connection, collection: str, now: int) -> bool:
    """Remove some items of a deleted collection; return whether none is left."""
    rows = tx.execute(
        "select vid, id, at, starts, ends, west, south, east, north, cell, grid from item where collection = ? limit ?",
        (collection, _CLEARED_AT_ONCE),
    ).fetchall()
    remove_rows(tx, [(row[0], collection, row[1]) for row in rows], now)
    places = [Place(collection, Times(*row[2:5]), None if row[5] is None else tuple(row[5:9]), row[9], row[10]) for row in rows]
    statistics.count_removed(tx, places)
    if len(rows) == _CLEARED_AT_ONCE:
        return False
    for table in ("collection_month", "grid_count", "property_range", "property_value"):
        tx.execute(f"delete from {table} where collection = ?", (collection,))
    tx.execute("update collection set longest_before = 0, longest_after = 0 where id = ?", (collection,))
    change_set(tx)
    return True


def deleted_with_items(tx: Connection) -> list[str]:
    """Return the deleted collections that still have items."""
    rows = tx.execute(
        "select id from collection c where document is null and exists (select 1 from item where collection = c.id)"
    )
    return [collection for (collection,) in rows]


def write_access(tx: Connection, collection: str, access: CollectionAccess) -> None:
    """Write the access record of a collection."""
    tx.execute(
        f"update collection set ({_ACCESS_COLUMNS}) = (?, ?, ?, ?) where id = ?",
        (access.access, access.owner, json.dumps(access.projects), access.embargo_days, collection),
    )


def _event(operation: str, collection: str) -> NewEvent:
    return NewEvent(
        type=EVENT_TYPE + operation,
        subject=f"collections/{segment(collection)}",
        domain=f"collection:{collection}",
        data={"collection": collection, "id": collection, "operation": operation},
    )
