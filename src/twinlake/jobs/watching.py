"""Following a job as it goes."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator

from twinlake.engines.database import Database
from twinlake.identity.principals import Caller
from twinlake.jobs.models import Job
from twinlake.jobs.service import Jobs

_KEEP_ALIVE_SECONDS = 15.0
_BETWEEN_STATES_SECONDS = 0.1


class JobWatcher:
    """Tells the states of a job until it ends or the site does."""

    def __init__(self, *, jobs: Jobs, database: Database, closing: asyncio.Event) -> None:
        self._jobs = jobs
        self._database = database
        self._closing = closing

    async def watch(self, caller: Caller, job: str) -> AsyncGenerator[Job | None]:
        """Yield a job as it is and whenever it has changed, until it has ended; None now and then, when nothing happens."""
        changed = asyncio.Event()
        stop_listening = self._database.on_commit(changed.set)
        last: Job | None = None
        try:
            while not self._closing.is_set():
                changed.clear()
                now = await self._jobs.get(caller, job)
                if now != last:
                    yield now
                    last = now
                if now.state.is_final:
                    return
                if not await self._wait(changed):
                    yield None
                await asyncio.sleep(_BETWEEN_STATES_SECONDS)  # a busy site commits more often than anybody reads
        finally:
            stop_listening()

    async def _wait(self, changed: asyncio.Event) -> bool:
        """Wait for a commit or the end of the site; False where neither came in time."""
        waiting = [asyncio.create_task(changed.wait()), asyncio.create_task(self._closing.wait())]
        try:
            done, _ = await asyncio.wait(waiting, timeout=_KEEP_ALIVE_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waiting:
                task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.gather(*waiting, return_exceptions=True)
        return bool(done)
