"""The catalogue over the site's SQL database."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from types import MappingProxyType

from twinlake.core.clock import Clock, to_microseconds
from twinlake.core.documents import JsonObject
from twinlake.engines.database import Connection, Database, RememberedReads
from twinlake.events.interfaces import EventWriter
from twinlake.holdings.catalogue import keeping
from twinlake.holdings.catalogue.aggregating import aggregate_counts
from twinlake.holdings.catalogue.auditing import Audit
from twinlake.holdings.catalogue.bodies import Publisher
from twinlake.holdings.catalogue.bulk import BulkLoader
from twinlake.holdings.catalogue.collection_writing import CollectionWriter, clear, deleted_with_items
from twinlake.holdings.catalogue.collections import read_access, read_collections
from twinlake.holdings.catalogue.documents import has_made_download
from twinlake.holdings.catalogue.errors import AssetNotHeldError
from twinlake.holdings.catalogue.facts import FactBook, gather_notes
from twinlake.holdings.catalogue.interfaces import (
    EVERYTHING,
    CollectionAccess,
    ItemDraft,
    ItemPage,
    ItemQuery,
    ItemText,
    LoadReport,
    PutReport,
    StoredAsset,
    StoredCollection,
    StoredItem,
    Visibility,
)
from twinlake.holdings.catalogue.notes import read_seen
from twinlake.holdings.catalogue.preparing import Held, Prepared, Preparer
from twinlake.holdings.catalogue.preparing_process import PreparingProcesses
from twinlake.holdings.catalogue.queryables import to_queryables
from twinlake.holdings.catalogue.reading import ItemReader, read_held, require_visible
from twinlake.holdings.catalogue.rebuilding import read_stale, rebuild, write_rebuilt
from twinlake.holdings.catalogue.scope import CollectionSet, Scope
from twinlake.holdings.catalogue.searching import search
from twinlake.holdings.catalogue.writing import ItemWriter, Written
from twinlake.standards.datalake import DOWNLOAD

_REMEMBERED = 10_000
_PREPARED_INLINE = 20
"""More drafts than this are prepared in a thread, so that the event loop goes on."""


class SqlCatalogue:
    """Keeps collections and items in a site's database; implements `Catalogue`.

    Parameters
    ----------
    database
        Migrated with `schema.MIGRATIONS`, prepared with `schema.PREPARE` and those of CQL2.
    events
        Where changes are announced, in their transaction.
    clock
        Dates versions and measures how long the writer was held.
    processes
        Prepare bulk loads.
    site_id
        The backend of this site's data URLs.
    public_url
        The address under which clients reach the site, without a slash at its end.
    api_path
        Path of the STAC API below *public_url*.
    """

    def __init__(
        self,
        *,
        database: Database,
        events: EventWriter,
        clock: Clock,
        processes: PreparingProcesses,
        site_id: str,
        public_url: str,
        api_path: str = "/stac/v2",
    ) -> None:
        self._database = database
        self._processes = processes
        self._clock = clock
        self._api_path = api_path
        self._publisher = Publisher(public_url)
        self._preparer = Preparer(site_id=site_id, api_path=api_path, data_prefix=self._publisher.data_prefix(site_id))
        self._facts = FactBook()
        self._items = ItemWriter(events=events, facts=self._facts, publisher=self._publisher)
        self._collections = CollectionWriter(events=events, publisher=self._publisher, api_path=api_path)
        self._set = CollectionSet()
        self._reader = ItemReader(collections=self._set, publisher=self._publisher, site_id=site_id)
        self._access: tuple[int, Mapping[str, CollectionAccess]] = (-1, {})
        self._remembered = RememberedReads(database, size=_REMEMBERED)

    async def put_collection(
        self,
        document: JsonObject,
        *,
        access: CollectionAccess | None = None,
        if_match: str | None = None,
        create: bool = False,
        visibility: Visibility = EVERYTHING,
    ) -> StoredCollection:
        await self._clear(str(document.get("id")))
        return await self._database.write(
            lambda tx: self._collections.put(
                tx, document, access, self._now(), if_match=if_match, create=create, visibility=visibility
            )
        )

    async def get_collection(self, collection: str, visibility: Visibility) -> StoredCollection:
        def work(tx: Connection) -> StoredCollection:
            scope = require_visible(tx, collection, visibility, self._set)
            [stored] = read_collections(tx, scope, self._publisher, self._api_path)
            return stored

        return await self._database.read(work)

    async def list_collections(self, visibility: Visibility) -> list[StoredCollection]:
        return await self._database.read(
            lambda tx: read_collections(tx, self._set.scope(tx, visibility, None), self._publisher, self._api_path)
        )

    async def list_access(self) -> Mapping[str, CollectionAccess]:
        self._access = await self._remembered.read("access", self._read_access)
        return self._access[1]

    def _read_access(self, tx: Connection) -> tuple[int, Mapping[str, CollectionAccess]]:
        [(generation,)] = tx.execute("select generation from collection_set").fetchall()
        if generation == self._access[0]:
            return self._access
        rows = tx.execute("select id, access, owner, projects, embargo_days from collection where document is not null")
        return generation, MappingProxyType({name: read_access(access) for name, *access in rows.fetchall()})

    async def set_access(self, collection: str, access: CollectionAccess) -> None:
        await self._database.write(lambda tx: self._collections.set_access(tx, collection, access))

    async def delete_collection(
        self, collection: str, *, if_match: str | None = None, visibility: Visibility = EVERYTHING
    ) -> None:
        await self._database.write(
            lambda tx: self._collections.delete(tx, collection, self._now(), if_match=if_match, visibility=visibility)
        )
        await self._clear(collection)

    async def finish_deletions(self) -> None:
        """Clear away the items of deleted collections where a stop of the site left some; call it at start-up."""
        for collection in await self._database.read(deleted_with_items):
            await self._clear(collection)

    async def _clear(self, collection: str) -> None:
        while collection in await self._database.read(deleted_with_items):
            await self._database.write(lambda tx: clear(tx, collection, self._now()))

    async def put_items(self, drafts: Sequence[ItemDraft], *, create: bool = False, if_match: str | None = None) -> PutReport:
        inherited = await self._inherit(drafts)
        if len(drafts) > _PREPARED_INLINE:
            prepared = await asyncio.to_thread(self._preparer.prepare, drafts, inherited)
        else:
            prepared = self._preparer.prepare(drafts, inherited)
        written = await self._database.write(
            lambda tx: self._items.put(tx, prepared, self._now(), create=create, if_match=if_match)
        )
        self._facts.remember(written.notes)
        return PutReport(tuple(written.outcomes))

    async def load_items(self, texts: Iterable[ItemText], *, collection: str | None = None) -> LoadReport:
        loader = BulkLoader(preparer=self._preparer, processes=self._processes, write=self._write_batch, collection=collection)
        return await loader.load(texts)

    async def _write_batch(self, batch: Prepared) -> tuple[list[str], float]:
        def work(tx: Connection) -> tuple[Written, float]:
            started = self._clock.monotonic()
            written = self._items.put(tx, batch, self._now(), in_bulk=True)
            return written, self._clock.monotonic() - started

        written, held_seconds = await self._database.write(work)
        self._facts.remember(written.notes)
        return list(written.outcomes), held_seconds

    async def delete_item(self, collection: str, item: str, *, if_match: str | None = None) -> None:
        await self._database.write(lambda tx: self._items.delete(tx, collection, item, self._now(), if_match=if_match))

    async def get_item(self, collection: str, item: str, visibility: Visibility, *, version: str | None = None) -> StoredItem:
        return await self._database.read(lambda tx: self._reader.read_item(tx, collection, item, visibility, version))

    async def get_asset(self, collection: str, item: str, asset: str, visibility: Visibility) -> StoredAsset:
        return await self._remembered.read(
            (collection, item, asset, visibility), lambda tx: self._reader.read_asset(tx, collection, item, asset, visibility)
        )

    async def search(self, query: ItemQuery, visibility: Visibility, *, deadline_seconds: float) -> ItemPage:
        return await self._database.read(
            lambda tx: search(tx, query, visibility, self._set, self._publisher.publish), deadline_seconds=deadline_seconds
        )

    async def queryables(self, collection: str | None, visibility: Visibility) -> JsonObject:
        def work(tx: Connection) -> JsonObject:
            if collection is None:
                scope: Scope = self._set.scope(tx, visibility, None)
            else:
                scope = require_visible(tx, collection, visibility, self._set)
            return to_queryables(read_seen(tx, scope).values())

        return await self._database.read(work)

    async def aggregate_counts(
        self, query: ItemQuery, visibility: Visibility, *, by: Sequence[str], deadline_seconds: float
    ) -> JsonObject:
        return await self._database.read(
            lambda tx: aggregate_counts(tx, query, visibility, self._set, by), deadline_seconds=deadline_seconds
        )

    async def cite(self, collection: str, item: str, version: str, *, citer: str) -> None:
        """Keep a version as long as *citer* cites it.

        Raises
        ------
        ItemNotFoundError
            The version is not kept any more.
        """
        await self._database.write(lambda tx: keeping.cite(tx, collection, item, version, citer))

    async def release(self, *, citer: str) -> None:
        """Forget all citations by *citer*."""
        await self._database.write(lambda tx: keeping.release(tx, citer))

    async def collect_garbage(self, older_than: timedelta) -> keeping.Collected:
        """Let go of the versions that were superseded longer ago than *older_than* and that nobody cites."""
        before = to_microseconds(self._clock.now() - older_than)
        versions, objects = 0, frozenset[str]()
        while (collected := await self._database.write(lambda tx: keeping.collect(tx, before))).versions:
            versions, objects = versions + collected.versions, objects | collected.objects
        return keeping.Collected(versions, objects)

    async def rebuild_bodies(self) -> bool:
        """Compile some of the bodies anew that an older compiler wrote; return whether there were any."""
        stale = await self._database.read(read_stale)
        if stale:
            rebuilt = await asyncio.to_thread(rebuild, stale, preparer=self._preparer, publisher=self._publisher)
            await self._database.write(lambda tx: write_rebuilt(tx, stale, rebuilt))
        return bool(stale)

    async def shrink_notes(self, collection: str) -> None:
        """Make queryables and summaries of a collection forget what only deleted items had.

        The items are read beside the writer; what is written meanwhile is noted too.
        """
        await self._database.write(lambda _: self._facts.start_record())
        notes = await self._database.read(lambda tx: gather_notes(tx, collection))
        await self._database.write(lambda tx: self._facts.replace(tx, collection, notes))

    async def find_differences(self) -> list[str]:
        """Compare every item with all that is derived from it; return what disagrees, in words (fsck)."""
        return await self._database.read(lambda tx: Audit(tx).differences())

    async def _inherit(self, drafts: Sequence[ItemDraft]) -> Mapping[tuple[str, str], Mapping[str, Held]]:
        """Return what this site holds of the assets that *drafts* name by this site's own URLs.

        Raises
        ------
        AssetNotHeldError
        """
        inherited: dict[tuple[str, str], Mapping[str, Held]] = {}
        for draft in drafts:
            claimed = self._preparer.claims(draft)
            if not claimed:
                continue
            collection, item = str(draft.document.get("collection")), str(draft.document.get("id"))
            held = await self._database.read(lambda tx, at=(collection, item): read_held(tx, *at))  # type: ignore[misc]
            for key in claimed:
                if key not in held and not (key == DOWNLOAD and has_made_download(draft.document, self._preparer.data_prefix)):
                    raise AssetNotHeldError(key, str(draft.document["assets"][key]["href"]))
            inherited[collection, item] = {key: held[key] for key in claimed if key in held}
        return inherited

    def _now(self) -> int:
        return to_microseconds(self._clock.now())
