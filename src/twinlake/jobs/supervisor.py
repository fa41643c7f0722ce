"""The supervisor: gives waiting runs to children, watches these, and settles what they leave behind."""

import asyncio
import contextlib
import hashlib
import os
import shutil
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Self

import orjson
from structlog.typing import FilteringBoundLogger

from twinlake.core.clock import Clock, to_microseconds
from twinlake.core.errors import TwinlakeError
from twinlake.core.randomness import Randomness
from twinlake.engines.database import Database
from twinlake.engines.sandbox import Child, Exit, start_child
from twinlake.jobs.errors import LeaseLostError
from twinlake.jobs.models import STALLED, Failure, JobKind, Kinds, LogEntry, Run, Usage
from twinlake.jobs.runs import RunJournal

_LOOK_SECONDS = 0.5
_BETWEEN_LOOKS_SECONDS = 0.05
WORK = "work"
"""Folder of an attempt that its child may write to."""
INPUTS = "inputs"
"""Folder of an attempt that its child may read."""
_SECRET_BYTES = 16
_MEASURE = timedelta(seconds=1)
_SITE_STOPPED = Failure("site-stopped", "The site went down while the run was under way.")
_NO_HEARTBEAT = Failure("heartbeat-lost", "The child gave no sign of life for too long and was ended.")


@dataclass(slots=True, kw_only=True)
class _Attempt:
    """One child at work on one run."""

    run: Run
    lease: str
    kind: JobKind
    child: Child
    folder: Path
    measured_at: int
    counted_seconds: float = 0.0
    """CPU time that the journal knows of."""
    reason: Failure | None = None
    """Why the supervisor ended it; None where it ended by itself or lost its run."""

    def end(self, reason: Failure | None) -> None:
        self.reason = self.reason or reason
        self.child.kill()


class Supervisor:
    """Runs the jobs of one site, one child for each attempt. An asynchronous context manager.

    Parameters
    ----------
    socket
        The Unix socket at which children find the site.
    scratch
        A directory of the supervisor's own; emptied at the start, each attempt gets one directory in it.
    kept
        Another one, in which runs whose kind says so (`JobKind.keeps_work`) have a directory each, until they are over.
    """

    def __init__(
        self,
        *,
        journal: RunJournal,
        database: Database,
        kinds: Kinds,
        clock: Clock,
        randomness: Randomness,
        socket: Path,
        scratch: Path,
        kept: Path,
        log: FilteringBoundLogger,
    ) -> None:
        self._journal = journal
        self._database = database
        self._kinds = kinds
        self._clock = clock
        self._randomness = randomness
        self._socket = socket
        self._scratch = scratch
        self._kept = kept
        self._log = log
        self._attempts: dict[str, _Attempt] = {}
        self._attending: set[asyncio.Task[None]] = set()
        self._woken = asyncio.Event()
        self._stopping = False

    async def __aenter__(self) -> Self:
        shutil.rmtree(self._scratch, ignore_errors=True)
        self._scratch.mkdir(mode=0o700, parents=True)
        self._kept.mkdir(mode=0o700, parents=True, exist_ok=True)
        await self._settle_lost_runs()
        self._unsubscribe = self._database.on_commit(self._woken.set)
        self._loop = asyncio.create_task(self._look_forever(), name="supervisor")
        return self

    async def __aexit__(self, *_: object) -> None:
        self._stopping = True
        self._unsubscribe()
        self._loop.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._loop
        for attempt in self._attempts.values():
            attempt.end(None)
        await asyncio.gather(*self._attending)

    def folder_of(self, lease: str) -> Path | None:
        """Return the folder of a running attempt: `WORK` and `INPUTS` in it are open to its child."""
        attempt = self._attempts.get(lease)
        return None if attempt is None else attempt.folder

    async def _settle_lost_runs(self) -> None:
        """Give up the attempts of a site that is no more: its children died with it."""
        for run in await self._journal.list_running():
            await self._crash(run, _SITE_STOPPED, blame=False)

    async def _look_forever(self) -> None:
        while True:
            self._woken.clear()
            try:
                await self._look()
            except TwinlakeError as error:
                self._log.warning("supervisor could not do its round", code=error.code, reason=error.message)
            except Exception:  # noqa: BLE001  # reported: without its supervisor a site runs nothing any more
                self._log.exception("supervisor failed in its round")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_SECONDS):
                    await self._woken.wait()
            await asyncio.sleep(_BETWEEN_LOOKS_SECONDS)

    async def _look(self) -> None:
        held = {run.lease: run for run in await self._journal.list_running()}
        now = to_microseconds(self._clock.now())
        for lease, attempt in list(self._attempts.items()):
            run = held.get(lease)
            if run is None:
                attempt.end(None)
            elif (reason := _overdue(run, attempt.kind, now)) is not None:
                attempt.end(reason)
            elif _is_over(attempt.measured_at, _MEASURE, now):
                attempt.measured_at = now
                await self._measure(attempt)
        for run in held.values():
            if run.lease not in self._attempts and _is_over(run.lease_until, timedelta(0), now):
                await self._crash(run, _NO_HEARTBEAT)
        await self._forget_what_is_over()
        for kind in self._kinds.values():
            while await self._begin_attempt(kind):
                pass

    async def _measure(self, attempt: _Attempt) -> None:
        """Write down what an attempt has taken so far, and end its run where it may take no more."""
        failure = await self._count(attempt, attempt.child.cpu_seconds)
        if failure is not None:
            line = LogEntry("error", f"{failure.message} {failure.remedy or ''}".strip(), {"code": failure.code})
            with contextlib.suppress(LeaseLostError):  # the run has ended meanwhile
                await self._journal.append_log(attempt.run.id, [line], lease=attempt.lease)
                await self._journal.fail(attempt.run.id, attempt.lease, failure)
            attempt.end(failure)

    async def _count(self, attempt: _Attempt, cpu_seconds: float, peak_memory_bytes: int = 0) -> Failure | None:
        taken = Usage(max(0.0, cpu_seconds - attempt.counted_seconds), peak_memory_bytes)
        attempt.counted_seconds += taken.cpu_seconds
        return await self._journal.add_usage(attempt.run.id, taken, check=attempt.kind.check_usage)

    async def _forget_what_is_over(self) -> None:
        """Remove the directories of runs that will not be taken up again."""
        held = {attempt.run.id for attempt in self._attempts.values()}
        kept = [name for name in await asyncio.to_thread(os.listdir, self._kept) if name not in held]
        if kept:
            for name in set(kept) - await self._journal.list_live(kept):
                await asyncio.to_thread(shutil.rmtree, self._kept / name, ignore_errors=True)

    async def _begin_attempt(self, kind: JobKind) -> bool:
        secret = self._randomness(_SECRET_BYTES).hex()
        lease = lease_of(secret)
        run = await self._journal.claim(kind, lease)
        if run is None:
            return False
        folder = self._kept / run.id if kind.keeps_work else self._scratch / lease[:16]
        order = {"socket": str(self._socket), "run": run.id, "secret": secret, "function": kind.child}
        try:
            await asyncio.to_thread(shutil.rmtree, folder / INPUTS, ignore_errors=True)  # of an earlier attempt
            (folder / WORK).mkdir(mode=0o700, parents=True, exist_ok=kind.keeps_work)
            (folder / INPUTS).mkdir(mode=0o700)
            child = start_child(
                "twinlake.jobs.child",
                message=orjson.dumps(order),
                limits=kind.limits,
                scratch=folder / WORK,
                readable=None if kind.readable is None else (folder / INPUTS, *kind.readable),
                user_program=kind.user_program,
                destination=kind.destination,
            )
        except OSError as error:
            await self._crash(run, Failure("no-child", f"No child process could be started: {error.strerror}."), blame=False)
            return True
        now = to_microseconds(self._clock.now())
        attempt = _Attempt(run=run, lease=lease, kind=kind, child=child, folder=folder, measured_at=now)
        self._attempts[lease] = attempt
        task = asyncio.create_task(self._attend(attempt), name=f"run {run.id}")
        self._attending.add(task)
        task.add_done_callback(self._attending.discard)
        return True

    async def _attend(self, attempt: _Attempt) -> None:
        """Wait for the end of an attempt and settle it. A disk that refuses leaves it to the next start of the site."""
        ended = await attempt.child.wait()
        try:
            await self._settle(attempt, ended)
        except TwinlakeError as error:
            self._log.error("an attempt could not be settled", run=attempt.run.id, code=error.code, reason=error.message)
        finally:
            del self._attempts[attempt.lease]
            if not attempt.kind.keeps_work:
                await asyncio.to_thread(shutil.rmtree, attempt.folder, ignore_errors=True)

    async def _settle(self, attempt: _Attempt, ended: Exit) -> None:
        run = attempt.run
        await self._count(attempt, ended.cpu_seconds, ended.peak_memory_bytes)
        lines = [LogEntry("stderr", line) for line in ended.output.splitlines() if line.strip()]
        if lines:
            await self._journal.append_log(run.id, lines, lease=None)
        if self._stopping and attempt.reason is None:
            await self._journal.give_back(run.id, attempt.lease)
        else:
            crashed = Failure("child-crashed", f"The child process {ended.description}.")
            await self._crash(run, attempt.reason or crashed)

    async def _crash(self, run: Run, failure: Failure, *, blame: bool = True) -> None:
        kind = self._kinds.get(run.kind)
        if run.lease is None:
            return
        if kind is None:
            await self._journal.fail(run.id, run.lease, Failure("job-kind-unknown", f"This site runs no {run.kind!r} any more."))
            return
        state = await self._journal.crash(run.id, run.lease, failure, kind.retry, blame=blame)
        if state is not None:
            self._log.warning("an attempt ended badly", run=run.id, code=failure.code, reason=failure.message, state=state)


def lease_of(secret: str) -> str:
    """Return the name of the lease that the holder of *secret* has; the journal keeps no secret."""
    return hashlib.sha256(secret.encode()).hexdigest()


def _overdue(run: Run, kind: JobKind, now: int) -> Failure | None:
    """Say why an attempt must end now, if it must."""
    if _is_over(run.lease_until, timedelta(0), now):
        return _NO_HEARTBEAT
    if _is_over(run.active_at, kind.stall, now):
        return Failure(STALLED, f"Nothing got done for {kind.stall.total_seconds():.0f} s, so the attempt was ended.")
    if _is_over(run.attempt_started_at, kind.longest, now):
        return Failure("too-long", f"The attempt took more than {kind.longest.total_seconds():.0f} s and was ended.")
    return None


def _is_over(since: int | None, limit: timedelta, now: int) -> bool:
    return since is not None and now - since > limit // timedelta(microseconds=1)
