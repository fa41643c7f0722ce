"""The site's side of an ingest run: bytes, items and collections put for its child.

The child says which of its inputs or pictures an asset is; where those lie is for the site to know, so that a
child under a hostile file's control can name no file of the site.
"""

import asyncio
import hashlib
import os
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from twinlake.core.documents import JsonObject
from twinlake.core.errors import ConflictError, InvalidInputError
from twinlake.core.ids import check_id
from twinlake.engines.objectstore import LinkedFiles, ObjectStore
from twinlake.holdings.catalogue.errors import CollectionNotFoundError
from twinlake.holdings.catalogue.interfaces import (
    Catalogue,
    CollectionAccess,
    Holding,
    ItemDraft,
    ItemText,
    Linked,
    LoadReport,
    Managed,
    Visibility,
)
from twinlake.holdings.ingest.errors import UploadNotFoundError
from twinlake.holdings.ingest.inputs import Input, InputLayout
from twinlake.holdings.ingest.spec import FileOrder, IngestSpec, read_spec
from twinlake.holdings.ingest.uploads import Uploads
from twinlake.jobs.errors import LeaseLostError
from twinlake.jobs.models import Run
from twinlake.jobs.runs import RunJournal
from twinlake.jobs.supervisor import INPUTS, WORK
from twinlake.standards.stac.collection import read_collection

_SHA256_MULTIHASH = "1220"
_KNOWN_ORDERS = 16
Outcome = Literal["created", "updated", "unchanged"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetSource:
    """Where the bytes of an asset come from: an input by its name, or a file that the child made in its folder."""

    input: str | None = None
    made: str | None = None


@dataclass(frozen=True, slots=True)
class _Order:
    spec: IngestSpec
    files: Mapping[str, FileOrder] = field(repr=False)


class Intake:
    """Puts what children have read.

    Parameters
    ----------
    folder_of
        Tells the folder of a running attempt by its lease.
    """

    def __init__(
        self,
        *,
        journal: RunJournal,
        catalogue: Catalogue,
        objects: ObjectStore,
        uploads: Uploads,
        links: LinkedFiles,
        folder_of: Callable[[str], Path | None],
    ) -> None:
        self._journal = journal
        self._catalogue = catalogue
        self._objects = objects
        self._uploads = uploads
        self._links = links
        self._folder_of = folder_of
        self._layout = InputLayout(objects=objects, uploads=uploads, links=links)
        self._orders: OrderedDict[str, _Order] = OrderedDict()

    async def lay_out_inputs(self, run: Run, lease: str) -> list[Input]:
        """Give the child a path to each file; what cannot be had is refused by itself."""
        order = await self._order(run)
        folder = self._attempt_folder(run, lease) / INPUTS
        return [await self._layout.lay_out(run.owner, file, folder) for file in order.spec.files]

    async def put_collection(self, run: Run, document: JsonObject, *, replace: bool) -> Outcome:
        """Make the collection of the run; one that is there stays as it is, unless *replace*.

        Raises
        ------
        ConflictError
            Somebody else has made one of this name since the run was asked for.
        """
        spec = (await self._order(run)).spec
        checked = read_collection(document)
        await self._check_writable(run, spec, checked["id"])
        if spec.collection not in await self._catalogue.list_access():
            if not spec.create_collection:
                raise CollectionNotFoundError(spec.collection)
            await self._catalogue.put_collection(checked, access=CollectionAccess(owner=run.owner), create=True)
            return "created"
        if not replace:
            return "unchanged"
        before = await self._catalogue.get_collection(spec.collection, Visibility(everything=True))
        after = await self._catalogue.put_collection(checked)
        return "unchanged" if before.etag == after.etag else "updated"

    async def put_item(self, run: Run, lease: str, draft: ItemDraft, sources: Mapping[str, AssetSource]) -> Outcome:
        """Put the bytes of an item, then the item with its event."""
        order = await self._order(run)
        document = draft.document
        await self._check_writable(run, order.spec, document.get("collection"))
        holdings: dict[str, Holding] = {}
        for key, source in sources.items():
            if source.made is not None:
                holdings[key] = await self._take_made(self._attempt_folder(run, lease), source.made)
            else:
                holdings[key] = await self._hold(run.owner, order, source.input, document["assets"].get(key, {}))
        report = await self._catalogue.put_items([replace(draft, holdings=holdings)])
        return report.outcomes[0]

    async def load_items(self, run: Run, texts: Iterable[ItemText]) -> LoadReport:
        """Put many items that bring no bytes; those of another collection than the run's are refused."""
        spec = (await self._order(run)).spec
        await self._check_writable(run, spec, spec.collection)
        return await self._catalogue.load_items(texts, collection=spec.collection)

    async def _order(self, run: Run) -> _Order:
        """Return what a run is to do; remembered, for a specification of many files takes time to read."""
        known = self._orders.get(run.id)
        if known is None:
            spec = read_spec(await self._journal.get_spec(run.id))
            known = self._orders[run.id] = _Order(spec, {file.name: file for file in spec.files})
            if len(self._orders) > _KNOWN_ORDERS:
                self._orders.popitem(last=False)
        return known

    async def _check_writable(self, run: Run, spec: IngestSpec, collection: object) -> None:
        """Hold a child to its order; the rights of the run's owner were checked when it was submitted.

        A collection that the run was to make must still be its owner's: somebody else may have made one of that name since.
        """
        if spec.dry_run or collection != spec.collection:
            raise InvalidInputError(f"This run may not write to collection {collection!r}.")
        if spec.create_collection:
            access = (await self._catalogue.list_access()).get(spec.collection)
            if access is not None and access.owner != run.owner:
                raise ConflictError(f"Somebody else has made the collection {spec.collection!r} meanwhile.")

    def _attempt_folder(self, run: Run, lease: str) -> Path:
        folder = self._folder_of(lease)
        if folder is None:
            raise LeaseLostError(run.id)
        return folder

    async def _take_made(self, folder: Path, name: str) -> Managed:
        stored = await self._objects.put_file(folder / WORK / check_id(name, "file"), take=True)
        return Managed(stored.sha256, stored.size_bytes)

    async def _hold(self, owner: str, order: _Order, name: str | None, asset: JsonObject) -> Holding:
        file = order.files.get(name or "")
        if file is None:
            raise InvalidInputError(f"{name!r} is no file of this run.")
        if file.link is not None:
            linked = await asyncio.to_thread(self._hash_link, file.link)
            if _declared_sha256(asset) not in {None, linked.sha256}:
                raise _changed(name or "")
            return linked
        return await self._take_upload(owner, file.upload or "")

    async def _take_upload(self, owner: str, upload: str) -> Managed:
        """Bring the bytes of an upload to the object store, if they are not there yet."""
        found = await self._uploads.get_complete(owner, upload)
        staged = self._uploads.staged_path(upload)
        if staged is not None:
            stored = await self._objects.put_file(staged, take=True)
            await self._uploads.mark_taken(upload)
            return Managed(stored.sha256, stored.size_bytes)
        if found.sha256 is None or await self._objects.find_size(found.sha256) != found.size_bytes:
            raise UploadNotFoundError(upload)
        return Managed(found.sha256, found.size_bytes)

    def _hash_link(self, link: str) -> Linked:
        """Hash a file that others may write to; what is answered later with this hash is unchanged since."""
        with self._links.open(link) as file:
            before = os.fstat(file.fileno())
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            after = os.fstat(file.fileno())
        if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
            raise _changed(Path(link).name)
        return Linked(link, after.st_size, sha256, after.st_mtime_ns)


def _changed(name: str) -> InvalidInputError:
    return InvalidInputError(f"{name!r} changed while it was taken in.", remedy="Ingest it again when nobody writes to it.")


def _declared_sha256(asset: JsonObject) -> str | None:
    """Return the SHA-256 that a reader wrote as ``file:checksum``: a multihash in hex (file extension 2.1.0)."""
    checksum = asset.get("file:checksum", "")
    return checksum.removeprefix(_SHA256_MULTIHASH) if checksum.startswith(_SHA256_MULTIHASH) else None
