"""What the child of a batch job asks of the site, beside the child protocol: to keep what it has made."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from twinlake.core.errors import InvalidInputError
from twinlake.core.ids import check_id
from twinlake.engines.database import Connection, Database
from twinlake.engines.objectstore import ObjectStore, StoredObject
from twinlake.jobs.bodies import read_body
from twinlake.jobs.errors import LeaseLostError
from twinlake.jobs.internal import RunRoutes
from twinlake.jobs.models import Run
from twinlake.jobs.runs import RunJournal, check_lease
from twinlake.jobs.supervisor import INPUTS, WORK
from twinlake.processing.openeo.inputs import Inputs
from twinlake.processing.openeo.jobs.kind import OPENEO
from twinlake.processing.openeo.jobs.orders import Order
from twinlake.processing.openeo.jobs.results import put_asset
from twinlake.processing.openeo.loading.pins import read_pinned
from twinlake.processing.openeo.quotas.ledger import QuotaLedger
from twinlake.processing.openeo.tiles.usage import RunUsage
from twinlake.standards.openeo.graph import MAX_NODES

_MOST_FILES = 100_000
_PATH_CHARACTERS = 1000
_NO_PARTS = frozenset({"", ".", ".."})


FolderOf = Callable[[str], Path | None]
"""Tells the folder of a running attempt by its lease."""


class MadeFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file that the child has made in its folder."""

    path: str
    """Within the asset, with slashes; empty where the asset is the file."""
    made: str
    """Its name in the child's folder, which has no folders: they could be exchanged for links while they are read."""


class _MadeAsset(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    document: dict[str, Any]
    files: Annotated[list[MadeFile], msgspec.Meta(min_length=1, max_length=_MOST_FILES)]


def routes(
    *, journal: RunJournal, database: Database, objects: ObjectStore, ledger: QuotaLedger, folder_of: FolderOf
) -> Sequence[BaseRoute]:
    """Declare the routes by which children hand over what they have made."""
    calls = _Calls(database, objects, ledger, folder_of)
    own = RunRoutes(journal)
    return [
        own.route("/openeo/asset", calls.put_asset, methods=["POST"]),
        own.route("/openeo/usage", calls.put_usage, methods=["POST"]),
    ]


def input_routes(*, journal: RunJournal, inputs: Inputs, folder_of: FolderOf) -> Sequence[BaseRoute]:
    """Declare the routes by which children get what they read."""

    async def lay_out(_request: Request, run: Run, lease: str) -> Response:
        """Put the files that the run reads before its child; answer where they are."""
        _require_kind(run)
        folder = _require_folder(folder_of, run, lease)
        order = msgspec.convert(await journal.get_spec(run.id), Order)
        files = await inputs.lay_out(read_pinned(order.pins), folder / INPUTS)
        return Response(msgspec.json.encode({"files": files}), media_type="application/json")

    return [RunRoutes(journal).route("/openeo/inputs", lay_out, methods=["POST"])]


class _Calls:
    def __init__(self, database: Database, objects: ObjectStore, ledger: QuotaLedger, folder_of: FolderOf) -> None:
        self._database = database
        self._objects = objects
        self._ledger = ledger
        self._folder_of = folder_of

    async def put_asset(self, request: Request, run: Run, lease: str) -> Response:
        """Bring the bytes of an asset to the object store, then note it."""
        _require_kind(run)
        made = await read_body(request, _MadeAsset)
        name = check_id(made.name, "asset")
        for each in made.files:
            _check_path(each.path, is_only=len(made.files) == 1)
        folder = _require_folder(self._folder_of, run, lease)
        files = {}
        for each in made.files:
            stored = await self._objects.put_file(folder / WORK / check_id(each.made, "file"), take=True)
            files[each.path] = StoredObject(stored.sha256, stored.size_bytes)

        def work(tx: Connection) -> None:
            check_lease(tx, run.id, lease)
            put_asset(tx, run.id, name, made.document, files)
            self._ledger.count_results(tx, run.id)

        await self._database.write(work)
        return Response(status_code=204)

    async def put_usage(self, request: Request, run: Run, lease: str) -> Response:
        """Note what the tiles of a run took, as its child says: for people to read; quotas go by what the site sees itself."""
        usage = await read_body(request, RunUsage)
        if len(usage.chains) > MAX_NODES:
            raise InvalidInputError("A run has no more chains than its graph has nodes.")

        def work(tx: Connection) -> None:
            check_lease(tx, run.id, lease)
            self._ledger.note_tiles(tx, run.id, msgspec.json.encode(usage).decode())

        await self._database.write(work)
        return Response(status_code=204)


def _require_folder(folder_of: FolderOf, run: Run, lease: str) -> Path:
    folder = folder_of(lease)
    if folder is None:
        raise LeaseLostError(run.id)
    return folder


def _require_kind(run: Run) -> None:
    if run.kind != OPENEO:
        raise InvalidInputError(f"A run of kind {run.kind!r} is no batch job of openEO.")


def _check_path(path: str, *, is_only: bool) -> None:
    if path == "" and is_only:
        return
    if len(path) > _PATH_CHARACTERS or not path.isprintable() or not _NO_PARTS.isdisjoint(path.split("/")):
        raise InvalidInputError(f"{path[:80]!r} is no path within an asset.")
