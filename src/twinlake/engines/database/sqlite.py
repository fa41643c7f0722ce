"""The database in a file: one writer thread with group commit, readers beside it."""

import asyncio
import os
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Self, TypeVar

from pysqlite3 import dbapi2

from twinlake.core.errors import DeadlineExceededError, StorageFailedError
from twinlake.engines.database.connection import (
    Prepare,
    TimeLimit,
    check_new,
    explain_write_error,
    is_interrupted,
    migrate,
    open_connection,
)
from twinlake.engines.database.interfaces import Connection, Migration, Work
from twinlake.engines.database.writer import GroupWriter

T = TypeVar("T")
_INLINE_SECONDS = 0.004
_CHECKPOINT_PAGES = 16000


class SqliteDatabase:
    """A SQLite file in WAL mode with ``synchronous=FULL``.

    Changes go to a `GroupWriter`. Reads first try the event loop's own connection for a few milliseconds and
    move to a thread when they take longer, so that a slow query never holds the loop.
    """

    def __init__(self, path: Path, *, migrations: Sequence[Migration], prepare: Sequence[Prepare] = (), readers: int = 4) -> None:
        self._path = path
        self._prepare = tuple(prepare)
        self._writer_connection = open_connection(path, read_only=False, prepare=prepare)
        try:
            self._writer_connection.execute(f"pragma wal_autocheckpoint = {_CHECKPOINT_PAGES}")
            migrate(self._writer_connection, migrations)
            self._inline = open_connection(path, read_only=True, prepare=prepare)
        except BaseException as error:
            self._writer_connection.close()
            explained = explain_write_error(error)
            if explained is not None:
                raise explained from error
            raise
        self._inline_limit = TimeLimit(self._inline)
        self._local = threading.local()
        self._reader_connections: list[Connection] = []
        self._readers = ThreadPoolExecutor(readers, thread_name_prefix="reader")
        self._writer = GroupWriter(self._writer_connection)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._writer.close()
        await asyncio.to_thread(self._readers.shutdown, wait=True, cancel_futures=True)
        for connection in (*self._reader_connections, self._inline, self._writer_connection):
            connection.close()

    async def write(self, work: Work[T]) -> T:
        return await self._writer.write(work)

    async def read(self, work: Work[T], *, deadline_seconds: float | None = None) -> T:
        until = None if deadline_seconds is None else time.monotonic() + deadline_seconds
        try:
            return _on_snapshot(self._inline, self._inline_limit, work, _INLINE_SECONDS)
        except dbapi2.Error as error:
            if not is_interrupted(error):
                raise
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._readers, self._read_in_thread, work, until)

    def on_commit(self, listener: Callable[[], None]) -> Callable[[], None]:
        return self._writer.on_commit(listener)

    async def backup(self, target: Path) -> None:
        await asyncio.to_thread(copy_database, self._path, target, self._prepare)

    def _read_in_thread(self, work: Work[T], until: float | None) -> T:
        connection: Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = open_connection(self._path, read_only=True, prepare=self._prepare)
            self._local.connection = connection
            self._local.limit = TimeLimit(connection)
            self._reader_connections.append(connection)
        limit: TimeLimit = self._local.limit
        try:
            return _on_snapshot(connection, limit, work, None if until is None else until - time.monotonic())
        except dbapi2.Error as error:
            if is_interrupted(error):
                raise DeadlineExceededError(
                    "The query took longer than the site gives one.",
                    remedy="Narrow it: name collections, a smaller area or a shorter interval.",
                ) from error
            raise


def copy_database(source: Path, target: Path, prepare: Sequence[Prepare]) -> None:
    """Do what `Database.backup` promises, from any process; blocks."""
    check_new(target)
    try:
        with closing(open_connection(source, read_only=True, prepare=prepare)) as connection:
            connection.execute("pragma query_only = off")
            connection.execute("vacuum into ?", (str(target),))
        for path in (target, target.parent):
            _sync(path)
    except (dbapi2.Error, OSError) as error:
        target.unlink(missing_ok=True)
        raise explain_write_error(error) or StorageFailedError(f"The backup {target} cannot be written: {error}.") from error


def _on_snapshot(connection: Connection, limit: TimeLimit, work: Work[T], seconds: float | None) -> T:
    """Run *work* for at most *seconds*. The end of the snapshot has no limit: were it interrupted, it would stay open."""
    connection.execute("begin")
    limit.start(seconds)
    try:
        return work(connection)
    finally:
        limit.start(None)
        connection.execute("rollback")


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
