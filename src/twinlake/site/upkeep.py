"""What a serving site clears away by itself: what is older than its retention, and what nothing cites."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Protocol

from structlog.typing import FilteringBoundLogger

from twinlake.core.clock import Clock
from twinlake.core.errors import StorageFullError, TwinlakeError
from twinlake.engines.database import Connection, Database
from twinlake.engines.database.reserve import DiskReserve
from twinlake.engines.objectstore import ObjectStore
from twinlake.engines.objectstore.upkeep import sweep
from twinlake.holdings.catalogue.store import SqlCatalogue
from twinlake.holdings.ingest.uploads import Uploads
from twinlake.identity.keys.ring import KeyRing
from twinlake.site.kept import list_held_objects
from twinlake.site.layout import SiteFolder

_EVERY_SECONDS = 900.0
_GRACE = timedelta(days=1)
_OBJECT_GRACE = timedelta(hours=1)
_ROWS_AT_ONCE = 500


class Perishable(Protocol):
    """Something that is kept for a time."""

    def drop_before(self, tx: Connection, instant: datetime, *, limit: int) -> int:
        """Drop at most *limit* rows that are older than *instant*; return how many."""
        ...


class Upkeep:
    """Goes round every quarter of an hour. A round that fails is logged, and the next one tries again."""

    def __init__(
        self,
        *,
        folder: SiteFolder,
        database: Database,
        retention: Sequence[tuple[Perishable, timedelta]],
        catalogue: SqlCatalogue,
        objects: ObjectStore,
        uploads: Uploads,
        keys: KeyRing,
        clock: Clock,
        log: FilteringBoundLogger,
        reserve: DiskReserve,
        closing: asyncio.Event,
    ) -> None:
        self._folder = folder
        self._database = database
        self._retention = retention
        self._catalogue = catalogue
        self._objects = objects
        self._uploads = uploads
        self._keys = keys
        self._clock = clock
        self._log = log
        self._reserve = reserve
        self._closing = closing

    async def run(self) -> None:
        """Go round until the site is closing."""
        while not self._closing.is_set():
            self._reserve.hold()
            try:
                await self._go_round_in_any_case()
            except (TwinlakeError, OSError) as error:
                self._log.warning("upkeep could not finish its round", reason=str(error))
            try:
                async with asyncio.timeout(_EVERY_SECONDS):
                    await self._closing.wait()
            except TimeoutError:
                continue

    async def _go_round_in_any_case(self) -> None:
        """Go round; on a full disk, where not even a deletion can be written, in the room that is kept back for this."""
        try:
            await self.go_round()
        except StorageFullError:
            with self._reserve.released():
                await self.go_round()

    async def go_round(self) -> None:
        """Clear away once, let new keys follow old ones, and finish what a new version of the software asks of stored items.

        Objects go last: what still cited them has gone by then. They stay while a backup copies them.
        """
        await self._keys.keep_up()
        for kept, age in self._retention:
            await self._drop(kept, self._clock.now() - age)
        await self._uploads.sweep()
        while not self._closing.is_set() and await self._catalogue.rebuild_bodies():
            pass
        await self._catalogue.collect_garbage(_GRACE)
        with self._folder.sweeping() as may_sweep:
            if may_sweep:
                not_put_since = self._clock.now() - _OBJECT_GRACE
                held = await self._database.read(list_held_objects)
                await sweep(self._objects, held, not_put_since=not_put_since)

    async def _drop(self, kept: Perishable, oldest: datetime) -> None:
        """Drop what is too old in batches, each a transaction of its own: other writers come between."""
        while await self._database.write(lambda tx: kept.drop_before(tx, oldest, limit=_ROWS_AT_ONCE)):
            pass
