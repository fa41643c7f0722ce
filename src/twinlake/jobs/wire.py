"""Jobs as JSON: the ``statusInfo`` of OGC API - Processes 1.0 (18-062r2, 7.12) with members of our own."""

from twinlake.core.clock import from_microseconds, to_text
from twinlake.core.documents import JsonObject
from twinlake.jobs.models import Failure, Job, LogLine


def write_job(job: Job, *, base_url: str) -> JsonObject:
    """Write one job; *base_url* is the site's public URL without a slash at the end."""
    url = f"{base_url}/jobs/{job.id}"
    links = [
        {"rel": "self", "href": url, "type": "application/json"},
        {"rel": "logs", "href": f"{url}/logs", "type": "application/json"},
        {"rel": "monitor", "href": f"{url}/events", "type": "text/event-stream"},
    ]
    if job.has_result:
        rel = "http://www.opengis.net/def/rel/ogc/1.0/results"
        links.append({"rel": rel, "href": f"{url}/results", "type": "application/json"})
    document: JsonObject = {
        "jobID": job.id,
        "processID": job.kind,
        "type": "process",
        "status": job.state.value,
        "message": job.error.message if job.error is not None else job.progress.message,
        "progress": _percent(job),
        "created": _instant(job.created_at),
        "started": _instant(job.started_at),
        "finished": _instant(job.finished_at),
        "updated": _instant(job.updated_at),
        "owner": job.owner,
        "project": job.project,
        "collection": job.collection,
        "api": job.api,
        "attempts": job.attempts,
        "steps": {"done": job.progress.done, "total": job.progress.total, "unit": job.progress.unit},
        "usage": {"cpu_seconds": round(job.usage.cpu_seconds, 3), "peak_memory_bytes": job.usage.peak_memory_bytes},
        "error": None if job.error is None else write_failure(job.error),
        "links": links,
    }
    return {name: value for name, value in document.items() if value is not None}


def write_failure(failure: Failure) -> JsonObject:
    """Write why something ended badly."""
    return {"code": failure.code, "detail": failure.message, "remedy": failure.remedy}


def write_log_line(line: LogLine) -> JsonObject:
    """Write one entry of a log."""
    entry = {"id": str(line.number), "time": _instant(line.at), "level": line.level, "message": line.message}
    node = line.node
    return entry if node is None else {**entry, "node": node}


def _percent(job: Job) -> int | None:
    """Say how far a job is, 0 to 100; None where that is not known."""
    if job.progress.total is None:
        return None
    return 100 if job.progress.total == 0 else min(100, 100 * job.progress.done // job.progress.total)


def _instant(microseconds: int | None) -> str | None:
    return None if microseconds is None else to_text(from_microseconds(microseconds))
