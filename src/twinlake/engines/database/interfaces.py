"""The contract of a site's database."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from sqlite3 import Connection  # the same interface, and it has types
else:
    from pysqlite3.dbapi2 import Connection

__all__ = ["Connection", "Database", "Migration", "Work"]

T = TypeVar("T")
Work = Callable[[Connection], T]
"""A function over an open transaction. It may run twice (a read that is moved to a thread), never awaits, and keeps no cursor."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One step of a capability's schema; steps of a capability are applied in order of their number, once."""

    capability: str
    number: int
    sql: str


class Database(Protocol):
    """Keeps the state of one site.

    Every implementation passes `twinlake.testing.database.DatabaseContract`.
    """

    async def write(self, work: Work[T]) -> T:
        """Run *work* in a transaction of its own, all or none; return once its changes are durable.

        A work that takes more than about 50 ms holds up every other writer: split it.

        Raises
        ------
        OverloadedError
            Too many writers are waiting, or the database is being closed.
        StorageFullError
            The disk is full; nothing was changed.
        StorageFailedError
            The disk refused a durable write; the site must be restarted.
        """
        ...

    async def read(self, work: Work[T], *, deadline_seconds: float | None = None) -> T:
        """Run *work*, which only reads, on one snapshot.

        Raises
        ------
        DeadlineExceededError
            It took longer than *deadline_seconds*.
        """
        ...

    def on_commit(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call *listener* on the event loop after every commit, before its writers are answered; return what stops this."""
        ...

    async def backup(self, target: Path) -> None:
        """Write a consistent, durable copy to *target*, while writers go on.

        Raises
        ------
        ConflictError
            *target* exists.
        StorageFullError, StorageFailedError
            There is no room for it, or its disk failed; nothing is left of it.
        """
        ...
