"""Whether a running site can do its work."""

import asyncio
import os
import shutil
from dataclasses import dataclass

from twinlake.core.clock import Clock
from twinlake.core.errors import TwinlakeError
from twinlake.engines.database import Connection, Database
from twinlake.site.layout import SiteFolder

_LEAST_FREE_BYTES = 256 << 20
_PROBE_BYTES = 256 << 10
_PROBE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Health:
    """What was found; None is well."""

    reading: str | None
    writing: str | None
    disk: str | None

    @property
    def ok(self) -> bool:
        """Whether nothing needs care."""
        return self.reading is None and self.writing is None and self.disk is None


class HealthWatch:
    """Looks at a site when somebody asks; the costly part at most every few seconds, however many ask."""

    def __init__(self, *, database: Database, folder: SiteFolder, clock: Clock) -> None:
        self._database = database
        self._folder = folder
        self._clock = clock
        self._probing = asyncio.Lock()
        self._probed_at: float | None = None
        self._probed: str | None = None
        self._was_ok = True
        self.since = clock.now()
        """Since when the site has been found as it was found last."""

    async def examine(self) -> Health:
        """Try a read and a change, write to the disk of the database, and look at the room on it."""
        found = Health(
            reading=await self._try_reading(),
            writing=await self._try_writing() or await self._prove_writing(),
            disk=self._look_at_disk(),
        )
        if found.ok != self._was_ok:
            self._was_ok, self.since = found.ok, self._clock.now()
        return found

    async def _try_reading(self) -> str | None:
        try:
            await self._database.read(_read_nothing, deadline_seconds=1.0)
        except TwinlakeError as error:
            return error.message
        return None

    async def _try_writing(self) -> str | None:
        """Ask the writer, which knows of a disk that has failed; an empty change needs no room."""
        try:
            await self._database.write(_read_nothing)
        except TwinlakeError as error:
            return error.message
        return None

    async def _prove_writing(self) -> str | None:
        """Make a file durable beside the database: a quota refuses it where the disk seems to have room."""
        async with self._probing:
            now = self._clock.monotonic()
            if self._probed_at is None or now - self._probed_at >= _PROBE_SECONDS:
                self._probed = await asyncio.to_thread(_write_probe, self._folder)
                self._probed_at = now
            return self._probed

    def _look_at_disk(self) -> str | None:
        free = shutil.disk_usage(self._folder.path).free
        return None if free >= _LEAST_FREE_BYTES else f"Only {free >> 20} MiB are free."


def _read_nothing(tx: Connection) -> None:
    tx.execute("select 1").fetchone()


def _write_probe(folder: SiteFolder) -> str | None:
    probe = folder.database.parent / "probe"
    try:
        with probe.open("wb") as file:
            try:
                file.write(bytes(_PROBE_BYTES))
                file.flush()
                os.fsync(file.fileno())
            finally:
                probe.unlink()
    except OSError as error:
        return f"The disk of the database takes no new file: {error.strerror}."
    return None
