"""The outermost layer: gives a request its id, sees what becomes of it, and tells log, metrics and ledger."""

from collections.abc import Callable
from contextlib import suppress

from starlette.requests import ClientDisconnect
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.typing import FilteringBoundLogger

from twinlake.core.clock import Clock
from twinlake.core.ids import new_id
from twinlake.core.randomness import Randomness
from twinlake.engines.web.logs import redact_query
from twinlake.engines.web.metering import Metered
from twinlake.engines.web.metrics import RequestMetrics
from twinlake.engines.web.proxies import TrustedProxies, find_request_id
from twinlake.engines.web.trace import RequestTrace
from twinlake.engines.web.zerocopy import ZERO_COPY_SEND

RequestListener = Callable[[RequestTrace], None]
"""Told of every finished request."""

_AGENT_LENGTH = 120
# A document that a site hands out must not act with the site's origin: no scripts, no frames (the console sends its own).
_DEFAULT_POLICY = (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'; sandbox")
_ALWAYS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"strict-origin-when-cross-origin"),
)
_HTTPS_ONLY = (b"strict-transport-security", b"max-age=31536000")


class Observer:
    """Wraps a whole site."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        clock: Clock,
        randomness: Randomness,
        log: FilteringBoundLogger,
        metrics: RequestMetrics,
        proxies: TrustedProxies,
        max_body_bytes: int,
        on_finished: RequestListener,
    ) -> None:
        self.app = app
        self._clock = clock
        self._randomness = randomness
        self._log = log
        self._metrics = metrics
        self._proxies = proxies
        self._max_body_bytes = max_body_bytes
        self._on_finished = on_finished

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began = self._clock.monotonic()
        trace = self._begin(scope)
        extra = _extra_headers(scope, trace)
        has_body = trace.method != "HEAD"  # what an application gives as the body of a HEAD is not sent

        async def observe(message: Message) -> None:
            kind = message["type"]
            if kind == "http.response.start":
                trace.status = message["status"]
                headers = message.get("headers", ())
                policy = () if _DEFAULT_POLICY[0] in dict(headers) else (_DEFAULT_POLICY,)
                message["headers"] = [*headers, *extra, *policy]
            elif kind == "http.response.body" and has_body:
                trace.bytes_out += len(message.get("body", b""))
            elif kind == ZERO_COPY_SEND and has_body:
                trace.bytes_out += message["count"]
            await send(message)

        metered = Metered(self.app(scope, receive, observe))  # type: ignore[arg-type]  # every application is a coroutine function
        try:
            # A client that went away before or while it was answered is no failure of ours.
            with suppress(ClientDisconnect):
                await metered
        finally:
            trace.cpu_seconds = metered.cpu_seconds
            trace.seconds = self._clock.monotonic() - began
            self._finish(scope, trace)

    def _begin(self, scope: Scope) -> RequestTrace:
        client, trusted = self._proxies.client_of(scope)
        given = find_request_id(scope["headers"]) if trusted else None
        trace = RequestTrace(
            request_id=given or new_id(self._clock, self._randomness),
            client=client,
            log=self._log,
            max_body_bytes=self._max_body_bytes,
            method=scope["method"],
            path=scope["path"],
        )
        scope.setdefault("state", {})["trace"] = trace
        return trace

    def _finish(self, scope: Scope, trace: RequestTrace) -> None:
        route = scope.get("route")
        if isinstance(route, Route):
            trace.route = scope.get("root_path", "") + route.path
        if trace.collection is None:
            trace.collection = scope.get("path_params", {}).get("collection")
        self._metrics.count(trace)
        self._on_finished(trace)
        self._log.info(
            "request",
            request_id=trace.request_id,
            ticket=trace.ticket if trace.status >= 400 else None,
            method=trace.method,
            path=trace.path,
            query=redact_query(scope["query_string"]),
            route=trace.route,
            status=trace.status,
            bytes_out=trace.bytes_out,
            seconds=round(trace.seconds, 6),
            cpu_seconds=round(trace.cpu_seconds, 6),
            client=trace.client,
            principal=trace.principal,
            agent=_agent_of(scope),
        )


def _extra_headers(scope: Scope, trace: RequestTrace) -> tuple[tuple[bytes, bytes], ...]:
    headers = ((b"x-request-id", trace.request_id.encode()), *_ALWAYS)
    return (*headers, _HTTPS_ONLY) if scope["scheme"] == "https" else headers


def _agent_of(scope: Scope) -> str | None:
    for name, value in scope["headers"]:
        if name == b"user-agent":
            agent: str = value[:_AGENT_LENGTH].decode("latin-1")
            return agent
    return None
