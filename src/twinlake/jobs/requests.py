"""The journal as users of jobs see it: make a request, look at it, cancel it."""

import hashlib
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime

import orjson

from twinlake.core.clock import Clock, to_microseconds
from twinlake.core.documents import JsonObject
from twinlake.core.ids import new_id
from twinlake.core.randomness import Randomness
from twinlake.engines.database import Connection, Database
from twinlake.events.interfaces import EventWriter
from twinlake.jobs.errors import JobFinishedError, JobNotFoundError
from twinlake.jobs.models import Job, JobKind, JobState, LogLine
from twinlake.jobs.rows import JOB_COLUMNS, read_document, read_job, read_log_line
from twinlake.jobs.states import dismiss_request, job_event

_FROM = "from job_request q join job_run r on r.id = q.run"
_LEFT_RUNS = """
select id from job_run r where finished_at < :before and not exists (select 1 from job_request where run = r.id)
  and not exists (select 1 from job_run where parent = r.id) order by finished_at limit :limit
"""
_OF_LEFT_RUNS = f"from ({_LEFT_RUNS}) left_run cross join"
# What hangs on a run goes before it, so that no batch is longer than its limit.
_DROPS = (
    """
    delete from job_request where id in
      (select id from job_request where finished_at < :before order by finished_at limit :limit)
    """,
    f"""
    delete from job_log where (run, number) in
      (select l.run, l.number {_OF_LEFT_RUNS} job_log l on l.run = left_run.id limit :limit)
    """,
    f"""
    delete from job_checkpoint where (run, name) in
      (select c.run, c.name {_OF_LEFT_RUNS} job_checkpoint c on c.run = left_run.id limit :limit)
    """,
    f"delete from job_run where id in ({_LEFT_RUNS})",
)


_TOLD_OF_JOINED = {
    JobState.ACCEPTED: "An equal result is asked for already: it is waited for.",
    JobState.RUNNING: "An equal result is being made already: it is waited for.",
    JobState.SUCCESSFUL: "An equal result was there: it was taken, and nothing was done.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class NewJob:
    """A request as it comes in, its specification already checked."""

    owner: str
    kind: str
    spec: JsonObject
    api: str = "jobs"
    project: str | None = None
    collection: str | None = None
    """The collection that it is about."""
    priority: int = 0


Noted = Callable[[Connection, Job, JsonObject], None]
"""Takes a request that is being written, and its specification as it will be run."""


class RequestJournal:
    """Keeps requests. Every change is durable, with its event, before the caller is answered."""

    def __init__(self, *, database: Database, events: EventWriter, clock: Clock, randomness: Randomness) -> None:
        self._database = database
        self._events = events
        self._clock = clock
        self._randomness = randomness

    async def submit(self, new: NewJob, kind: JobKind, *, noted: Noted | None = None) -> Job:
        """Write a request and the run that will fulfil it, or join one of equal content, where its kind shares runs.

        A run that has succeeded already fulfils the request at once.
        What *noted* writes about the request is written with it or, where it raises, neither is.
        """
        job, run = new_id(self._clock, self._randomness), new_id(self._clock, self._randomness)
        now = self._now()
        spec = orjson.dumps(new.spec, option=orjson.OPT_SORT_KEYS).decode()
        key = _content_key(kind, new.spec)

        def work(tx: Connection) -> Job:
            joined = _find_run(tx, kind, key)
            if joined is None:
                tx.execute(
                    "insert into job_run(id, kind, spec, content_key, owner, priority, state, not_before, created_at, updated_at)"
                    " values (?, ?, ?, ?, ?, ?, 'accepted', ?, ?, ?)",
                    (run, kind.name, spec, key, new.owner, new.priority, now, now, now),
                )
            shared_run, state = joined or (run, "accepted")
            tx.execute(
                "insert into job_request(id, owner, project, collection, api, kind, spec, state, run, created_at, started_at,"
                " finished_at, updated_at, joined) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    job,
                    new.owner,
                    new.project,
                    new.collection,
                    new.api,
                    kind.name,
                    spec,
                    state,
                    shared_run,
                    now,
                    now if state != "accepted" else None,
                    now if state == "successful" else None,
                    now,
                    None if joined is None else state,
                ),
            )
            self._events.append(tx, [job_event(job, new.owner, kind.name, JobState(state), None)])
            made = _get(tx, job, None)
            if noted is not None:
                noted(tx, made, new.spec)
            return made

        return await self._database.write(work)

    async def get(self, job: str, *, owner: str | None) -> Job:
        """Return a request; *owner* None sees everybody's.

        Raises
        ------
        JobNotFoundError
            There is none, or it is another's.
        """
        return await self._database.read(lambda tx: _get(tx, job, owner))

    async def find_all(self, jobs: Collection[str]) -> dict[str, Job]:
        """Return those of *jobs* that there are, whoever's, by id."""
        text = orjson.dumps(list(jobs)).decode()
        rows = await self._database.read(
            lambda tx: tx.execute(
                f"select {JOB_COLUMNS} {_FROM} where q.id in (select value from json_each(?))", (text,)
            ).fetchall()
        )
        return {row[0]: read_job(row) for row in rows}

    async def list_jobs(self, *, owner: str | None, limit: int, before: str | None = None) -> list[Job]:
        """Return up to *limit* requests, newest first, older than the request *before*."""
        rows = await self._database.read(
            lambda tx: tx.execute(
                f"select {JOB_COLUMNS} {_FROM} where (:owner is null or q.owner = :owner)"
                " and (:before is null or q.id < :before) order by q.id desc limit :limit",
                {"owner": owner, "before": before, "limit": limit},
            ).fetchall()
        )
        return [read_job(row) for row in rows]

    async def get_result(self, job: str, *, owner: str | None) -> JsonObject | None:
        """Return the result of a request; None while there is none, and for one that was dismissed."""

        def work(tx: Connection) -> str | None:
            found = _get(tx, job, owner)
            if not found.has_result:
                return None
            [text] = tx.execute("select result from job_run where id = ?", (found.run,)).fetchone()
            return str(text)

        return read_document(await self._database.read(work))

    async def cancel(self, job: str, *, owner: str | None, noted: Callable[[Connection], None] | None = None) -> Job:
        """Dismiss a request; its run ends too when no other request waits for it. What *noted* writes is written with it.

        Raises
        ------
        JobNotFoundError
        JobFinishedError
            It has ended otherwise. Dismissing twice is no error.
        """
        now = self._now()

        def work(tx: Connection) -> Job:
            found = _get(tx, job, owner)
            if not dismiss_request(tx, self._events, job, now=now) and found.state is not JobState.DISMISSED:
                raise JobFinishedError(job, found.state)
            if noted is not None:
                noted(tx)
            return _get(tx, job, owner)

        return await self._database.write(work)

    async def list_log(
        self, job: str, *, owner: str | None, after: int = 0, levels: Collection[str] | None = None, limit: int = 1000
    ) -> list[LogLine]:
        """Return log lines of a request's run with numbers above *after*, oldest first; None of *levels* is all of them.

        What a child wrote to its error output (level ``stderr``) may tell of the site's inside: owners do not see it. A request
        that joined a run has one line, which says so: the run's own are for whoever it was made for.
        """
        wanted = None if levels is None else orjson.dumps(list(levels)).decode()

        def work(tx: Connection) -> list[LogLine]:
            found = _get(tx, job, owner)
            if found.joined is not None:
                line = LogLine(1, found.created_at, "info", _TOLD_OF_JOINED[found.joined])
                return [line] if after < line.number and (levels is None or line.level in levels) else []
            rows = tx.execute(
                "select number, at, level, message, details from job_log where run = :run and number > :after"
                " and (:owner is null or level != 'stderr')"
                " and (:levels is null or level in (select value from json_each(:levels))) order by number limit :limit",
                {"run": found.run, "after": after, "owner": owner, "levels": wanted, "limit": limit},
            )
            return [read_log_line(row) for row in rows.fetchall()]

        return await self._database.read(work)

    def forget(self, tx: Connection, job: str) -> None:
        """Let a request that has ended, and its run after it, go with the next that are dropped, before their time."""
        tx.execute(
            "update job_run set finished_at = 0 where finished_at is not null"
            " and id = (select run from job_request where id = ?)",
            (job,),
        )
        tx.execute("update job_request set finished_at = 0 where id = ? and finished_at is not null", (job,))

    def drop_before(self, tx: Connection, instant: datetime, *, limit: int) -> int:
        """Drop at most *limit* rows of what finished before *instant*; return how many.

        A run goes with its log and checkpoints after the last request for it and after the runs that it began.
        """
        values = {"before": to_microseconds(instant), "limit": limit}
        return next((dropped for drop in _DROPS if (dropped := tx.execute(drop, values).rowcount)), 0)

    def _now(self) -> int:
        return to_microseconds(self._clock.now())


def _get(tx: Connection, job: str, owner: str | None) -> Job:
    row = tx.execute(f"select {JOB_COLUMNS} {_FROM} where q.id = ?", (job,)).fetchone()
    if row is None or (owner is not None and row[1] != owner):
        raise JobNotFoundError(job)
    return read_job(row)


def stop_sharing(tx: Connection, run: str) -> None:
    """Let no request join a run from now on: what it came to is not kept any more."""
    tx.execute("update job_run set content_key = '' where id = ?", (run,))


def _content_key(kind: JobKind, spec: JsonObject) -> str:
    """Return what stands for what the run comes to; empty where it is shared with nobody."""
    content = None if kind.content is None else kind.content(spec)
    return "" if content is None else hashlib.sha256(f"{kind.name}\n{content}".encode()).hexdigest()


def _find_run(tx: Connection, kind: JobKind, key: str) -> tuple[str, str] | None:
    """Return a run that may be joined, and its state."""
    row: tuple[str, str] | None = tx.execute(
        "select id, state from job_run where kind = ? and content_key = ? and content_key != ''"
        " and state in ('accepted', 'running', 'successful') limit 1",
        (kind.name, key),
    ).fetchone()
    return row
