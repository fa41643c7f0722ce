"""Which objects a site keeps: those that an item, the result of a job or a file of somebody names."""

from twinlake.engines.database import Connection
from twinlake.engines.objectstore import StoredObject
from twinlake.holdings.catalogue import keeping
from twinlake.processing.openeo.files import store as files
from twinlake.processing.openeo.jobs import results
from twinlake.processing.openeo.loading import urls


def list_held_objects(tx: Connection) -> frozenset[str]:
    """Return the SHA-256 (hex) of every object that something names."""
    return (
        keeping.list_held_objects(tx) | results.list_held_objects(tx) | files.list_held_objects(tx) | urls.list_held_objects(tx)
    )


def list_holdings(tx: Connection) -> list[StoredObject]:
    """Return every object that something names, with the size that it says."""
    cited = [StoredObject(held.sha256, held.size_bytes) for held in keeping.list_holdings(tx)]
    return [*cited, *results.list_holdings(tx), *files.list_holdings(tx)]


def list_citers(tx: Connection, sha256: str, *, limit: int) -> list[tuple[str, ...]]:
    """Return what names an object, the first *limit* of each sort."""
    of_results = [("results", *names) for names in results.list_citers(tx, sha256, limit=limit)]
    of_people = [("files", *names) for names in files.list_holders(tx, sha256, limit=limit)]
    return [*keeping.list_citers(tx, sha256, limit=limit), *of_results, *of_people]
