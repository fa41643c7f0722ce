"""Rows of the journal as values."""

from typing import Any

import orjson

from twinlake.core.documents import JsonObject
from twinlake.jobs.models import Checkpoint, Failure, Job, JobState, LogLine, Progress, Run, Usage

JOB_COLUMNS = """
q.id, q.owner, q.project, q.collection, q.api, q.kind, q.state, q.run, q.cost, q.quota_reservation,
q.created_at, q.started_at, q.finished_at, max(q.updated_at, case when q.state = r.state then r.updated_at else 0 end),
r.done, r.total, r.unit, r.message, r.attempts, r.cpu_seconds, r.peak_memory_bytes, r.result is not null, r.error, q.joined
"""
RUN_COLUMNS = "id, kind, owner, state, attempts, failures, lease, lease_until, active_at, attempt_started_at"


def read_job(row: tuple[Any, ...]) -> Job:
    """Read one row of `JOB_COLUMNS`.

    A dismissed request shows no outcome of a run that went on for others, and one that joined a run not what that took.
    """
    state, joined = JobState(row[6]), row[23]
    ended_with_run = state is not JobState.DISMISSED
    return Job(
        id=row[0],
        owner=row[1],
        project=row[2],
        collection=row[3],
        api=row[4],
        kind=row[5],
        state=state,
        run=row[7],
        cost=row[8],
        quota_reservation=row[9],
        created_at=row[10],
        started_at=row[11],
        finished_at=row[12],
        updated_at=row[13],
        progress=Progress(row[14], row[15], row[16], row[17]),
        attempts=row[18] if joined is None else 0,
        usage=Usage(row[19], row[20]) if joined is None else Usage(),
        has_result=bool(row[21]) and ended_with_run,
        error=read_failure(row[22]) if ended_with_run else None,
        joined=None if joined is None else JobState(joined),
    )


def read_run(row: tuple[Any, ...]) -> Run:
    """Read one row of `RUN_COLUMNS`."""
    return Run(
        id=row[0],
        kind=row[1],
        owner=row[2],
        state=JobState(row[3]),
        attempts=row[4],
        failures=row[5],
        lease=row[6],
        lease_until=row[7],
        active_at=row[8],
        attempt_started_at=row[9],
    )


def read_checkpoint(row: tuple[Any, ...]) -> Checkpoint:
    """Read name, tries, is_done, result and failure."""
    return Checkpoint(row[0], row[1], bool(row[2]), read_document(row[3]), read_failure(row[4]))


def read_log_line(row: tuple[Any, ...]) -> LogLine:
    """Read number, at, level, message and details."""
    return LogLine(row[0], row[1], row[2], row[3], read_document(row[4]))


def read_document(text: str | None) -> JsonObject | None:
    """Parse a JSON object that may be absent."""
    if text is None:
        return None
    document: JsonObject = orjson.loads(text)
    return document


def read_failure(text: str | None) -> Failure | None:
    """Parse what `write_failure` wrote."""
    return None if text is None else Failure(**orjson.loads(text))


def write_failure(failure: Failure) -> str:
    """Write a failure as JSON."""
    return orjson.dumps(failure).decode()
