"""The one state machine of runs and their requests, checked in SQL."""

from typing import Any
from urllib.parse import quote

import orjson

from twinlake.engines.database import Connection
from twinlake.events.interfaces import EventWriter, NewEvent
from twinlake.jobs.models import Failure, JobState

MOVES: dict[JobState, frozenset[JobState]] = {
    JobState.ACCEPTED: frozenset({JobState.RUNNING, JobState.FAILED, JobState.DISMISSED}),
    JobState.RUNNING: frozenset({JobState.ACCEPTED, JobState.SUCCESSFUL, JobState.FAILED, JobState.DISMISSED}),
    JobState.SUCCESSFUL: frozenset(),
    JobState.FAILED: frozenset(),
    JobState.DISMISSED: frozenset(),
}
"""Which state may follow which. A running run that crashed or was given back is accepted again."""

_MOVE_RUN = """
update job_run set state = :to, updated_at = :now,
  started_at = coalesce(started_at, case when :to = 'running' then :now end),
  finished_at = case when :to in ('successful', 'failed', 'dismissed') then :now end,
  lease = case when :to = 'running' then lease end,
  lease_until = case when :to = 'running' then lease_until end
where id = :run and state in (select value from json_each(:before)) and (:lease is null or lease = :lease)
"""
_MOVE_REQUESTS = """
update job_request set state = :to, updated_at = :now,
  started_at = coalesce(started_at, case when :to = 'running' then :now end),
  finished_at = case when :to in ('successful', 'failed', 'dismissed') then :now end
where run = :run and state in ('accepted', 'running')
returning id, owner, kind
"""


def move_run(
    tx: Connection,
    events: EventWriter,
    run: str,
    to: JobState,
    *,
    now: int,
    lease: str | None = None,
    error: Failure | None = None,
) -> bool:
    """Bring *run* and the requests that wait for it to state *to*, with an event for each request.

    Parameters
    ----------
    lease
        The lease that the mover must hold; None where the state alone decides.

    Returns
    -------
    bool
        False, with nothing changed, if the run is in no state that *to* may follow or the lease is another's.
    """
    before = orjson.dumps([state for state, after in MOVES.items() if to in after]).decode()
    values: dict[str, Any] = {"run": run, "to": to, "now": now, "before": before, "lease": lease}
    if tx.execute(_MOVE_RUN, values).rowcount != 1:
        return False
    moved = tx.execute(_MOVE_REQUESTS, {"run": run, "to": to, "now": now}).fetchall()
    events.append(tx, [job_event(job, owner, kind, to, error) for job, owner, kind in moved])
    return True


def dismiss_request(tx: Connection, events: EventWriter, job: str, *, now: int) -> bool:
    """Dismiss one request, and its run if no other request waits for it; False if the request has ended."""
    dismissed = tx.execute(
        "update job_request set state = 'dismissed', updated_at = :now, finished_at = :now"
        " where id = :job and state in ('accepted', 'running') returning run, owner, kind",
        {"job": job, "now": now},
    ).fetchall()
    if not dismissed:
        return False
    run, owner, kind = dismissed[0]
    events.append(tx, [job_event(job, owner, kind, JobState.DISMISSED, None)])
    waiting = tx.execute("select 1 from job_request where run = ? and state in ('accepted', 'running')", (run,)).fetchone()
    if waiting is None:
        move_run(tx, events, run, JobState.DISMISSED, now=now)
    return True


def job_event(job: str, owner: str, kind: str, state: JobState, error: Failure | None) -> NewEvent:
    """Describe a request that has come to *state*; its owner may read it."""
    data: dict[str, Any] = {"job": job, "kind": kind, "status": state}
    if error is not None:
        data["error"] = {"code": error.code, "message": error.message, "remedy": error.remedy}
    return NewEvent(
        type=f"eu.twinlake.job.{state}", subject=f"jobs/{quote(job, safe='')}", domain=f"principal:{owner}", data=data
    )
