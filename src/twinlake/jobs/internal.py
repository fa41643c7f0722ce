"""What children may ask of the site, at its Unix socket only: `/internal/runs/{run}/…`.

Each attempt has a secret that its child alone knows; a request that does not carry the secret of the attempt
which holds the run is refused, so a child that was given up changes nothing any more.
"""

from collections.abc import Awaitable, Callable, Collection, Sequence
from datetime import timedelta

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from twinlake.core.errors import TwinlakeError, UnauthenticatedError
from twinlake.jobs.bodies import read_body
from twinlake.jobs.models import Failure, LogEntry, Progress, Run
from twinlake.jobs.runs import RunJournal
from twinlake.jobs.supervisor import lease_of

ChildEndpoint = Callable[[Request, Run, str], Awaitable[Response]]
"""A request of a child, the run that it holds and the lease it holds it by."""


class _Log(msgspec.Struct, forbid_unknown_fields=True):
    lines: list[LogEntry]


class _Begin(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    patience_seconds: float = 0.0


class _Finish(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    result: dict[str, object]


class RunRoutes:
    """Declares routes of children."""

    def __init__(self, journal: RunJournal) -> None:
        self._journal = journal

    def route(self, path: str, endpoint: ChildEndpoint, *, methods: Collection[str]) -> BaseRoute:
        """Declare ``/internal/runs/{run}`` + *path* for the attempt that holds the run, and nobody else."""

        async def admit(request: Request) -> Response:
            scheme, _, secret = request.headers.get("authorization", "").partition(" ")
            if scheme != "Bearer" or not secret:
                raise UnauthenticatedError("A child must send the secret of its attempt.")
            lease = lease_of(secret)
            return await endpoint(request, await self._journal.get_held(request.path_params["run"], lease), lease)

        return Route("/internal/runs/{run}" + path, admit, methods=methods)


def internal_app(journal: RunJournal, more: Sequence[BaseRoute] = ()) -> Starlette:
    """Build the sub-app of the child protocol; kinds of jobs add routes of their own, made by `RunRoutes`."""
    calls = _Calls(journal)
    own = RunRoutes(journal)
    return Starlette(
        routes=[
            own.route("/spec", calls.spec, methods=["GET"]),
            own.route("/heartbeat", calls.heartbeat, methods=["POST"]),
            own.route("/progress", calls.progress, methods=["POST"]),
            own.route("/log", calls.log, methods=["POST"]),
            own.route("/begin", calls.begin, methods=["POST"]),
            own.route("/checkpoint", calls.checkpoint, methods=["POST"]),
            own.route("/result", calls.result, methods=["POST"]),
            own.route("/failure", calls.failure, methods=["POST"]),
            *more,
        ],
        exception_handlers={TwinlakeError: answer_error},
    )


class _Calls:
    def __init__(self, journal: RunJournal) -> None:
        self._journal = journal

    async def spec(self, _request: Request, run: Run, _lease: str) -> Response:
        return JSONResponse({"kind": run.kind, "spec": await self._journal.get_spec(run.id), "attempts": run.attempts})

    async def heartbeat(self, _request: Request, run: Run, lease: str) -> Response:
        await self._journal.heartbeat(run.id, lease)
        return _DONE

    async def progress(self, request: Request, run: Run, lease: str) -> Response:
        await self._journal.set_progress(run.id, lease, await read_body(request, Progress))
        return _DONE

    async def log(self, request: Request, run: Run, lease: str) -> Response:
        await self._journal.append_log(run.id, (await read_body(request, _Log)).lines, lease=lease)
        return _DONE

    async def begin(self, request: Request, run: Run, lease: str) -> Response:
        body = await read_body(request, _Begin)
        patience = timedelta(seconds=body.patience_seconds)
        checkpoint = await self._journal.begin(run.id, lease, body.name, patience=patience)
        return Response(msgspec.json.encode(checkpoint), media_type="application/json")

    async def checkpoint(self, request: Request, run: Run, lease: str) -> Response:
        body = await read_body(request, _Finish)
        await self._journal.finish(run.id, lease, body.name, body.result)
        return _DONE

    async def result(self, request: Request, run: Run, lease: str) -> Response:
        await self._journal.succeed(run.id, lease, await read_body(request, dict[str, object]))
        return _DONE

    async def failure(self, request: Request, run: Run, lease: str) -> Response:
        await self._journal.fail(run.id, lease, await read_body(request, Failure))
        return _DONE


_DONE = Response(status_code=204)


async def answer_error(_request: Request, error: Exception) -> Response:
    """Tell a child what went wrong."""
    assert isinstance(error, TwinlakeError)  # the only class that this handler is registered for
    return JSONResponse({"code": error.code, "detail": error.message, "remedy": error.remedy}, error.status)
