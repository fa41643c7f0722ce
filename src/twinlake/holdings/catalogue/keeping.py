"""Which versions and objects are kept: citations, and the collection of what nobody needs."""

from dataclasses import dataclass

from twinlake.engines.database import Connection
from twinlake.holdings.catalogue.errors import ItemNotFoundError
from twinlake.holdings.catalogue.interfaces import Managed

_COLLECTED_AT_ONCE = 200
VERSIONS = """
select vid from item where id = :item and collection = :collection
union all
select vid from item_version where id = :item and collection = :collection and superseded_at is not null
"""
"""The numbers of all versions of an item that are kept: current ones are found by the names of items alone."""


@dataclass(frozen=True, slots=True)
class Collected:
    """What one sweep let go."""

    versions: int
    objects: frozenset[str]
    """SHA-256 (hex) of objects that no version names any more; their bytes may go."""


def cite(tx: Connection, collection: str, item: str, version: str, citer: str) -> None:
    """Note that *citer* (a job, a result, a lineage) needs a version.

    Raises
    ------
    ItemNotFoundError
        The version is not kept any more.
    """
    row = tx.execute(
        f"select vid from item_version where sha256 = :sha256 and vid in ({VERSIONS})",
        {"item": item, "collection": collection, "sha256": bytes.fromhex(version)},
    ).fetchone()
    if row is None:
        raise ItemNotFoundError(collection, item, version)
    tx.execute("insert or ignore into version_citation values (?, ?)", (row[0], citer))


def release(tx: Connection, citer: str) -> None:
    """Forget all citations by *citer*."""
    tx.execute("delete from version_citation where citer = ?", (citer,))


def list_held_objects(tx: Connection) -> frozenset[str]:
    """Return the SHA-256 (hex) of every object that a version which is kept names."""
    rows = tx.execute("select distinct lower(hex(sha256)) from item_asset indexed by item_asset_object where kind = 'managed'")
    return frozenset(sha256 for (sha256,) in rows)


def list_holdings(tx: Connection) -> list[Managed]:
    """Return every object that a version which is kept names, with the size that it says."""
    rows = tx.execute("select distinct lower(hex(sha256)), size_bytes from item_asset where kind = 'managed'")
    return [Managed(*row) for row in rows]


def list_citers(tx: Connection, sha256: str, *, limit: int) -> list[tuple[str, str, str]]:
    """Return the collection, item and asset key of the first *limit* assets that name an object."""
    return tx.execute(
        "select distinct v.collection, v.id, a.key from item_asset a join item_version v on v.vid = a.vid "
        "where a.kind = 'managed' and a.sha256 = ? order by 1, 2, 3 limit ?",
        (bytes.fromhex(sha256), limit),
    ).fetchall()


def collect(tx: Connection, before: int) -> Collected:
    """Let go of some versions that were superseded before an instant (microseconds since 1970 UTC) and that nobody cites.

    Tombstones stay. Call it again until it collects no version.
    """
    rows = tx.execute(
        "select vid from item_version v indexed by item_version_superseded where superseded_at < ? "
        "and not exists (select 1 from version_citation where vid = v.vid) limit ?",
        (before, _COLLECTED_AT_ONCE),
    ).fetchall()
    objects: set[bytes] = set()
    for row in rows:
        objects.update(
            sha256 for (sha256,) in tx.execute("select sha256 from item_asset where vid = ? and kind = 'managed'", row)
        )
    tx.executemany("delete from item_asset where vid = ?", rows)
    tx.executemany("delete from item_version where vid = ?", rows)
    return Collected(len(rows), frozenset(sha256.hex() for sha256 in objects if not _is_held(tx, sha256)))


def _is_held(tx: Connection, sha256: bytes) -> bool:
    found = tx.execute("select 1 from item_asset where kind = 'managed' and sha256 = ? limit 1", (sha256,))
    return found.fetchone() is not None
