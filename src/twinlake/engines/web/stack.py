"""The middleware of a site in its one right order."""

from collections.abc import Callable, Sequence

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.typing import FilteringBoundLogger

from twinlake.core.clock import Clock
from twinlake.core.randomness import Randomness
from twinlake.engines.web.body_limit import BodyLimit
from twinlake.engines.web.boundary import ErrorBoundary
from twinlake.engines.web.metrics import RequestMetrics
from twinlake.engines.web.observer import Observer, RequestListener
from twinlake.engines.web.problems import Render, render_problem
from twinlake.engines.web.proxies import TrustedProxies

_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_ALLOWED_HEADERS = (
    "Accept", "Authorization", "Content-Type", "If-Match", "If-None-Match", "If-Range", "Last-Event-ID", "Range",
)  # fmt: skip
_EXPOSED_HEADERS = (
    "Accept-Ranges", "Content-Disposition", "Content-Length", "Content-Range", "ETag", "Link", "Location", "OpenEO-Costs",
    "OpenEO-Identifier", "Repr-Digest", "Retry-After", "X-Request-Id",
)  # fmt: skip
_VARIES = (b"vary", b"Origin")


class _Cors(CORSMiddleware):
    """CORS that does next to nothing for a request without an Origin, as nearly all are."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or any(name == b"origin" for name, _ in scope["headers"]):
            await super().__call__(scope, receive, send)
            return

        async def send_varying(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), _VARIES]
            await send(message)

        await self.app(scope, receive, send_varying)


def wrap_site(
    app: ASGIApp,
    *,
    authenticate: Callable[[ASGIApp], ASGIApp],
    clock: Clock,
    randomness: Randomness,
    log: FilteringBoundLogger,
    metrics: RequestMetrics,
    trusted_proxies: Sequence[str] = (),
    cors_origins: Sequence[str] = (),
    max_body_bytes: int,
    on_finished: RequestListener,
    render: Render = render_problem,
) -> ASGIApp:
    """Wrap *app* in everything that its answers share.

    From outside in: the observer (it must see every answer); CORS (browsers must be able to read errors, and ask
    before they have a token); the error boundary, which writes errors by *render*; the body limit; *authenticate*,
    whose refusals are errors like others.
    """
    inner = ErrorBoundary(BodyLimit(authenticate(app)), render=render)
    shared = _Cors(
        inner,
        allow_origins=cors_origins,
        allow_methods=_METHODS,
        allow_headers=_ALLOWED_HEADERS,
        expose_headers=_EXPOSED_HEADERS,
        max_age=86400,
    )
    return Observer(
        shared,
        clock=clock,
        randomness=randomness,
        log=log,
        metrics=metrics,
        proxies=TrustedProxies(trusted_proxies),
        max_body_bytes=max_body_bytes,
        on_finished=on_finished,
    )
