"""The event log: one sequence for the site, one contiguous sequence per stream, written with the change.

It is the outbox that every channel reads: what is committed with a change is announced, what is rolled back never was.
"""

from collections.abc import Sequence

import orjson

from twinlake.core.clock import Clock, to_microseconds
from twinlake.engines.database import Connection
from twinlake.events.interfaces import EventRange, NewEvent

_TAKE_SITE_NUMBERS = """
update event_log set next_seq = next_seq + :count, last_time = max(last_time, :now)
returning next_seq - :count, last_time
"""
_TAKE_STREAM_NUMBERS = """
insert into event_stream(type, domain, next_number) values (:type, :domain, 1 + :count)
on conflict (type, domain) do update set next_number = next_number + :count
returning id, next_number - :count
"""
_INSERT = """
insert into event(seq, count, stream, number, time, subject, data, starts_at, source, first)
values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""


class EventLog:
    """Numbers and keeps events; implements `EventWriter`."""

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock

    def append(self, tx: Connection, events: Sequence[NewEvent | EventRange]) -> None:
        if not events:
            return
        total = sum(event.count if isinstance(event, EventRange) else 1 for event in events)
        now = to_microseconds(self._clock.now())
        [(seq, time)] = tx.execute(_TAKE_SITE_NUMBERS, {"count": total, "now": now}).fetchall()
        rows = []
        for event in events:
            count = event.count if isinstance(event, EventRange) else 1
            taken = {"type": event.type, "domain": event.domain, "count": count}
            [(stream, number)] = tx.execute(_TAKE_STREAM_NUMBERS, taken).fetchall()
            rows.append((seq, count, stream, number, time, *_content(event)))
            seq += count
        tx.executemany(_INSERT, rows)


def _content(event: NewEvent | EventRange) -> tuple[str | None, str | None, int | None, str | None, int | None]:
    if isinstance(event, EventRange):
        return None, None, None, event.source, event.first
    return event.subject, orjson.dumps(event.data).decode(), event.starts_at, None, None
