"""Keeps batch jobs, whatever becomes of their runs."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import msgspec
import orjson

from twinlake.core.clock import Clock, to_microseconds
from twinlake.core.errors import ConflictError
from twinlake.core.ids import new_id
from twinlake.core.randomness import Randomness
from twinlake.engines.database import Connection, Database
from twinlake.jobs.models import Job, LogEntry
from twinlake.jobs.runs import append_lines
from twinlake.processing.openeo.jobs.models import BatchJob, Draft
from twinlake.processing.openeo.jobs.results import drop_assets
from twinlake.processing.openeo.quotas.models import Need
from twinlake.processing.openeo.tiles.usage import RunUsage
from twinlake.standards.openeo.errors import JobNotFoundError, StorageQuotaExceededError

_MOST_BYTES = 64 << 20
"""Of all descriptions of one owner."""
_COLUMNS = """
id, owner, document, revision, request, run,
(select coalesce(sum(size_bytes), 0) from openeo_asset_file f where f.run = j.run),
exists (select 1 from openeo_asset a where a.run = j.run), created_at, updated_at,
(select tiles from openeo_charge c where c.run = j.run)
"""
_FORGOTTEN = """
select id from openeo_job j where updated_at < :before
  and (request is null or not exists (select 1 from job_request where id = j.request)) limit :limit
"""


_NEED = "(select json_extract(spec, '$.need') from job_request where id = openeo_job.request)"


class JobChangedError(ConflictError):
    """Somebody has changed the job since it was read."""

    code = "job-changed"

    def __init__(self, job: str) -> None:
        super().__init__(f"Job {job!r} was changed meanwhile.", remedy="Look at it again.")


class JobStore:
    """Keeps them; each belongs to its owner and is seen by nobody else."""

    def __init__(self, *, database: Database, clock: Clock, randomness: Randomness) -> None:
        self._database = database
        self._clock = clock
        self._randomness = randomness

    async def create(self, owner: str, draft: Draft) -> str:
        """Keep a new job, which has a process; return its id.

        Raises
        ------
        StorageQuotaExceededError
            The owner's jobs have no more room.
        """
        job, now, text = new_id(self._clock, self._randomness), self._now(), orjson.dumps(draft.document)

        def work(tx: Connection) -> None:
            tx.execute(
                "insert into openeo_job(id, owner, process, document, frozen, created_at, updated_at)"
                " values (?, ?, ?, ?, ?, ?, ?)",
                (job, owner, draft.process, text, draft.frozen, now, now),
            )
            _require_room(tx, owner)

        await self._database.write(work)
        return job

    async def get(self, owner: str | None, job: str) -> BatchJob:
        """Return a job; *owner* None is who may see everybody's.

        Raises
        ------
        JobNotFoundError
            There is none, or it is another's.
        """
        return await self._database.read(lambda tx: _get(tx, owner, job))

    async def get_process(self, job: str) -> bytes:
        """Return the process of a job, in JSON. Raises JobNotFoundError as all of these."""
        return bytes(await self._read_one("process", job))

    async def get_frozen(self, job: str) -> bytes | None:
        """Return what a job calls and loads, where it has frozen that."""
        frozen: bytes | None = await self._read_one("frozen", job)
        return frozen

    async def get_run(self, job: str) -> str | None:
        """Return the run of a job, whoever's; None where it was never started."""
        run: str | None = await self._read_one("run", job)
        return run

    async def get_need(self, job: str) -> Need | None:
        """Return what it was told that a job takes, when it was last started; None where that was not known, or never."""
        text: str | None = await self._read_one(_NEED, job)
        return None if text is None else msgspec.json.decode(text, type=Need)

    async def _read_one(self, column: str, job: str) -> Any:
        row = await self._database.read(lambda tx: tx.execute(f"select {column} from openeo_job where id = ?", (job,)).fetchone())
        if row is None:
            raise _not_found(job)
        return row[0]

    async def list_jobs(self, owner: str, *, limit: int, before: str | None) -> list[BatchJob]:
        """Return up to *limit* jobs, newest first, older than the job *before*."""
        rows = await self._database.read(
            lambda tx: tx.execute(
                f"select {_COLUMNS} from openeo_job j where owner = :owner and (:before is null or id < :before)"
                " order by id desc limit :limit",
                {"owner": owner, "before": before, "limit": limit},
            ).fetchall()
        )
        return [_read(row) for row in rows]

    async def list_titles(self, works: Sequence[Job]) -> dict[str, str]:
        """Return the titles of the jobs that are done by *works*, by the ids of these; those without a title are left out."""
        query = (
            "select request, title from"
            " (select request, run, json_extract(cast(document as text), '$.title') as title from openeo_job)"
            " where run in (select value from json_each(:runs)) and request in (select value from json_each(:works))"
            " and title is not null"
        )
        named = {"runs": [work.run for work in works], "works": [work.id for work in works]}
        values = {name: orjson.dumps(listed).decode() for name, listed in named.items()}
        return dict(await self._database.read(lambda tx: tx.execute(query, values).fetchall()))

    async def edit(self, seen: BatchJob, draft: Draft) -> None:
        """Make a job another one. Raises JobChangedError where it is not as it was *seen*, as all below."""
        document = orjson.dumps(draft.document)
        values = {"process": draft.process, "document": document, "frozen": draft.frozen, "now": self._now()}
        changes = "process = coalesce(:process, process), document = :document, frozen = :frozen, updated_at = :now"

        def work(tx: Connection) -> None:
            _change(tx, seen, changes, **values)
            _require_room(tx, seen.owner)

        await self._database.write(work)

    def note_start(self, tx: Connection, seen: BatchJob, work: Job) -> None:
        """Write, with the request *work*, that a job is begun anew; what it had made before goes, if it is no other job's."""
        _change(tx, seen, "request = :request, run = :run", request=work.id, run=work.run)
        if seen.run is not None:
            drop_assets(tx, seen.run)

    def note_stop(self, tx: Connection, seen: BatchJob, log: Sequence[LogEntry]) -> None:
        """Write that a job is cancelled, and *log* into the log of its run.

        It keeps what it has made, but leaves a run that others wait for to them.
        """
        append_lines(tx, seen.run or "", log, now=self._now())
        query = (
            "update openeo_job set run = null where id = :id and run = :run"
            " and exists (select 1 from openeo_job where run = :run and id != :id)"
        )
        tx.execute(query, {"id": seen.id, "run": seen.run})

    async def delete(self, seen: BatchJob, *, noted: Callable[[Connection], None]) -> None:
        """Forget a job and what it has made, if that is no other job's; *noted* is done with it."""

        def work(tx: Connection) -> None:
            _change(tx, seen, "updated_at = updated_at")
            tx.execute("delete from openeo_job where id = ?", (seen.id,))
            if seen.run is not None:
                drop_assets(tx, seen.run)
            noted(tx)

        await self._database.write(work)

    def drop_before(self, tx: Connection, instant: datetime, *, limit: int) -> int:
        """Drop at most *limit* jobs that nobody has touched since *instant* and whose run, if any, the journal has dropped."""
        values = {"before": to_microseconds(instant), "limit": limit}
        return tx.execute(f"delete from openeo_job where id in ({_FORGOTTEN})", values).rowcount

    def _now(self) -> int:
        return to_microseconds(self._clock.now())


def _get(tx: Connection, owner: str | None, job: str) -> BatchJob:
    row = tx.execute(f"select {_COLUMNS} from openeo_job j where id = ?", (job,)).fetchone()
    if row is None or (owner is not None and row[1] != owner):
        raise _not_found(job)
    return _read(row)


def _read(row: tuple[Any, ...]) -> BatchJob:
    return BatchJob(
        id=row[0],
        owner=row[1],
        document=orjson.loads(row[2]),
        revision=row[3],
        request=row[4],
        run=row[5],
        stored_bytes=row[6],
        has_results=bool(row[7]),
        tiles=None if row[10] is None else msgspec.json.decode(row[10], type=RunUsage),
        created_at=row[8],
        updated_at=row[9],
    )


def _change(tx: Connection, seen: BatchJob, changes: str, **values: object) -> None:
    query = f"update openeo_job set revision = revision + 1, {changes} where id = :id and revision = :revision"
    if tx.execute(query, {"id": seen.id, "revision": seen.revision, **values}).rowcount != 1:
        raise JobChangedError(seen.id)


def _not_found(job: str) -> JobNotFoundError:
    return JobNotFoundError(f"You have no job {job[:80]!r}.")


def _require_room(tx: Connection, owner: str) -> None:
    query = "select sum(length(process) + length(document) + coalesce(length(frozen), 0)) from openeo_job where owner = ?"
    (taken,) = tx.execute(query, (owner,)).fetchone()
    if taken > _MOST_BYTES:
        raise StorageQuotaExceededError(
            f"The descriptions of your jobs take more than {_MOST_BYTES >> 20} MiB.", remedy="Delete jobs that are not needed."
        )
