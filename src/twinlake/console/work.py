"""The pages on jobs."""

from urllib.parse import quote

from twinlake.core.clock import from_microseconds
from twinlake.core.documents import JsonObject
from twinlake.identity.principals import Caller
from twinlake.jobs.models import Job, JobState
from twinlake.jobs.service import Jobs

_PAGE = 50
_TONES = {
    JobState.ACCEPTED: "warn",
    JobState.RUNNING: "warn",
    JobState.SUCCESSFUL: "good",
    JobState.FAILED: "bad",
    JobState.DISMISSED: "bad",
}


class WorkBench:
    """Reads the caller's jobs for their pages; operators see everybody's."""

    def __init__(self, *, jobs: Jobs) -> None:
        self._jobs = jobs

    async def list_jobs(self, caller: Caller, before: str | None, path: str) -> JsonObject:
        """Return the rows of the list, newest first, and the address of what is older."""
        jobs = await self._jobs.list_jobs(caller, limit=_PAGE, before=before)
        more = f"{path}?before={quote(jobs[-1].id)}" if len(jobs) == _PAGE else None
        return {"jobs": [_describe(job) for job in jobs], "more": more}

    async def show(self, caller: Caller, job: str) -> JsonObject:
        """Return what a job's page shows."""
        found = await self._jobs.get(caller, job)
        log = await self._jobs.list_log(caller, job)
        results = await self._jobs.get_results(caller, job) if found.has_result else {}
        return {
            **_describe(found),
            "total": found.progress.total,
            "done": found.progress.done,
            "ended": found.state.is_final,
            "error": _write_error(found),
            "rows": results.get("files", []),
            "log": "\n".join(f"{from_microseconds(line.at):%H:%M:%S} {line.level:7} {line.message}" for line in log),
        }


def _describe(job: Job) -> JsonObject:
    progress = job.progress
    total = "" if progress.total is None else f" of {progress.total}"
    return {
        "id": job.id,
        "kind": job.kind,
        "state": job.state.value,
        "tone": _TONES[job.state],
        "progress": f"{progress.done}{total} {progress.unit} {progress.message}".strip(),
        "when": f"{from_microseconds(job.created_at):%Y-%m-%d %H:%M} UTC",
    }


def _write_error(job: Job) -> str | None:
    if job.error is None:
        return None
    return f"{job.error.message} {job.error.remedy or ''}".strip()
