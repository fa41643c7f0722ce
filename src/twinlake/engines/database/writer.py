"""The one writer of a database file: a thread that commits what waits in groups."""

import asyncio
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from pysqlite3 import dbapi2

from twinlake.core.errors import OverloadedError, StorageFailedError
from twinlake.engines.database.connection import explain_write_error
from twinlake.engines.database.interfaces import Connection, Work

T = TypeVar("T")
_GROUP_SECONDS = 0.02
_GROUP_SIZE = 512
_WAITING_LIMIT = 4096


@dataclass(slots=True)
class _Waiting:
    work: Work[Any]
    future: asyncio.Future[Any]
    abandoned: bool = False
    result: Any = None
    error: BaseException | None = None


class GroupWriter:
    """Runs changes one after the other on its own thread, each in a savepoint, and commits a group of them at once.

    A caller is answered after the commit: one fsync makes the whole group durable. While it goes on the next
    group gathers in the queue.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._queue: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        self._waiting = 0
        self._closed = False
        self._broken: str | None = None
        self._listeners: list[Callable[[], None]] = []
        self._thread = threading.Thread(target=self._write_groups, name="writer", daemon=True)
        self._thread.start()

    async def write(self, work: Work[T]) -> T:
        """Do what `Database.write` promises."""
        if self._broken is not None:
            raise self._refusal()
        if self._closed:
            raise OverloadedError("The site is shutting down.", remedy="Send the request again later.")
        if self._waiting >= _WAITING_LIMIT:
            raise OverloadedError("Too many changes are waiting.", remedy="Send the request again later.")
        waiting = _Waiting(work, asyncio.get_running_loop().create_future())
        self._waiting += 1
        self._queue.put(waiting)
        try:
            # A change that was handed over is never half known: the caller's cancellation does not undo it.
            result: T = await asyncio.shield(waiting.future)
        except asyncio.CancelledError:
            waiting.abandoned = True
            raise
        return result

    def on_commit(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Do what `Database.on_commit` promises."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    async def close(self) -> None:
        """Finish the changes that wait, then end the thread."""
        self._closed = True
        self._queue.put(None)
        await asyncio.to_thread(self._thread.join)

    def _refusal(self) -> StorageFailedError:
        return StorageFailedError(
            f"The site takes no changes since its disk failed: {self._broken}",
            remedy="Ask the operator to check the disk and restart the site.",
        )

    def _write_groups(self) -> None:
        stop = False
        while not stop and (first := self._queue.get()) is not None:
            group = [first]
            stop = self._commit_group(group)
            for loop in {waiting.future.get_loop() for waiting in group}:
                mine = [waiting for waiting in group if waiting.future.get_loop() is loop]
                if not loop.is_closed():
                    loop.call_soon_threadsafe(self._answer, mine)

    def _commit_group(self, group: list[_Waiting]) -> bool:
        """Run the first of *group*, and whatever else waits, in one transaction; tell whether the end was asked for."""
        stop = False
        if self._broken is not None:
            group[0].error = self._refusal()
            return stop
        try:
            self._connection.execute("begin immediate")
            started = time.monotonic()
            self._run(group[0])
            while len(group) < _GROUP_SIZE and time.monotonic() - started < _GROUP_SECONDS:
                try:
                    waiting = self._queue.get_nowait()
                except queue.Empty:
                    break
                if waiting is None:
                    stop = True
                    break
                group.append(waiting)
                self._run(waiting)
            self._connection.execute("commit")
        except Exception as error:  # noqa: BLE001 - whatever it is, the callers are told and the thread lives on
            self._abandon(group, error)
        return stop

    def _run(self, waiting: _Waiting) -> None:
        self._connection.execute("savepoint caller")
        try:
            waiting.result = waiting.work(self._connection)
        except BaseException as error:
            if explain_write_error(error) is not None:
                raise
            self._connection.execute("rollback to caller")
            # A future refuses this one, and would leave its caller without an answer.
            waiting.error = RuntimeError("The work raised StopIteration.") if isinstance(error, StopIteration) else error
        # Fails, and with it the group, if SQLite ended the transaction behind a work that swallowed the reason.
        self._connection.execute("release caller")

    def _abandon(self, group: list[_Waiting], error: Exception) -> None:
        """Undo the whole group. After a failed fsync nothing is known of the disk: take no more changes."""
        if isinstance(explain_write_error(error), StorageFailedError):
            self._broken = str(error)
        if self._connection.in_transaction:
            try:
                self._connection.execute("rollback")
            except dbapi2.Error as second:
                self._broken = f"a change could not be undone, {second}"
        for waiting in group:
            waiting.error = explain_write_error(error) or error

    def _answer(self, group: list[_Waiting]) -> None:
        self._waiting -= len(group)
        for waiting in group:
            if waiting.abandoned:
                waiting.future.cancel()
            elif waiting.error is not None:
                waiting.future.set_exception(waiting.error)
            else:
                waiting.future.set_result(waiting.result)
        for listener in list(self._listeners):
            listener()
