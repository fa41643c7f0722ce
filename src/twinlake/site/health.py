"""Whether a running site can do its work."""

import shutil
from dataclasses import dataclass

from twinlake.core.errors import TwinlakeError
from twinlake.engines.database import Connection, Database
from twinlake.site.layout import SiteFolder

_LEAST_FREE_BYTES = 256 << 20


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


async def examine_health(database: Database, folder: SiteFolder) -> Health:
    """Try a read and an empty change, and look at the room on the disk."""
    return Health(reading=await _try_reading(database), writing=await _try_writing(database), disk=_look_at_disk(folder))


async def _try_reading(database: Database) -> str | None:
    try:
        await database.read(_read_nothing, deadline_seconds=1.0)
    except TwinlakeError as error:
        return error.message
    return None


async def _try_writing(database: Database) -> str | None:
    try:
        await database.write(_read_nothing)
    except TwinlakeError as error:
        return error.message
    return None


def _read_nothing(tx: Connection) -> None:
    tx.execute("select 1").fetchone()


def _look_at_disk(folder: SiteFolder) -> str | None:
    free = shutil.disk_usage(folder.path).free
    return None if free >= _LEAST_FREE_BYTES else f"Only {free >> 20} MiB are free."
