"""`/jobs` in the site's OpenAPI document."""

from collections.abc import Mapping

from twinlake.core.documents import JsonObject
from twinlake.engines.web.openapi import (
    COUNT,
    INSTANT,
    TEXT,
    Answer,
    ApiPart,
    exactly,
    list_of,
    operation,
    or_null,
    parameter,
    reference,
    schemas_of,
)
from twinlake.jobs.models import JobState
from twinlake.jobs.routes import JobBody

_TAG = "jobs"

_LOG_LINE = exactly({"id": TEXT, "time": INSTANT, "level": TEXT, "message": TEXT, "node": TEXT}, optional=("node",))


def describe(specs: Mapping[str, type]) -> ApiPart:
    """Describe the routes; *specs* are the structs of specifications, by kind of job."""
    one = [parameter("job", "Id of the job", where="path")]
    job = Answer(description="The job", schema="Job")
    return ApiPart(
        paths={
            "/jobs": {
                "post": operation(
                    "createJob",
                    "Make a job",
                    Answer(description="The job", schema="Job", status=201, headers={"Location": "Address of the job"}),
                    tag=_TAG,
                    body=JobBody.__name__,
                ),
                "get": operation(
                    "listJobs",
                    "List one's own jobs, newest first; operators see everybody's",
                    Answer(description="A page of jobs", schema="JobList"),
                    tag=_TAG,
                    parameters=[
                        parameter("limit", "Size of a page", schema={"type": "integer", "minimum": 1}),
                        parameter("token", "Of a next link"),
                    ],
                ),
            },
            "/jobs/{job}": {
                "parameters": one,
                "get": operation("showJob", "Show a job", job, tag=_TAG),
                "delete": operation("cancelJob", "Cancel a job that has not ended", job, tag=_TAG),
            },
            "/jobs/{job}/logs": {
                "parameters": one,
                "get": operation(
                    "listJobLog",
                    "Read the log of a job",
                    Answer(description="Up to 1000 lines", schema="JobLog"),
                    tag=_TAG,
                    parameters=[parameter("after", "Number of the last line that is known", schema=COUNT)],
                ),
            },
            "/jobs/{job}/results": {
                "parameters": one,
                "get": operation(
                    "getJobResults",
                    "Get the result of a successful job",
                    Answer(description="As its kind has it", schema="JobResults"),
                    tag=_TAG,
                ),
            },
            "/jobs/{job}/events": {
                "parameters": one,
                "get": operation(
                    "watchJob",
                    "Follow a job until it has ended",
                    Answer(
                        description="Server-sent events named status, each with the job as its data",
                        schema="EventStream",
                        media_type="text/event-stream",
                    ),
                    tag=_TAG,
                ),
            },
        },
        schemas=_schemas(specs),
    )


def _schemas(specs: Mapping[str, type]) -> JsonObject:
    bodies = schemas_of(JobBody, *specs.values())
    new_job = bodies[JobBody.__name__]
    new_job["properties"]["kind"]["enum"] = sorted(specs)
    new_job["properties"]["spec"] = {"anyOf": [reference(spec.__name__) for spec in specs.values()]}
    return {
        **bodies,
        "Job": exactly(
            {
                "jobID": TEXT,
                "processID": TEXT,
                "type": {"const": "process"},
                "status": {"enum": [state.value for state in JobState]},
                "message": TEXT,
                "progress": {"type": "integer", "minimum": 0, "maximum": 100},
                "created": INSTANT,
                "started": INSTANT,
                "finished": INSTANT,
                "updated": INSTANT,
                "owner": TEXT,
                "project": TEXT,
                "collection": TEXT,
                "api": TEXT,
                "attempts": COUNT,
                "steps": exactly({"done": COUNT, "total": or_null(COUNT), "unit": TEXT}),
                "usage": exactly({"cpu_seconds": {"type": "number"}, "peak_memory_bytes": COUNT}),
                "error": exactly({"code": TEXT, "detail": TEXT, "remedy": or_null(TEXT)}),
                "links": list_of(reference("Link")),
            },
            optional=("progress", "started", "finished", "project", "collection", "error"),
        ),
        "Link": exactly({"rel": TEXT, "href": {"type": "string", "format": "uri"}, "type": TEXT}),
        "JobList": exactly({"jobs": list_of(reference("Job")), "links": list_of(reference("Link"))}),
        "JobLog": exactly({"logs": list_of(_LOG_LINE)}),
        "JobResults": {"type": "object"},
        "EventStream": TEXT,
    }
