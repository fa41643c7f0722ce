"""The line that no exception crosses."""

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Receive, Scope, Send

from twinlake.core.errors import TwinlakeError
from twinlake.engines.web.problems import Render, problem_of, render_problem
from twinlake.engines.web.trace import RequestTrace, trace_of

_CLIENT_GONE = 499  # nginx's number for it; never sent, only logged


class ErrorBoundary:
    """Turns every exception of *app* into an answer in the form of *render*.

    A sub-app that speaks a standard with an error form of its own is wrapped in one:
    ``Mount("/stac/v2", ErrorBoundary(Router(routes), render=render_stac_error))``.
    The traceback of an unexpected exception goes to the log and nowhere else.
    """

    def __init__(self, app: ASGIApp, *, render: Render = render_problem) -> None:
        self.app = app
        self._render = render

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        # Starlette's routers raise on an unknown path or method only where this is set; else they answer in plain text.
        scope.setdefault("app", self)
        try:
            await self.app(scope, receive, send)
        except ClientDisconnect:
            trace_of(scope).status = _CLIENT_GONE
        except Exception as error:  # noqa: BLE001  # this is the place where nothing may pass
            trace = trace_of(scope)
            started = trace.status != 0  # the observer has seen the beginning of an answer
            _report(error, trace, started=started)
            if not started:
                await self._render(scope, problem_of(error, trace))(scope, receive, send)


def _report(error: Exception, trace: RequestTrace, *, started: bool) -> None:
    """Log what a client is not told: unexpected exceptions, and any that cut an answer short."""
    if started or not isinstance(error, TwinlakeError | HTTPException):
        event = "answer cut short" if started else "unexpected error"
        trace.log.error(event, request_id=trace.request_id, ticket=trace.ticket, path=trace.path, exc_info=error)
