"""The database in a file: one writer thread with group commit, readers beside it."""

import asyncio
import queue
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, TypeVar

from pysqlite3 import dbapi2

from twinlake.core.errors import DeadlineExceededError, OverloadedError, StorageFailedError
from twinlake.engines.database.connection import (
    Prepare,
    TimeLimit,
    explain_write_error,
    is_interrupted,
    migrate,
    open_connection,
)
from twinlake.engines.database.interfaces import Connection, Migration, Work

T = TypeVar("T")
_GROUP_SECONDS = 0.02
_GROUP_SIZE = 512
_WAITING_LIMIT = 4096
_INLINE_SECONDS = 0.004
_CHECKPOINT_PAGES = 4000


@dataclass(slots=True)
class _Waiting:
    work: Work[Any]
    future: asyncio.Future[Any]
    loop: asyncio.AbstractEventLoop
    result: Any = None
    error: BaseException | None = None


class SqliteDatabase:
    """A SQLite file in WAL mode with ``synchronous=FULL``.

    Changes wait in a queue; the writer thread takes what is there, runs each in a savepoint, commits once
    (one fsync for all) and only then answers. Reads first try the event loop's own connection for a few
    milliseconds and move to a thread when they take longer, so that a slow query never holds the loop.
    """

    def __init__(self, path: Path, *, migrations: Sequence[Migration], prepare: Sequence[Prepare] = (), readers: int = 4) -> None:
        self._path = path
        self._prepare = tuple(prepare)
        self._queue: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        self._waiting = 0
        self._failed: StorageFailedError | None = None
        self._listeners: list[Callable[[], None]] = []
        self._writer_connection = open_connection(path, read_only=False, prepare=prepare)
        self._writer_connection.execute(f"pragma wal_autocheckpoint = {_CHECKPOINT_PAGES}")
        migrate(self._writer_connection, migrations)
        self._inline = open_connection(path, read_only=True, prepare=prepare)
        self._inline_limit = TimeLimit(self._inline)
        self._local = threading.local()
        self._reader_connections: list[Connection] = []
        self._readers = ThreadPoolExecutor(readers, thread_name_prefix="reader")
        self._thread = threading.Thread(target=self._write_groups, name="writer", daemon=True)
        self._thread.start()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._queue.put(None)
        await asyncio.to_thread(self._thread.join)
        self._readers.shutdown(wait=True, cancel_futures=True)
        for connection in (*self._reader_connections, self._inline, self._writer_connection):
            connection.close()

    async def write(self, work: Work[T]) -> T:
        if self._failed is not None:
            raise self._failed
        if self._waiting >= _WAITING_LIMIT:
            raise OverloadedError("Too many changes are waiting.", remedy="Send the request again later.")
        loop = asyncio.get_running_loop()
        waiting = _Waiting(work, loop.create_future(), loop)
        self._waiting += 1
        self._queue.put(waiting)
        try:
            # A change that was handed over is never half known: the caller's cancellation does not undo it.
            result: T = await asyncio.shield(waiting.future)
        finally:
            self._waiting -= 1
        return result

    async def read(self, work: Work[T], *, deadline_seconds: float | None = None) -> T:
        self._inline_limit.start(_INLINE_SECONDS)
        try:
            return self._on_snapshot(self._inline, work)
        except dbapi2.Error as error:
            if not is_interrupted(error):
                raise
        finally:
            self._inline_limit.start(None)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._readers, self._read_in_thread, work, deadline_seconds)

    def on_commit(self, listener: Callable[[], None]) -> Callable[[], None]:
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    async def backup(self, target: Path) -> None:
        def copy() -> None:
            connection = open_connection(self._path, read_only=True)
            try:
                connection.execute("pragma query_only = off")
                connection.execute("vacuum into ?", (str(target),))
            finally:
                connection.close()

        await asyncio.to_thread(copy)

    def _read_in_thread(self, work: Work[T], deadline_seconds: float | None) -> T:
        connection: Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = open_connection(self._path, read_only=True, prepare=self._prepare)
            self._local.connection = connection
            self._local.limit = TimeLimit(connection)
            self._reader_connections.append(connection)
        limit: TimeLimit = self._local.limit
        limit.start(deadline_seconds)
        try:
            return self._on_snapshot(connection, work)
        except dbapi2.Error as error:
            if is_interrupted(error):
                raise DeadlineExceededError(
                    "The query took longer than the site gives one.",
                    remedy="Narrow it: name collections, a smaller area or a shorter interval.",
                ) from error
            raise
        finally:
            limit.start(None)

    @staticmethod
    def _on_snapshot(connection: Connection, work: Work[T]) -> T:
        connection.execute("begin")
        try:
            return work(connection)
        finally:
            connection.execute("rollback")

    def _write_groups(self) -> None:
        while (first := self._queue.get()) is not None:
            group, stop = self._take_group(first)
            if stop:
                self._queue.put(None)
            for loop in {waiting.loop for waiting in group}:
                mine = [waiting for waiting in group if waiting.loop is loop]
                if not loop.is_closed():
                    loop.call_soon_threadsafe(self._answer, mine)

    def _take_group(self, first: _Waiting) -> tuple[list[_Waiting], bool]:
        """Run *first* and whatever else waits in one transaction; tell whether the end was asked for."""
        connection, group, stop = self._writer_connection, [first], False
        try:
            connection.execute("begin immediate")
            started = time.monotonic()
            self._run(connection, first)
            while len(group) < _GROUP_SIZE and time.monotonic() - started < _GROUP_SECONDS:
                try:
                    waiting = self._queue.get_nowait()
                except queue.Empty:
                    break
                if waiting is None:
                    stop = True
                    break
                group.append(waiting)
                self._run(connection, waiting)
            connection.execute("commit")
        except dbapi2.Error as error:
            self._abandon(connection, group, error)
        return group, stop

    @staticmethod
    def _run(connection: Connection, waiting: _Waiting) -> None:
        connection.execute("savepoint caller")
        try:
            waiting.result = waiting.work(connection)
        except BaseException as error:
            if isinstance(error, dbapi2.Error) and explain_write_error(error) is not None:
                raise
            connection.execute("rollback to caller")
            waiting.error = error
        connection.execute("release caller")

    def _abandon(self, connection: Connection, group: list[_Waiting], error: dbapi2.Error) -> None:
        """Undo the whole group. After a failed fsync nothing is known of the disk: take no more changes."""
        explained = explain_write_error(error)
        if isinstance(explained, StorageFailedError):
            self._failed = explained
        if connection.in_transaction:
            try:
                connection.execute("rollback")
            except dbapi2.Error as second:
                self._failed = StorageFailedError(f"The site's disk refused to undo a change: {second}.")
        for waiting in group:
            waiting.error = explained or error

    def _answer(self, group: list[_Waiting]) -> None:
        for waiting in group:
            if waiting.future.done():
                continue
            if waiting.error is not None:
                waiting.future.set_exception(waiting.error)
            else:
                waiting.future.set_result(waiting.result)
        for listener in list(self._listeners):
            listener()
