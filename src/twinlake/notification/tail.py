"""The end of the event log, read and rendered once for all who follow it live."""

import asyncio
from bisect import bisect_right
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cached_property

from twinlake.engines.database import Database
from twinlake.events.log import EventLog
from twinlake.events.models import Event
from twinlake.events.rendering import EventIds, EventRenderer

TICK_SECONDS = 15.0
"""Followers are woken at least this often, to say that the line is alive."""
_PAUSE_SECONDS = 0.02
"""Commits that come closer together are announced together: many followers, each woken, cost more than a late word."""
_READ_AT_ONCE = 500
_KEPT_EVENTS = 4096
_KEPT_BYTES = 16 << 20


class Frame:
    """An event and how it is written in a stream (https://html.spec.whatwg.org/multipage/server-sent-events.html)."""

    def __init__(self, event: Event, *, renderer: EventRenderer, ids: EventIds) -> None:
        self.event = event
        self._renderer = renderer
        self._ids = ids

    @cached_property
    def counted(self) -> bytes:
        """With the number in its stream."""
        return self._write(counted=True)

    @cached_property
    def uncounted(self) -> bytes:
        """Without, for readers under an embargo."""
        return self._write(counted=False)

    def _write(self, *, counted: bool) -> bytes:
        body = self._renderer.to_json(self.event, counted=counted)
        return b"id: %b\ndata: %b\n\n" % (self._ids.of(self.event.seq).encode(), body)


class EventTail:
    """Keeps the last events in memory, up to a limit, for followers who are up to date.

    A follower holds nothing but a position: who is slow finds it no longer in memory and reads from the log,
    at its own pace, until it has caught up.
    """

    def __init__(
        self, *, database: Database, log: EventLog, renderer: EventRenderer, ids: EventIds, closing: asyncio.Event
    ) -> None:
        self._database = database
        self._log = log
        self._renderer = renderer
        self._ids = ids
        self._closing = closing
        self._frames: list[Frame] = []
        self._bytes = 0
        self._from = self._through = -1
        self._is_stale = True
        self._followers = 0
        self._wake = asyncio.Event()
        self._told = asyncio.Event()

    @property
    def is_closing(self) -> bool:
        """Whether the site is going down."""
        return self._closing.is_set()

    async def run(self) -> None:
        """Read what is committed, until the site is closing."""
        stop = self._database.on_commit(self._wake.set)
        closing = asyncio.create_task(self._closing.wait())
        closing.add_done_callback(lambda _: self._wake.set())
        try:
            while not self.is_closing:
                with suppress(TimeoutError):
                    async with asyncio.timeout(TICK_SECONDS):
                        await self._wake.wait()
                self._wake.clear()
                if self._followers:
                    await self._advance()
                self._tell()
                await asyncio.sleep(_PAUSE_SECONDS)
        finally:
            stop()
            closing.cancel()
            self._tell()

    @contextmanager
    def following(self) -> Iterator[None]:
        """Keep the tail in memory for the length of the block."""
        if not self._followers:
            self._is_stale = True
            self._wake.set()
        self._followers += 1
        try:
            yield
        finally:
            self._followers -= 1

    @property
    def followers(self) -> int:
        """How many follow now."""
        return self._followers

    def find_after(self, seq: int, limit: int) -> list[Frame] | None:
        """Return at most *limit* frames that follow *seq*; None if what follows it is not in memory."""
        if not self._from <= seq <= self._through:
            return None
        start = bisect_right(self._frames, seq, key=lambda frame: frame.event.seq)
        return self._frames[start : start + limit]

    def frame(self, event: Event) -> Frame:
        """Write an event that was read from the log."""
        return Frame(event, renderer=self._renderer, ids=self._ids)

    @property
    def news(self) -> asyncio.Event:
        """Set when there may be news, it is time for a sign of life, or the site is closing.

        Take it before looking for frames and wait for it after: what comes in between is not missed.
        """
        return self._told

    def _tell(self) -> None:
        told, self._told = self._told, asyncio.Event()
        told.set()

    async def _advance(self) -> None:
        if self._is_stale:
            self._is_stale = False
            self._begin_at(await self._database.read(self._log.latest_seq))
        through = self._through
        page = await self._database.read(lambda tx: self._log.read(tx, after_seq=through, limit=_READ_AT_ONCE))
        if page.gap is not None:
            self._begin_at(page.gap.through)
        frames = [self.frame(event) for event in page.events]
        self._frames += frames
        self._bytes += sum(len(frame.counted) for frame in frames)
        self._through = page.through
        if len(frames) == _READ_AT_ONCE:
            self._wake.set()
        self._forget()

    def _begin_at(self, seq: int) -> None:
        self._frames.clear()
        self._bytes = 0
        self._from = self._through = seq

    def _forget(self) -> None:
        dropped = 0
        while len(self._frames) - dropped > _KEPT_EVENTS or self._bytes > _KEPT_BYTES:
            self._bytes -= len(self._frames[dropped].counted)
            dropped += 1
        if dropped:
            self._from = self._frames[dropped - 1].event.seq
            del self._frames[:dropped]
