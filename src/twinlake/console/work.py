"""The pages on jobs."""

from urllib.parse import quote

from twinlake.console.addresses import Addresses
from twinlake.core.clock import from_microseconds
from twinlake.core.counting import count_of
from twinlake.core.documents import JsonObject
from twinlake.core.sizes import write_size
from twinlake.identity.principals import Caller
from twinlake.jobs.models import Job, JobState, LogLine
from twinlake.jobs.service import Jobs
from twinlake.processing.openeo.jobs.store import JobStore

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

    def __init__(self, *, jobs: Jobs, batches: JobStore, addresses: Addresses) -> None:
        self._jobs = jobs
        self._batches = batches
        self._addresses = addresses

    async def list_jobs(self, caller: Caller, before: str | None) -> JsonObject:
        """Return the rows of the list, newest first, and the address of what is older."""
        jobs = await self._jobs.list_jobs(caller, limit=_PAGE, before=before)
        more = f"{self._addresses.root}/jobs?before={quote(jobs[-1].id)}" if len(jobs) == _PAGE else None
        titles = await self._batches.list_titles(jobs)
        rows = [{**describe_work(job), "title": titles.get(job.id), "error": explain_end(job)} for job in jobs]
        return {"jobs": rows, "more": more, "is_live": any(not job.state.is_final for job in jobs)}

    async def show(self, caller: Caller, job: str) -> JsonObject:
        """Return what a job's page shows.

        Raises
        ------
        JobNotFoundError
            There is none, or it is another's.
        """
        found = await self._jobs.get(caller, job)
        result = await self._jobs.get_results(caller, job) if found.has_result else {}
        return {
            **describe_work(found),
            "title": (await self._batches.list_titles([found])).get(job),
            "error": explain_end(found),
            "facts": list_facts(found),
            "rows": self._list_rows(result),
            "log": [describe_line(line) for line in await self._jobs.list_log(caller, job)],
        }

    async def cancel(self, caller: Caller, job: str) -> None:
        """Dismiss a job; raises what `Jobs.cancel` raises."""
        await self._jobs.cancel(caller, job)

    def _list_rows(self, result: JsonObject) -> list[JsonObject]:
        """Return the rows of an ingest's report; none for other kinds of results."""
        collection = result.get("collection", "")
        return [
            {
                "file": row["file"],
                "outcome": row["outcome"],
                "item": row.get("item"),
                "href": self._addresses.item(collection, row["item"]) if row.get("item") and not result["dry_run"] else None,
                "reason": " ".join(filter(None, (row.get("reason"), row.get("remedy")))),
            }
            for row in result.get("files", [])
        ]


def describe_work(job: Job) -> JsonObject:
    """Return how far a job is, as lists and pages show it."""
    progress = job.progress
    return {
        "id": job.id,
        "kind": job.kind,
        "collection": job.collection,
        "state": job.state.value,
        "tone": _TONES[job.state],
        "is_final": job.state.is_final,
        "done": progress.done,
        "total": progress.total,
        "steps": count_of(progress.done, progress.total, progress.unit) if progress.unit else "",
        "message": progress.message,
        "when": f"{from_microseconds(job.created_at):%Y-%m-%d %H:%M} UTC",
    }


def list_facts(job: Job) -> list[tuple[str, str]]:
    """Return what else is known of a job, with names."""
    facts = [("Asked for", _write_instant(job.created_at)), ("By", job.owner.rpartition("|")[2])]
    if job.collection:
        facts.append(("Collection", job.collection))
    if job.started_at is not None:
        facts.append(("Started", _write_instant(job.started_at)))
    if job.finished_at is not None:
        facts.append(("Ended", _write_instant(job.finished_at)))
    if job.attempts > 1:
        facts.append(("Attempts", str(job.attempts)))
    if job.usage.cpu_seconds:
        facts.append(("Took", f"{job.usage.cpu_seconds:.1f} s of CPU{_write_peak(job.usage.peak_memory_bytes)}"))
    return facts


def _write_peak(size_bytes: int) -> str:
    """Write the most memory that a job has taken, which is known when its child has ended."""
    return f", at most {write_size(size_bytes)} of memory" if size_bytes else ""


def _write_instant(microseconds: int) -> str:
    return f"{from_microseconds(microseconds):%Y-%m-%d %H:%M:%S} UTC"


def describe_line(line: LogLine) -> JsonObject:
    """Return an entry of a log: its number, and its text with the node of the graph that it is of, if there is one."""
    node = "" if line.node is None else f"{line.node}: "
    return {
        "number": line.number,
        "text": f"{from_microseconds(line.at):%H:%M:%S} {line.level:7} {node}{line.message}",
    }


def explain_end(job: Job) -> str | None:
    """Return why a job has failed and what to do; None where it has not."""
    if job.error is None:
        return None
    return f"{job.error.message} {job.error.remedy or ''}".strip()
