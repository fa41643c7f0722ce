"""Server-Sent Events: the event log as a stream that a reader can leave and come back to.

Standard: https://html.spec.whatwg.org/multipage/server-sent-events.html; each ``data`` is one CloudEvent.
"""

import asyncio
from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing

from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from twinlake.core.clock import Clock
from twinlake.core.errors import OverloadedError
from twinlake.engines.database import Database
from twinlake.events.log import EventLog
from twinlake.events.models import Audience, EventFilter, EventPage, Gap
from twinlake.events.rendering import EventIds, EventRenderer
from twinlake.identity.principals import Caller
from twinlake.notification.asking import StreamRequest
from twinlake.notification.interfaces import AudienceOf
from twinlake.notification.tail import TICK_SECONDS, EventTail, Frame

MOST_STREAMS = 2000
_LIFE_SECONDS = 900.0
"""A stream ends by itself after this time; its reader comes back at once, with a token that is checked anew."""
_RETRY_MILLISECONDS = 2000
_AT_ONCE = 100
_SEND_SECONDS = 60.0
"""Who takes nothing for so long is gone."""
STREAM_HEADERS = {
    "content-type": "text/event-stream; charset=utf-8",
    "cache-control": "no-store, no-transform",
    "x-accel-buffering": "no",
}


class EventStreams:
    """Opens streams of events."""

    def __init__(
        self,
        *,
        database: Database,
        log: EventLog,
        renderer: EventRenderer,
        ids: EventIds,
        tail: EventTail,
        audience_of: AudienceOf,
        clock: Clock,
    ) -> None:
        self._database = database
        self._log = log
        self._renderer = renderer
        self._ids = ids
        self._tail = tail
        self._audience_of = audience_of
        self._clock = clock

    async def open(self, request: StreamRequest, caller: Caller) -> "EventStreamResponse":
        """Return the stream that *request* asks for.

        Raises
        ------
        InvalidInputError
            Its id is none of this site.
        OverloadedError
            Too many streams are open.
        """
        if self._tail.followers >= MOST_STREAMS:
            raise OverloadedError("Too many event streams are open.", remedy="Come back later.", retry_after_seconds=30)
        position = await self._find_start(request)
        return EventStreamResponse(self._follow(position, request.filter, caller))

    async def _find_start(self, request: StreamRequest) -> int:
        if request.from_id is not None:
            return self._ids.open(request.from_id)
        latest, at_date = await self._database.read(
            lambda tx: (
                self._log.latest_seq(tx),
                None if request.from_date is None else self._log.seq_at(tx, request.from_date),
            )
        )
        return latest if at_date is None else at_date

    async def _follow(self, position: int, filter: EventFilter, caller: Caller) -> AsyncGenerator[bytes, None]:  # noqa: A002
        """Write what follows *position*, and then what comes, as long as the site is up and the stream may live."""
        yield b"retry: %d\nid: %b\n\n" % (_RETRY_MILLISECONDS, self._ids.position(position).encode())
        opened = sent = self._clock.monotonic()
        with self._tail.following():
            while not self._tail.is_closing and self._clock.monotonic() - opened < _LIFE_SECONDS:
                news = self._tail.news
                audience = await self._audience_of(caller)
                frames = self._tail.find_after(position, _AT_ONCE)
                if frames is None:
                    page = await self._read(position, filter, audience)
                    text = self._write_gap(page.gap) + _join(map(self._tail.frame, page.events), audience)
                    moved, position = page.through > position or page.gap is not None, page.through
                else:
                    text = _join((f for f in frames if filter.matches(f.event) and audience.may_read(f.event)), audience)
                    moved, position = bool(frames), frames[-1].event.seq if frames else position
                if text:
                    yield text
                    sent = self._clock.monotonic()
                elif self._clock.monotonic() - sent >= TICK_SECONDS:
                    yield b": still here\n\n"
                    sent = self._clock.monotonic()
                if not moved:
                    await news.wait()

    async def _read(self, position: int, filter: EventFilter, audience: Audience) -> EventPage:  # noqa: A002
        return await self._database.read(
            lambda tx: self._log.read(tx, after_seq=position, limit=_AT_ONCE, filter=filter, audience=audience)
        )

    def _write_gap(self, gap: Gap | None) -> bytes:
        if gap is None:
            return b""
        body = self._renderer.gap_to_json(gap, now=self._clock.now())
        return b"id: %b\ndata: %b\n\n" % (self._ids.position(gap.through).encode(), body)


def _join(frames: Iterable[Frame], audience: Audience) -> bytes:
    return b"".join(frame.counted if audience.may_count(frame.event.domain) else frame.uncounted for frame in frames)


class EventStreamResponse(Response):
    """Sends a stream until it ends or its reader is gone; a reader who takes nothing holds one chunk of memory."""

    def __init__(self, chunks: AsyncGenerator[bytes, None]) -> None:
        self._chunks = chunks
        super().__init__(headers=STREAM_HEADERS)
        del self.headers["content-length"]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - the interface of ASGI
        pump = asyncio.create_task(self._pump(send))
        watch = asyncio.create_task(_until_gone(receive))
        try:
            await asyncio.wait({pump, watch}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (pump, watch):
                task.cancel()
            await asyncio.gather(pump, watch, return_exceptions=True)
        if not pump.cancelled() and (error := pump.exception()) is not None:
            raise ClientDisconnect if isinstance(error, TimeoutError) else error

    async def _pump(self, send: Send) -> None:
        async with aclosing(self._chunks) as chunks:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            async for chunk in chunks:
                await _send_in_time(send, {"type": "http.response.body", "body": chunk, "more_body": True})
        await _send_in_time(send, {"type": "http.response.body", "body": b"", "more_body": False})


async def _send_in_time(send: Send, message: Message) -> None:
    async with asyncio.timeout(_SEND_SECONDS):
        await send(message)


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
