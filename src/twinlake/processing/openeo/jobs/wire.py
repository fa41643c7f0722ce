"""Batch jobs as JSON, in and out.

Source: https://api.openeo.org/1.2.0/#tag/Batch-Jobs
"""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from twinlake.core.clock import from_microseconds, to_text
from twinlake.core.documents import JsonObject
from twinlake.core.errors import InvalidInputError
from twinlake.jobs.models import Failure, Job, JobState, LogLine
from twinlake.processing.openeo.graphs import read_graph_of
from twinlake.processing.openeo.jobs.models import Draft, SeenJob
from twinlake.processing.openeo.quotas.tariff import Tariff, read_budget
from twinlake.processing.openeo.reporting import LEVELS
from twinlake.processing.openeo.tiles.usage import TileUsage
from twinlake.standards.openeo.errors import ProcessInvalidError, PropertyNotEditableError

STATUS = {
    JobState.ACCEPTED: "queued",
    JobState.RUNNING: "running",
    JobState.SUCCESSFUL: "finished",
    JobState.FAILED: "error",
    JobState.DISMISSED: "canceled",
}
_SHARED = {JobState.SUCCESSFUL: "was taken", JobState.ACCEPTED: "is waited for", JobState.RUNNING: "is waited for"}
DEFAULT_LOG_LEVEL = "info"
END = "end"
"""Id of the last entry of a log: why the job failed."""
_OURS = frozenset({"id", "status", "progress", "created", "updated", "queued", "started", "finished", "costs", "usage", "links"})
"""Members of a job that are not for clients to set."""
_FREEZE, _CREATION = "freeze", "creation"
_MOST_BYTES = 64 << 10
"""Of a job without its process: lists show it."""


def read_new(body: JsonObject) -> Draft:
    """Return a job that was sent in.

    Raises
    ------
    ProcessInvalidError, ProcessGraphMissingError, BillingPlanInvalidError, BudgetInvalidError, InvalidInputError
        A member is missing, or is not what it must be.
    """
    document = {name: value for name, value in body.items() if name not in _OURS and value is not None}
    return _check(document.pop("process", None), document)


def change(document: JsonObject, body: JsonObject) -> Draft:
    """Return a job with the changes of *body*: null takes a member away.

    Raises
    ------
    PropertyNotEditableError
        A member is not for clients to set.
    ProcessInvalidError, ProcessGraphMissingError, BillingPlanInvalidError, BudgetInvalidError, InvalidInputError
        As `read_new`.
    """
    if ours := sorted(_OURS & body.keys()):
        raise PropertyNotEditableError(f"'{ours[0]}' cannot be changed.")
    changed = {**document, **body}
    changed = {name: value for name, value in changed.items() if value is not None or name == "process"}
    if "process" not in changed:
        return Draft(process=None, document=_check_document(changed))
    return _check(changed.pop("process"), changed)


def _check(process: object, document: JsonObject) -> Draft:
    if not isinstance(process, dict):
        raise ProcessInvalidError("There is no 'process'.", remedy='Send {"process": {"process_graph": {...}}}.')
    read_graph_of(process)
    return Draft(process=orjson.dumps(process), document=_check_document(document))


def _check_document(document: JsonObject) -> JsonObject:
    if len(orjson.dumps(document)) > _MOST_BYTES:
        raise InvalidInputError(f"What is said of the job beside its process takes more than {_MOST_BYTES >> 10} KiB.")
    for name in ("title", "description"):
        if not isinstance(document.get(name, ""), str):
            raise InvalidInputError(f"'{name}' must be a text.")
    if document.get("log_level", DEFAULT_LOG_LEVEL) not in LEVELS:
        raise InvalidInputError(f"'log_level' must be one of {', '.join(LEVELS)}.")
    options = document.get("job_options", {})
    if not isinstance(options, dict):
        raise InvalidInputError("'job_options' must be an object.")
    if options.get(_FREEZE, _CREATION) != _CREATION:
        message = f"'{_FREEZE}' of 'job_options' can only be '{_CREATION}': what is loaded is looked for when the job is made."
        raise InvalidInputError(message, remedy="Leave it out, and it is looked for when the job is started.")
    read_budget(document)
    return document


def freezes_when_made(document: JsonObject) -> bool:
    """Whether what a job loads is what there is when it is made, and not when it is started."""
    return _FREEZE in document.get("job_options", {})


def status_of(seen: SeenJob) -> str:
    """Return the status of a job: one that was cancelled before there was any result is as if it had not been started."""
    if seen.work is None:
        return "created"
    if seen.work.state is JobState.DISMISSED and not seen.batch.has_results:
        return "created"
    return STATUS[seen.work.state]


def write_job(seen: SeenJob, *, root: str, tariff: Tariff | None, process: bytes | None = None) -> JsonObject:
    """Write a job for `orjson`, with its process or, for lists, without that and all that is no single value.

    Parameters
    ----------
    root
        URL of the API, without a slash at the end.
    """
    batch, work, status = seen.batch, seen.work, status_of(seen)
    kept = batch.document
    if process is None:
        kept = {name: value for name, value in kept.items() if not isinstance(value, dict | list)}
    updated = max(batch.updated_at, 0 if work is None else work.updated_at)
    document: JsonObject = {
        **kept,
        "id": batch.id,
        "status": status,
        "created": instant(batch.created_at),
        "updated": instant(updated),
    }
    if work is not None and status != "created":
        document |= {
            "progress": progress_of(work),
            "queued": instant(work.created_at),
            "started": instant(work.started_at),
            "finished": instant(work.finished_at),
            "usage": usage_of(seen),
            "costs": _price(work, tariff),
            "twinlake:note": tell_of_sharing(work),
        }
    if process is not None:
        document["process"] = orjson.Fragment(process)
        document["links"] = _links(seen, f"{root}/jobs/{batch.id}")
    return {name: value for name, value in document.items() if value is not None}


def progress_of(work: Job) -> float:
    """Say how far the work is or, after its end, was: 0 to 100."""
    if work.state is JobState.SUCCESSFUL:
        return 100
    if work.state is JobState.ACCEPTED or not work.progress.total:
        return 0
    return min(99.9, round(100 * work.progress.done / work.progress.total, 1))


def usage_of(seen: SeenJob) -> JsonObject:
    """Return what a job has taken so far; what its child takes is known when that has ended, and is of one job alone."""
    work = seen.work
    if work is None:
        return {}
    usage: JsonObject = {"storage": {"value": seen.batch.stored_bytes, "unit": "b"}}
    if work.joined is not None:
        return {"cpu": {"value": 0, "unit": "cpu-seconds"}, **usage}
    if work.usage.cpu_seconds:
        usage["cpu"] = {"value": round(work.usage.cpu_seconds, 3), "unit": "cpu-seconds"}
    if work.usage.peak_memory_bytes:  # known when its child has ended
        usage["memory"] = {"value": work.usage.peak_memory_bytes, "unit": "b"}
    if seen.batch.tiles is not None:
        taken = TileUsage.sum(each.usage for each in seen.batch.tiles.chains)
        usage["pixels"] = {"value": taken.pixels, "unit": "pixels"}
        usage["read"] = {"value": taken.read_bytes, "unit": "b"}
        usage["unpacked"] = {"value": seen.batch.tiles.raw_bytes, "unit": "b"}
    if work.started_at is not None and work.finished_at is not None:
        usage["duration"] = {"value": round((work.finished_at - work.started_at) / 1e6, 3), "unit": "seconds"}
    return usage


def _price(work: Job, tariff: Tariff | None) -> float | None:
    """Return what a job costs; None where nothing does, or it is not known yet."""
    if tariff is None or (work.joined is None and not work.usage.cpu_seconds):
        return None
    return tariff.price(work.usage.cpu_seconds)


def tell_of_sharing(work: Job) -> str | None:
    """Say of a job that has the result of an equal one why it takes nothing; of whom and when that was is nobody's business."""
    if work.joined is None:
        return None
    return f"The result of an equal job {_SHARED.get(work.state, 'was waited for')}."


def _links(seen: SeenJob, url: str) -> list[JsonObject]:
    links = []
    if seen.work is not None:
        links.append({"rel": "monitor", "href": f"{url}/logs", "type": "application/json", "title": "Log"})
    if seen.batch.has_results:
        links.append({"rel": "result", "href": f"{url}/results", "type": "application/json", "title": "Results"})
    return links


def levels_from(level: str) -> Sequence[str]:
    """Return the levels that are at least as grave as *level*.

    Raises
    ------
    InvalidInputError
        It is none.
    """
    if level not in LEVELS:
        raise InvalidInputError(f"There is no level {level[:40]!r}.", remedy=f"Levels are: {', '.join(LEVELS)}.")
    return LEVELS[: LEVELS.index(level) + 1]


def write_log_line(line: LogLine) -> JsonObject:
    """Write one entry of a log."""
    return {
        **(line.details or {}),
        "id": str(line.number),
        "level": line.level,
        "message": line.message,
        "time": instant(line.at),
    }


def write_end(failure: Failure, finished_at: int | None) -> JsonObject:
    """Write why a job failed as the last entry of its log."""
    message = failure.message if failure.remedy is None else f"{failure.message} {failure.remedy}"
    end: dict[str, Any] = {"id": END, "code": failure.code, "level": "error", "message": message, "time": instant(finished_at)}
    return {name: value for name, value in end.items() if value is not None}


def instant(microseconds: int | None) -> str | None:
    """Write an instant."""
    return None if microseconds is None else to_text(from_microseconds(microseconds))


def write_estimate(told: Mapping[str, Any], tariff: Tariff | None) -> JsonObject:
    """Write what a job will take, as openEO has it; figures that it has no place for stand beside."""
    likely = told["cpu_seconds"]["likely"]
    document: JsonObject = {
        "duration": f"PT{max(round(likely), 1)}S",
        "size": round(told["result_bytes"]["likely"]),
        "twinlake:estimate": dict(told),
    }
    return document if tariff is None else {**document, "costs": tariff.price(likely)}
