"""No body is read past its limit."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from twinlake.core.errors import TooLargeError
from twinlake.engines.web.trace import RequestTrace, trace_of


class BodyLimit:
    """Refuses to hand an application more of a body than the request's trace allows, announced or sent."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        trace = trace_of(scope)
        announced = _announced_bytes(scope)
        received = 0

        async def receive_within_limit() -> Message:
            nonlocal received
            if announced > trace.max_body_bytes:
                raise _too_large(trace)
            message = await receive()
            received += len(message.get("body", b""))
            if received > trace.max_body_bytes:
                raise _too_large(trace)
            return message

        await self.app(scope, receive_within_limit, send)


def _announced_bytes(scope: Scope) -> int:
    for name, value in scope["headers"]:
        if name == b"content-length":
            return int(value) if value.isdigit() else 0
    return 0


def _too_large(trace: RequestTrace) -> TooLargeError:
    return TooLargeError(
        f"The request's body is larger than {trace.max_body_bytes} bytes.", remedy="Send less at once, or upload it in parts."
    )
