"""Which objects a site keeps: those that an item, the result of a job or a file of somebody names.

A database that was not brought up to date yet, such as that of a backup, lacks the younger tables: nothing is named there.
"""

from collections.abc import Callable, Mapping
from typing import Final

from twinlake.engines.database import Connection
from twinlake.engines.objectstore import StoredObject
from twinlake.holdings.catalogue import keeping
from twinlake.processing.openeo.files import store as files
from twinlake.processing.openeo.jobs import results
from twinlake.processing.openeo.loading.resolving import urls

_HOLDERS: Final[Mapping[str, Callable[[Connection], frozenset[str]]]] = {
    "item_asset": keeping.list_held_objects,
    "openeo_asset_file": results.list_held_objects,
    "openeo_file": files.list_held_objects,
    "openeo_fetched": urls.list_held_objects,
}
"""What names objects, by its table: no sweep takes what one of them names, and every backup has it."""


def list_held_objects(tx: Connection) -> frozenset[str]:
    """Return the SHA-256 (hex) of every object that something names."""
    there = _list_tables(tx)
    return frozenset[str]().union(*(holder(tx) for table, holder in _HOLDERS.items() if table in there))


def list_holdings(tx: Connection) -> list[StoredObject]:
    """Return every object that something names, with the size that it says."""
    there = _list_tables(tx)
    cited = [StoredObject(held.sha256, held.size_bytes) for held in keeping.list_holdings(tx)]
    of_results = results.list_holdings(tx) if "openeo_asset_file" in there else []
    of_people = files.list_holdings(tx) if "openeo_file" in there else []
    return [*cited, *of_results, *of_people]


def list_citers(tx: Connection, sha256: str, *, limit: int) -> list[tuple[str, ...]]:
    """Return what names an object, the first *limit* of each sort."""
    there = _list_tables(tx)
    of_results = results.list_citers(tx, sha256, limit=limit) if "openeo_asset_file" in there else []
    of_people = files.list_holders(tx, sha256, limit=limit) if "openeo_file" in there else []
    return [
        *keeping.list_citers(tx, sha256, limit=limit),
        *[("results", *names) for names in of_results],
        *[("files", *names) for names in of_people],
    ]


def _list_tables(tx: Connection) -> frozenset[str]:
    return frozenset(name for (name,) in tx.execute("select name from sqlite_master where type = 'table'"))
