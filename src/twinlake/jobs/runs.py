"""The journal as supervisors and children see it: claim a run, keep it, get on, end."""

from collections.abc import Sequence
from datetime import timedelta

import orjson

from twinlake.core.clock import Clock, to_microseconds
from twinlake.core.documents import JsonObject
from twinlake.engines.database import Connection, Database
from twinlake.events.interfaces import EventWriter
from twinlake.jobs.errors import LeaseLostError
from twinlake.jobs.models import (
    LOG_LINES,
    Checkpoint,
    CheckUsage,
    Failure,
    JobKind,
    JobState,
    LogEntry,
    Progress,
    Retry,
    Run,
    Usage,
)
from twinlake.jobs.rows import RUN_COLUMNS, read_checkpoint, read_run, write_failure
from twinlake.jobs.states import move_run
from twinlake.jobs.turns import NEXT_RUN, PATIENCE

_LEASE = timedelta(seconds=30)
_MESSAGE_CHARACTERS = 2000
_DETAILS_BYTES = 8 << 10


class RunJournal:
    """Keeps runs. Whoever works on a run holds its lease, and nothing is taken from who has lost it."""

    def __init__(
        self, *, database: Database, events: EventWriter, clock: Clock, lease: timedelta = timedelta(seconds=30)
    ) -> None:
        self._database = database
        self._events = events
        self._clock = clock
        self._lease_microseconds = lease // timedelta(microseconds=1)

    async def claim(self, kind: JobKind, lease: str) -> Run | None:
        """Take the next waiting run of *kind*, within its limits of concurrent runs; None if there is none to take.

        Parameters
        ----------
        lease
            A name never used before, that of the attempt which begins.
        """
        now = self._now()
        values = {
            "kind": kind.name,
            "now": now,
            "concurrent": kind.concurrent,
            "parallel": kind.parallel,
            "patient": now - PATIENCE // timedelta(microseconds=1),
        }
        if await self._database.read(lambda tx: tx.execute(NEXT_RUN, values).fetchone()) is None:
            return None

        def work(tx: Connection) -> Run | None:
            row = tx.execute(NEXT_RUN, values).fetchone()
            if row is None:
                return None
            move_run(tx, self._events, row[0], JobState.RUNNING, now=now)
            tx.execute(
                "update job_run set attempts = attempts + 1, lease = ?, lease_until = ?, active_at = ?, attempt_started_at = ?,"
                " message = '' where id = ?",
                (lease, now + self._lease_microseconds, now, now, row[0]),
            )
            return _get(tx, row[0])

        return await self._database.write(work)

    async def list_running(self) -> list[Run]:
        """Return every run that an attempt holds."""
        rows = await self._database.read(
            lambda tx: tx.execute(f"select {RUN_COLUMNS} from job_run where state = 'running'").fetchall()
        )
        return [read_run(row) for row in rows]

    async def list_live(self, runs: Sequence[str]) -> frozenset[str]:
        """Return which of *runs*, by id, are not over."""
        query = "select id from job_run where id in (select value from json_each(?)) and state in ('accepted', 'running')"
        asked = orjson.dumps(list(runs)).decode()
        return frozenset(row[0] for row in await self._database.read(lambda tx: tx.execute(query, (asked,)).fetchall()))

    async def get_held(self, run: str, lease: str) -> Run:
        """Return a run that the attempt *lease* holds.

        Raises
        ------
        LeaseLostError
            It does not, or there is no such run.
        """

        def work(tx: Connection) -> Run:
            check_lease(tx, run, lease)
            return _get(tx, run)

        return await self._database.read(work)

    async def get_spec(self, run: str) -> JsonObject:
        """Return the specification of a run."""
        [text] = await self._database.read(lambda tx: tx.execute("select spec from job_run where id = ?", (run,)).fetchone())
        document: JsonObject = orjson.loads(text)
        return document

    async def heartbeat(self, run: str, lease: str) -> None:
        """Hold a run for another while. Raises LeaseLostError as all below."""
        until = self._now() + self._lease_microseconds

        def work(tx: Connection) -> None:
            held = tx.execute(
                "update job_run set lease_until = ? where id = ? and lease = ? and state = 'running'", (until, run, lease)
            )
            if held.rowcount != 1:
                raise LeaseLostError(run)

        await self._database.write(work)

    async def set_progress(self, run: str, lease: str, progress: Progress) -> None:
        """Say how far the run is."""
        now = self._now()

        def work(tx: Connection) -> None:
            _touch(tx, run, lease, now)
            tx.execute(
                "update job_run set done = ?, total = ?, unit = ?, message = ?, updated_at = ? where id = ?",
                (progress.done, progress.total, progress.unit, progress.message[:_MESSAGE_CHARACTERS], now, run),
            )

        await self._database.write(work)

    async def append_log(self, run: str, lines: Sequence[LogEntry], *, lease: str | None) -> None:
        """Append to the log; a full one takes no more, a long message is cut, details that are too long are left out.

        The supervisor, which writes what an ended attempt left on its error output, gives no *lease*.
        """
        now = self._now()

        def work(tx: Connection) -> None:
            if lease is not None:
                _touch(tx, run, lease, now)
            append_lines(tx, run, lines, now=now)

        await self._database.write(work)

    async def begin(self, run: str, lease: str, name: str, *, patience: timedelta = timedelta(0)) -> Checkpoint:
        """Begin the step *name*, or learn that it is done already; counts the tries.

        Parameters
        ----------
        patience
            How long the step may take beyond what its kind allows without a sign that it gets on.
        """
        now = self._now()
        active_at = now + patience // timedelta(microseconds=1)

        def work(tx: Connection) -> Checkpoint:
            _touch(tx, run, lease, active_at)
            tx.execute(
                "insert into job_checkpoint(run, name, tries) values (?, ?, 1)"
                " on conflict do update set tries = tries + 1 where is_done = 0",
                (run, name),
            )
            return _get_checkpoint(tx, run, name)

        return await self._database.write(work)

    async def finish(self, run: str, lease: str, name: str, result: JsonObject) -> None:
        """Record that the step *name* is done; a step done before keeps its first result."""
        now, text = self._now(), orjson.dumps(result).decode()

        def work(tx: Connection) -> None:
            _touch(tx, run, lease, now)
            tx.execute(
                "insert into job_checkpoint(run, name, tries, is_done, result) values (?, ?, 1, 1, ?)"
                " on conflict do update set is_done = 1, result = excluded.result, failure = null where is_done = 0",
                (run, name, text),
            )
            tx.execute("update job_run set failures = 0 where id = ?", (run,))

        await self._database.write(work)

    async def list_checkpoints(self, run: str) -> list[Checkpoint]:
        """Return the steps of a run by name."""
        rows = await self._database.read(
            lambda tx: tx.execute(
                "select name, tries, is_done, result, failure from job_checkpoint where run = ? order by name", (run,)
            ).fetchall()
        )
        return [read_checkpoint(row) for row in rows]

    async def succeed(self, run: str, lease: str, result: JsonObject) -> None:
        """End a run with its result."""
        now, text = self._now(), orjson.dumps(result).decode()

        def work(tx: Connection) -> None:
            if not move_run(tx, self._events, run, JobState.SUCCESSFUL, now=now, lease=lease):
                raise LeaseLostError(run)
            tx.execute("update job_run set result = ? where id = ?", (text, run))

        await self._database.write(work)

    async def fail(self, run: str, lease: str, failure: Failure) -> None:
        """End a run that its child refuses; it is not tried again."""
        now = self._now()

        def work(tx: Connection) -> None:
            if not move_run(tx, self._events, run, JobState.FAILED, now=now, lease=lease, error=failure):
                raise LeaseLostError(run)
            tx.execute("update job_run set error = ? where id = ?", (write_failure(failure), run))

        await self._database.write(work)

    async def crash(self, run: str, lease: str, failure: Failure, retry: Retry, *, blame: bool = True) -> JobState | None:
        """End an attempt that did not end its run: the run waits to be tried again, or has failed.

        Parameters
        ----------
        blame
            Whether the steps under way may be the cause. Where the site itself went down they are not:
            their tries do not count.

        Returns
        -------
        JobState | None
            What has become of the run; None if the attempt held it no more.
        """
        now = self._now()

        def work(tx: Connection) -> JobState | None:
            check_lease(tx, run, lease)
            failures = _get(tx, run).failures + 1
            to = JobState.ACCEPTED if failures < retry.failures else JobState.FAILED
            move_run(tx, self._events, run, to, now=now, lease=lease, error=failure)
            not_before = now + retry.delay(failures) // timedelta(microseconds=1)
            text = write_failure(failure)
            tx.execute(
                "update job_run set failures = ?, not_before = ?, error = ? where id = ?",
                (failures, not_before, text if to is JobState.FAILED else None, run),
            )
            if blame:
                tx.execute("update job_checkpoint set failure = ? where run = ? and is_done = 0", (text, run))
            else:
                tx.execute("update job_checkpoint set tries = tries - 1 where run = ? and is_done = 0 and tries > 0", (run,))
            return to

        try:
            return await self._database.write(work)
        except LeaseLostError:
            return None

    async def give_back(self, run: str, lease: str) -> None:
        """End an attempt because the site stops in good order: nothing is counted against anybody."""
        now = self._now()

        def work(tx: Connection) -> None:
            if move_run(tx, self._events, run, JobState.ACCEPTED, now=now, lease=lease):
                tx.execute("update job_checkpoint set tries = tries - 1 where run = ? and is_done = 0 and tries > 0", (run,))

        await self._database.write(work)

    async def add_usage(self, run: str, usage: Usage, *, check: CheckUsage | None = None) -> Failure | None:
        """Add what an attempt has taken, under way or ended, well or not.

        *check* is asked, in the same transaction, whether the run may go on; what it answers is returned.
        """

        def work(tx: Connection) -> Failure | None:
            tx.execute(
                "update job_run set cpu_seconds = cpu_seconds + ?, peak_memory_bytes = max(peak_memory_bytes, ?) where id = ?",
                (usage.cpu_seconds, usage.peak_memory_bytes, run),
            )
            return None if check is None else check(tx, run)

        return await self._database.write(work)

    def _now(self) -> int:
        return to_microseconds(self._clock.now())


def _get(tx: Connection, run: str) -> Run:
    return read_run(tx.execute(f"select {RUN_COLUMNS} from job_run where id = ?", (run,)).fetchone())


def _get_checkpoint(tx: Connection, run: str, name: str) -> Checkpoint:
    row = tx.execute(
        "select name, tries, is_done, result, failure from job_checkpoint where run = ? and name = ?", (run, name)
    ).fetchone()
    return read_checkpoint(row)


def append_lines(tx: Connection, run: str, lines: Sequence[LogEntry], *, now: int) -> None:
    """Append to the log of a run, as `RunJournal.append_log` does."""
    (last,) = tx.execute("select coalesce(max(number), 0) from job_log where run = ?", (run,)).fetchone()
    room = list(lines)[: max(0, LOG_LINES - last)]
    if last + len(room) == LOG_LINES and room:
        room[-1] = LogEntry("warning", "The log is full; what follows is not kept.")
    tx.executemany(
        "insert into job_log(run, number, at, level, message, details) values (?, ?, ?, ?, ?, ?)",
        [
            (run, last + i, now, each.level, each.message[:_MESSAGE_CHARACTERS], _write_details(each.details))
            for i, each in enumerate(room, 1)
        ],
    )


def _write_details(details: JsonObject | None) -> str | None:
    text = None if details is None else orjson.dumps(details)
    return None if text is None or len(text) > _DETAILS_BYTES else text.decode()


def check_lease(tx: Connection, run: str, lease: str) -> None:
    """Go on only for the attempt that holds a run.

    Raises
    ------
    LeaseLostError
        Another does, or none.
    """
    row = tx.execute("select 1 from job_run where id = ? and lease = ? and state = 'running'", (run, lease)).fetchone()
    if row is None:
        raise LeaseLostError(run)


def _touch(tx: Connection, run: str, lease: str, now: int) -> None:
    """Check the lease and note that the attempt got something done."""
    touched = tx.execute(
        "update job_run set active_at = :now where id = :run and lease = :lease and state = 'running'",
        {"now": now, "run": run, "lease": lease},
    )
    if touched.rowcount != 1:
        raise LeaseLostError(run)
