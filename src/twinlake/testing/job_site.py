"""A site that does nothing but run jobs: journal, supervisor, children and their socket."""

import asyncio
import sys
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from starlette.applications import Starlette

from twinlake.core.clock import Clock, SystemClock
from twinlake.core.documents import JsonObject
from twinlake.core.randomness import SYSTEM_RANDOMNESS
from twinlake.engines.database import SqliteDatabase
from twinlake.engines.web.logs import new_logger
from twinlake.events.log import EventLog
from twinlake.events.schema import MIGRATIONS as EVENT_MIGRATIONS
from twinlake.jobs.internal import internal_app
from twinlake.jobs.models import Job, JobKind, Retry
from twinlake.jobs.requests import NewJob, RequestJournal
from twinlake.jobs.runs import RunJournal
from twinlake.jobs.schema import MIGRATIONS
from twinlake.jobs.supervisor import Supervisor
from twinlake.jobs.unix_socket import SocketApp, serve_at_socket
from twinlake.testing.job_kinds import job_kind

OWNER = "urn:i|alice"
COUNTING = job_kind("count", concurrent=3, retry=Retry(failures=10, first_delay=timedelta(milliseconds=20)))
"""What a site runs that is started as a process: `python -m twinlake.testing.job_site FOLDER`."""
_LOOK_SECONDS = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSite:
    """The parts of a site that runs jobs."""

    kinds: dict[str, JobKind]
    database: SqliteDatabase
    requests: RequestJournal
    runs: RunJournal
    supervisor: Supervisor
    socket: Path

    async def submit(self, kind: str, spec: JsonObject) -> Job:
        """Ask for a job."""
        return await self.requests.submit(NewJob(owner=OWNER, kind=kind, spec=spec), self.kinds[kind])

    async def wait(self, job: str, until: Callable[[Job], bool], *, seconds: float = 60) -> Job:
        """Return a job once *until* holds for it."""
        async with asyncio.timeout(seconds):
            while True:
                found = await self.requests.get(job, owner=None)
                if until(found):
                    return found
                await asyncio.sleep(_LOOK_SECONDS)

    async def finish(self, job: str, *, seconds: float = 60) -> Job:
        """Return a job once it has ended."""
        return await self.wait(job, lambda found: found.state.is_final, seconds=seconds)


@asynccontextmanager
async def open_job_site(
    folder: Path, kinds: Iterable[JobKind], *, clock: Clock | None = None, lease: timedelta = timedelta(seconds=30)
) -> AsyncGenerator[JobSite]:
    """Open the site of *folder*, with what an earlier one left there."""
    clock = clock or SystemClock()
    socket = folder / "run" / "gateway.sock"
    named = {kind.name: kind for kind in kinds}
    log = EventLog(clock=clock)
    async with AsyncExitStack() as stack:
        database = SqliteDatabase(folder / "site.db", migrations=(*EVENT_MIGRATIONS, *MIGRATIONS))
        await stack.enter_async_context(database)
        runs = RunJournal(database=database, events=log, clock=clock, lease=lease)
        requests = RequestJournal(database=database, events=log, clock=clock, randomness=SYSTEM_RANDOMNESS)
        app = SocketApp(public=Starlette(), internal=internal_app(runs))
        await stack.enter_async_context(serve_at_socket(app, socket))
        supervisor = Supervisor(
            journal=runs,
            database=database,
            kinds=named,
            clock=clock,
            randomness=SYSTEM_RANDOMNESS,
            socket=socket,
            kept=folder / "kept",
            scratch=folder / "scratch",
            log=new_logger(sys.stderr.buffer, site="test", level="error"),
        )
        await stack.enter_async_context(supervisor)
        yield JobSite(kinds=dict(named), database=database, requests=requests, runs=runs, supervisor=supervisor, socket=socket)


async def _serve_until_killed(folder: Path) -> None:
    async with open_job_site(folder, [COUNTING]):
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_serve_until_killed(Path(sys.argv[1])))
