"""No answer before the decision that led to it is durable."""

from contextlib import suppress

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from twinlake.core.errors import TwinlakeError
from twinlake.engines.web.trace import trace_of
from twinlake.identity.audit import AuditLog


class AuditBeforeAnswer:
    """Wraps a whole site, from outside of what gives requests their ids."""

    def __init__(self, app: ASGIApp, *, audit: AuditLog) -> None:
        self.app = app
        self._audit = audit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                # A disk that is full or has failed must not keep a refusal, or a page, from who asked; the next flush reports it.
                with suppress(TwinlakeError):
                    await self._audit.make_durable(trace_of(scope).request_id)
            await send(message)

        await self.app(scope, receive, answer)
