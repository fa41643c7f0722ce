"""`/jobs` over HTTP."""

from collections.abc import Sequence
from typing import Any

import msgspec
import orjson
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute

from twinlake.core.documents import JsonObject
from twinlake.core.errors import InvalidInputError
from twinlake.core.paging import TokenSeal
from twinlake.engines.web.openapi import OPERATIONS_DOCUMENT
from twinlake.identity.principals import Caller
from twinlake.identity.web import guarded
from twinlake.jobs.bodies import read_body
from twinlake.jobs.service import Jobs
from twinlake.jobs.watching import JobWatcher
from twinlake.jobs.wire import write_job, write_log_line

_PAGE = 50
_LONGEST_PAGE = 1000


class JobBody(msgspec.Struct, forbid_unknown_fields=True):
    """The body of ``POST /jobs``; each kind checks its own specification."""

    kind: str
    spec: dict[str, Any]
    project: str | None = None


def routes(*, jobs: Jobs, watcher: JobWatcher, seal: TokenSeal, public_url: str) -> Sequence[BaseRoute]:
    """Declare the routes of `/jobs`."""
    api = _JobApi(jobs, watcher, seal, public_url.rstrip("/"))
    return [
        guarded("/jobs", api.create, methods=["POST"], action="run", name="create_job"),
        guarded("/jobs", api.list_jobs, methods=["GET"], action="run"),
        guarded("/jobs/{job}", api.show, methods=["GET"], action="run", name="show_job"),
        guarded("/jobs/{job}", api.cancel, methods=["DELETE"], action="run", name="cancel_job"),
        guarded("/jobs/{job}/logs", api.logs, methods=["GET"], action="run", name="list_job_log"),
        guarded("/jobs/{job}/results", api.results, methods=["GET"], action="run", name="get_job_results"),
        guarded("/jobs/{job}/events", api.events, methods=["GET"], action="run", name="watch_job"),
    ]


class _JobApi:
    def __init__(self, jobs: Jobs, watcher: JobWatcher, seal: TokenSeal, public_url: str) -> None:
        self._jobs = jobs
        self._watcher = watcher
        self._seal = seal
        self._public_url = public_url

    async def create(self, request: Request) -> Response:
        body = await read_body(request, JobBody)
        job = await self._jobs.submit(request.state.caller, body.kind, body.spec, project=body.project)
        document = write_job(job, base_url=self._public_url)
        return _answer(document, 201, {"Location": f"{self._public_url}/jobs/{job.id}"})

    async def list_jobs(self, request: Request) -> Response:
        caller: Caller = request.state.caller
        limit, before = _read_limit(request), self._read_token(request, caller)
        found = await self._jobs.list_jobs(caller, limit=limit, before=before)
        links = [
            {"rel": "self", "href": f"{self._public_url}/jobs", "type": "application/json"},
            {"rel": "service-desc", "href": self._public_url + OPERATIONS_DOCUMENT, "type": "application/json"},
        ]
        if len(found) == limit:
            token = self._seal.seal(found[-1].id.encode(), _binding(caller))
            next_url = f"{self._public_url}/jobs?limit={limit}&token={token}"
            links.append({"rel": "next", "href": next_url, "type": "application/json"})
        return _answer({"jobs": [write_job(job, base_url=self._public_url) for job in found], "links": links})

    async def show(self, request: Request) -> Response:
        job = await self._jobs.get(request.state.caller, request.path_params["job"])
        return _answer(write_job(job, base_url=self._public_url))

    async def cancel(self, request: Request) -> Response:
        job = await self._jobs.cancel(request.state.caller, request.path_params["job"])
        return _answer(write_job(job, base_url=self._public_url))

    async def logs(self, request: Request) -> Response:
        after = _read_number(request, "after", 0)
        lines = await self._jobs.list_log(request.state.caller, request.path_params["job"], after=after)
        return _answer({"logs": [write_log_line(line) for line in lines]})

    async def results(self, request: Request) -> Response:
        return _answer(await self._jobs.get_results(request.state.caller, request.path_params["job"]))

    async def events(self, request: Request) -> Response:
        caller, job = request.state.caller, request.path_params["job"]
        await self._jobs.get(caller, job)  # what it raises must become a status, not the end of a stream
        states = self._watcher.watch(caller, job)

        async def write() -> Any:
            async for state in states:
                yield b": still here\n\n" if state is None else _sse(write_job(state, base_url=self._public_url))

        return StreamingResponse(write(), media_type="text/event-stream", headers={"Cache-Control": "no-store"})

    def _read_token(self, request: Request, caller: Caller) -> str | None:
        token = request.query_params.get("token")
        return None if token is None else self._seal.open(token, _binding(caller)).decode()


def _binding(caller: Caller) -> bytes:
    return b"jobs|" + caller.key.encode()


def _read_limit(request: Request) -> int:
    limit = _read_number(request, "limit", _PAGE)
    if limit < 1:
        raise InvalidInputError("The limit must be at least 1.", remedy=f"Ask for 1 to {_LONGEST_PAGE} on a page.")
    return min(limit, _LONGEST_PAGE)


def _read_number(request: Request, name: str, default: int) -> int:
    text = request.query_params.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 16):
        raise InvalidInputError(
            f"{name}={text[:40]!r} is not a number.", remedy=f"Write a whole number in digits, such as {name}=10."
        )
    return int(text)


def _answer(document: JsonObject, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(orjson.dumps(document), status, {"Cache-Control": "no-store", **(headers or {})}, "application/json")


def _sse(document: JsonObject) -> bytes:
    """Write one event of a stream (HTML living standard, 9.2)."""
    return b"event: status\ndata: " + orjson.dumps(document) + b"\n\n"
