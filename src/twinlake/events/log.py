"""The event log: one sequence for the site, one contiguous sequence per stream, written with the change.

It is the outbox that every channel reads: what is committed with a change is announced, what is rolled back never was.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime

import orjson

from twinlake.core.clock import Clock, to_microseconds
from twinlake.engines.database import Connection
from twinlake.events.interfaces import EventRange, NewEvent
from twinlake.events.models import (
    COLLECTION_DOMAIN,
    EVERY_EVENT,
    GONE,
    UNLIMITED,
    Audience,
    Event,
    EventFilter,
    EventPage,
    Expander,
    Gap,
)

_WINDOW = 50_000
"""How many numbers one read looks at, at most, whatever the filter lets through."""
_LOSS = 1 << 32
"""How many numbers are skipped after a restore: more than a site can have given away since the backup."""
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
# The cross join keeps the log the outer table: its order is the answer's, and no sort is needed.
_READ = """
select seq, count, type, domain, number, time, subject, data, starts_at, source, first
from event cross join event_stream on event_stream.id = event.stream
where seq >= coalesce((select max(seq) from event where seq <= :start), :start) and seq < :end and seq + count > :start
and (:types is null or type in (select value from json_each(:types)))
and (:domains is null or domain in (select value from json_each(:domains)))
order by seq limit :limit
"""
_LAST_BEFORE = "select seq + count - 1 from event where seq < ? order by seq desc limit 1"
_Row = tuple[int, int, str, str, int, int, str | None, str | None, int | None, str | None, int | None]


class EventLog:
    """Numbers, keeps and reads events; implements `EventWriter`.

    Passes `twinlake.testing.event_log.EventLogContract`.
    """

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock
        self._expanders: dict[str, Expander] = {}

    def register_expander(self, source: str, expand: Expander) -> None:
        """Let *expand* write out the ranges whose `EventRange.source` is *source*."""
        self._expanders[source] = expand

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

    def latest_seq(self, tx: Connection) -> int:
        """Return the number in the site of the last event; 0 before the first."""
        [(next_seq,)] = tx.execute("select next_seq from event_log").fetchall()
        return int(next_seq) - 1

    def seq_at(self, tx: Connection, instant: datetime) -> int:
        """Return the number after which the events of *instant* and later begin.

        Where events of that time have been dropped it lies before them, so that reading from it tells of the gap.
        """
        when = to_microseconds(instant)
        [(next_seq, dropped_through, dropped_time)] = tx.execute(
            "select next_seq, dropped_through, dropped_time from event_log"
        ).fetchall()
        if dropped_through and when <= dropped_time:
            return int(dropped_through) - 1
        [(first,)] = tx.execute(
            "select coalesce((select seq from event where time >= ? order by time, seq limit 1), ?)", (when, next_seq)
        ).fetchall()
        return int(first) - 1

    def read(
        self,
        tx: Connection,
        *,
        after_seq: int,
        limit: int,
        filter: EventFilter = EVERY_EVENT,  # noqa: A002 - the word of the domain
        audience: Audience = UNLIMITED,
    ) -> EventPage:
        """Return what follows *after_seq*: at most *limit* events, and maybe fewer although more follow.

        Read on after `EventPage.through` until it is `latest_seq`. A position that this log never gave
        out (of a database that was set back) is answered with a gap as well.
        """
        [(next_seq, last_time, dropped_through, dropped_time)] = tx.execute(
            "select next_seq, last_time, dropped_through, dropped_time from event_log"
        ).fetchall()
        gap = None
        if after_seq < dropped_through:
            gap = Gap(dropped_through, dropped_time)
        elif after_seq >= next_seq:
            gap = Gap(next_seq - 1, last_time)
        after_seq = after_seq if gap is None else gap.through
        end = min(after_seq + 1 + _WINDOW, next_seq)
        rows: list[_Row] = tx.execute(
            _READ,
            {
                "start": after_seq + 1,
                "end": end,
                "types": _json_array(filter.types),
                "domains": _json_array(filter.collections, prefix=COLLECTION_DOMAIN),
                "limit": limit,
            },
        ).fetchall()
        events: list[Event] = []
        looked_at = 0
        for row in rows:
            if not audience.sees(row[3]):
                continue
            members = list(self._expand(tx, row, after_seq, limit - looked_at))
            looked_at += len(members)
            events += (event for event in members if audience.may_read(event) and filter.matches(event))
            if looked_at >= limit:
                return EventPage(events=events, through=members[-1].seq, gap=gap)
        if len(rows) == limit:
            through = rows[-1][0] + rows[-1][1] - 1
        else:
            [(through,)] = tx.execute(_LAST_BEFORE, (end,)).fetchall() or [(after_seq,)]
        return EventPage(events=events, through=max(through, after_seq), gap=gap)

    def drop_before(self, tx: Connection, instant: datetime, *, limit: int) -> int:
        """Drop at most *limit* rows that are older than *instant*; return how many. Readers who ask for them get a gap."""
        rows = tx.execute(
            "delete from event where seq in (select seq from event where time < ? order by time, seq limit ?)"
            " returning seq + count - 1, time",
            (to_microseconds(instant), limit),
        ).fetchall()
        if rows:
            tx.execute("update event_log set dropped_through = ?, dropped_time = ?", max(rows))
        return len(rows)

    def mark_loss(self, tx: Connection) -> None:
        """Drop all events and skip numbers, as after a restore: what was announced since the backup cannot be told.

        Every reader gets a gap, whether its position is older than the backup or younger.
        """
        tx.execute("delete from event")
        tx.execute(
            "update event_log set next_seq = next_seq + :loss, dropped_through = next_seq - 1 + :loss,"
            " dropped_time = max(last_time, :now)",
            {"loss": _LOSS, "now": to_microseconds(self._clock.now())},
        )

    def _expand(self, tx: Connection, row: _Row, after_seq: int, limit: int) -> Iterator[Event]:
        """Write out the members of *row* that follow *after_seq*, at most *limit* of them."""
        seq, count, type_, domain, number, time, subject, data, starts_at, source, first = row
        if source is None or first is None:
            payload = None if data is None else orjson.loads(data)
            yield Event(
                seq=seq, type=type_, domain=domain, number=number, time=time, subject=subject, data=payload, starts_at=starts_at
            )
            return
        skip = max(after_seq + 1 - seq, 0)
        wanted = min(count - skip, limit)
        members = self._expanders[source](tx, first + skip, wanted)
        if len(members) != wanted:
            raise ValueError(f"The expander {source!r} wrote out {len(members)} of {wanted} events from {first + skip}.")
        for place, member in enumerate(members, start=skip):
            yield Event(
                seq=seq + place,
                type=type_,
                domain=domain,
                number=number + place,
                time=time,
                subject=None if member is None else member.subject,
                data=None if member is None else member.data,
                starts_at=GONE if member is None else member.starts_at,
            )


def _content(event: NewEvent | EventRange) -> tuple[str | None, str | None, int | None, str | None, int | None]:
    if isinstance(event, EventRange):
        return None, None, None, event.source, event.first
    return event.subject, orjson.dumps(event.data).decode(), event.starts_at, None, None


def _json_array(values: frozenset[str] | None, *, prefix: str = "") -> str | None:
    return None if values is None else orjson.dumps([prefix + value for value in values]).decode()
