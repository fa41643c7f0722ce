"""What runs have made: assets, of which the bytes lie in the object store and are named here.

Several jobs may refer to one run (`jobs.models.JobKind.content`); each has all of its results.
"""

from collections.abc import Mapping
from datetime import datetime

import orjson

from twinlake.core.documents import JsonObject
from twinlake.engines.database import Connection, Database
from twinlake.engines.objectstore import StoredObject
from twinlake.jobs.requests import stop_sharing
from twinlake.processing.openeo.formats.facts import without_secrets
from twinlake.processing.openeo.jobs.models import Asset
from twinlake.processing.openeo.loading.pins import read_pinned, write_lineage

_LEFT = "run not in (select id from job_run)"


class ResultStore:
    """Keeps them by run: they go with it, or before."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    async def list_assets(self, run: str) -> list[Asset]:
        """Return what a run has made so far, by name."""

        def work(tx: Connection) -> list[Asset]:
            found = tx.execute("select name, document from openeo_asset where run = ? order by name", (run,)).fetchall()
            files: dict[str, dict[str, StoredObject]] = {name: {} for name, _ in found}
            query = "select asset, path, lower(hex(sha256)), size_bytes from openeo_asset_file where run = ? order by path"
            for name, path, sha256, size_bytes in tx.execute(query, (run,)):
                files[name][path] = StoredObject(sha256, size_bytes)
            return [Asset(name=name, document=orjson.loads(document), files=files[name]) for name, document in found]

        return await self._database.read(work)

    async def list_lineage(self, run: str) -> list[JsonObject]:
        """Return what a run reads (`loading.pins.write_lineage`), without secrets; nothing where the journal has dropped it.

        It is told by the order of the run, so also of one that is not done, and to every job that has joined it.
        """
        query = "select coalesce(json_extract(spec, '$.pins'), '{}') from job_run where id = ?"
        row = await self._database.read(lambda tx: tx.execute(query, (run,)).fetchone())
        written: list[JsonObject] = [] if row is None else without_secrets(write_lineage(read_pinned(orjson.loads(row[0]))))
        return written

    async def find_file(self, run: str, asset: str, path: str = "") -> tuple[JsonObject, StoredObject] | None:
        """Return one file of an asset, and what is said of the asset."""
        query = (
            "select document, lower(hex(sha256)), size_bytes from openeo_asset_file f join openeo_asset a"
            " on a.run = f.run and a.name = f.asset where f.run = ? and f.asset = ? and f.path = ?"
        )
        row = await self._database.read(lambda tx: tx.execute(query, (run, asset, path)).fetchone())
        return None if row is None else (orjson.loads(row[0]), StoredObject(row[1], row[2]))

    def drop_before(self, tx: Connection, instant: datetime, *, limit: int) -> int:
        """Drop at most *limit* files and assets of runs that the journal has dropped; *instant* is that of the journal."""
        _ = instant
        for table, key in (("openeo_asset_file", "run, asset, path"), ("openeo_asset", "run, name")):
            left = f"select {key} from {table} where {_LEFT} limit ?"
            if dropped := tx.execute(f"delete from {table} where ({key}) in ({left})", (limit,)).rowcount:
                return dropped
        return 0


def put_asset(tx: Connection, run: str, name: str, document: JsonObject, files: Mapping[str, StoredObject]) -> None:
    """Note an asset that a run has made, in place of one of this name."""
    tx.execute("delete from openeo_asset where run = ? and name = ?", (run, name))
    tx.execute("insert into openeo_asset values (?, ?, ?)", (run, name, orjson.dumps(document).decode()))
    rows = [(run, name, path, bytes.fromhex(file.sha256), file.size_bytes) for path, file in files.items()]
    tx.executemany("insert into openeo_asset_file values (?, ?, ?, ?, ?)", rows)


def drop_assets(tx: Connection, run: str) -> None:
    """Forget what a run has made if no job refers to it any more; the bytes are swept when nothing else names them."""
    if tx.execute("select 1 from openeo_job where run = ? limit 1", (run,)).fetchone() is None:
        tx.execute("delete from openeo_asset where run = ?", (run,))
        stop_sharing(tx, run)


def list_held_objects(tx: Connection) -> frozenset[str]:
    """Return the SHA-256 (hex) of every object that a result names."""
    return frozenset(sha256 for (sha256,) in tx.execute("select distinct lower(hex(sha256)) from openeo_asset_file"))


def list_holdings(tx: Connection) -> list[StoredObject]:
    """Return every object that a result names, with the size that it says."""
    return [StoredObject(*row) for row in tx.execute("select distinct lower(hex(sha256)), size_bytes from openeo_asset_file")]


def list_citers(tx: Connection, sha256: str, *, limit: int) -> list[tuple[str, str, str]]:
    """Return run, asset and path of the first *limit* files that name an object."""
    query = "select run, asset, path from openeo_asset_file where sha256 = ? order by 1, 2, 3 limit ?"
    return tx.execute(query, (bytes.fromhex(sha256), limit)).fetchall()
