"""Collections written and deleted; functions run inside a transaction."""

import json

from twinlake.core.documents import JsonObject
from twinlake.core.ids import check_id
from twinlake.engines.database import Connection
from twinlake.events.interfaces import EventWriter, NewEvent
from twinlake.holdings.catalogue import statistics
from twinlake.holdings.catalogue.bodies import Publisher
from twinlake.holdings.catalogue.collections import read_collections
from twinlake.holdings.catalogue.documents import origin_collection, segment
from twinlake.holdings.catalogue.errors import CollectionExistsError, EtagMismatchError
from twinlake.holdings.catalogue.interfaces import CollectionAccess, StoredCollection
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
    ) -> StoredCollection:
        """Insert or replace a collection.

        Raises
        ------
        CollectionExistsError, EtagMismatchError
        """
        collection = check_id(document.get("id"), "collection")
        text = canonical(origin_collection(document))
        row = tx.execute("select document from collection where id = ?", (collection,)).fetchone()
        existing = None if row is None else row[0]
        if create and existing is not None:
            raise CollectionExistsError(collection)
        self.check_match(tx, collection, if_match, exists=existing is not None)
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
        return self.read(tx, collection)

    def read(self, tx: Connection, collection: str) -> StoredCollection:
        """Return a collection that is there, as one sees it who sees everything."""
        scope = Scope(frozenset((collection,)), is_everything=False, horizons={})
        [stored] = read_collections(tx, scope, self._publisher, self._api_path)
        return stored

    def check_match(self, tx: Connection, collection: str, if_match: str | None, *, exists: bool) -> None:
        """Check that *if_match* names what is there.

        Raises
        ------
        EtagMismatchError
        """
        if if_match is None:
            return
        if not exists or if_match not in {"*", self.read(tx, collection).etag}:
            raise EtagMismatchError(f"Collection {collection!r}")

    def set_access(self, tx: Connection, collection: str, access: CollectionAccess) -> None:
        """Replace who may see and read a collection.

        Raises
        ------
        CollectionNotFoundError
        """
        require_collection(tx, collection)
        write_access(tx, collection, access)
        change_set(tx)

    def delete(self, tx: Connection, collection: str, now: int, *, if_match: str | None) -> None:
        """Take a collection out of sight; `clear` removes its items.

        Raises
        ------
        CollectionNotFoundError, EtagMismatchError
        """
        require_collection(tx, collection)
        self.check_match(tx, collection, if_match, exists=True)
        tx.execute("update collection set document = null, changed_at = ? where id = ?", (now, collection))
        change_set(tx)
        self._events.append(tx, [_event("delete", collection)])


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
