"""The database in memory, for tests and the federation simulator."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Self, TypeVar

from pysqlite3 import dbapi2

from twinlake.core.errors import DeadlineExceededError
from twinlake.engines.database.connection import Prepare, TimeLimit, check_new, is_interrupted, migrate, open_connection
from twinlake.engines.database.interfaces import Migration, Work

T = TypeVar("T")


class MemoryDatabase:
    """One connection to an in-memory database; every call runs to its end without suspending."""

    def __init__(self, *, migrations: Sequence[Migration], prepare: Sequence[Prepare] = ()) -> None:
        self._connection = open_connection(":memory:", read_only=False, prepare=prepare)
        self._limit = TimeLimit(self._connection)
        self._listeners: list[Callable[[], None]] = []
        migrate(self._connection, migrations)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._connection.close()

    async def write(self, work: Work[T]) -> T:
        self._connection.execute("begin immediate")
        try:
            result = work(self._connection)
        except BaseException:
            self._connection.execute("rollback")
            raise
        self._connection.execute("commit")
        for listener in list(self._listeners):
            listener()
        return result

    async def read(self, work: Work[T], *, deadline_seconds: float | None = None) -> T:
        self._limit.start(deadline_seconds)
        self._connection.execute("pragma query_only = on")
        try:
            return work(self._connection)
        except dbapi2.Error as error:
            if is_interrupted(error):
                raise DeadlineExceededError("The query took too long.", remedy="Narrow it.") from error
            raise
        finally:
            self._limit.start(None)
            self._connection.execute("pragma query_only = off")

    def on_commit(self, listener: Callable[[], None]) -> Callable[[], None]:
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    async def backup(self, target: Path) -> None:
        check_new(target)
        self._connection.execute("vacuum into ?", (str(target),))
