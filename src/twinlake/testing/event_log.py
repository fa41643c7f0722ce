"""What every event log does, on every database."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

import pytest

from twinlake.core.clock import to_microseconds
from twinlake.engines.database import Connection, Database
from twinlake.events.interfaces import EventRange, NewEvent
from twinlake.events.log import EventLog
from twinlake.events.models import Audience, Event, EventFilter, EventPage, EventPayload
from twinlake.testing.clock import START, HandClock

Write = Callable[..., Awaitable[None]]
Read = Callable[..., Awaitable[EventPage]]


def new_event(name: str, *, type: str = "t", domain: str = "collection:c", **rest: object) -> NewEvent:  # noqa: A002
    """Make an event whose subject is *name*."""
    return NewEvent(type=type, subject=name, domain=domain, **rest)  # type: ignore[arg-type]


def expand_numbers(_: Connection, first: int, count: int) -> list[EventPayload | None]:
    """Write out numbers as subjects; every number that ends in 9 is no longer kept."""
    return [
        None if n % 10 == 9 else EventPayload(subject=f"n{n}", data={"n": n, "bbox": [n, 0, n, 0]}, starts_at=n)
        for n in range(first, first + count)
    ]


class EventLogContract:
    """Give a fixture ``database`` with the schema of the log."""

    @pytest.fixture
    def clock(self) -> HandClock:
        return HandClock()

    @pytest.fixture
    def log(self, clock: HandClock) -> EventLog:
        log = EventLog(clock=clock)
        log.register_expander("numbers", expand_numbers)
        return log

    @pytest.fixture
    def write(self, database: Database, log: EventLog) -> Write:
        async def write(*events: NewEvent | EventRange) -> None:
            await database.write(lambda tx: log.append(tx, events))

        return write

    @pytest.fixture
    def read(self, database: Database, log: EventLog) -> Read:
        async def read(after_seq: int = 0, limit: int = 100, **rest: object) -> EventPage:
            return await database.read(lambda tx: log.read(tx, after_seq=after_seq, limit=limit, **rest))  # type: ignore[arg-type]

        return read

    async def test_what_is_committed_is_read_in_order_with_its_content(self, write: Write, read: Read) -> None:
        await write(new_event("a", data={"é": [1, None]}), new_event("b", type="u"), new_event("c"))

        page = await read()

        assert [(event.seq, event.type, event.number, event.subject) for event in page.events] == [
            (1, "t", 1, "a"),
            (2, "u", 1, "b"),
            (3, "t", 2, "c"),
        ]
        assert page.events[0] == Event(
            seq=1,
            type="t",
            domain="collection:c",
            number=1,
            time=to_microseconds(START),
            subject="a",
            data={"é": [1, None]},
            starts_at=None,
        )
        assert (page.through, page.gap) == (3, None)

    async def test_a_change_that_fails_takes_no_number(self, database: Database, log: EventLog, write: Write, read: Read) -> None:
        def fail(tx: Connection) -> None:
            log.append(tx, [new_event("lost")])
            raise ZeroDivisionError

        await write(new_event("a"))
        with pytest.raises(ZeroDivisionError):
            await database.write(fail)
        await write(new_event("b"))

        assert [(event.seq, event.number, event.subject) for event in (await read()).events] == [(1, 1, "a"), (2, 2, "b")]

    async def test_reading_on_by_any_limit_gives_each_event_once(self, write: Write, read: Read) -> None:
        await write(
            new_event("a"), EventRange(type="t", domain="collection:c", source="numbers", first=40, count=7), new_event("b")
        )
        await write(EventRange(type="u", domain="collection:d", source="numbers", first=1, count=3))
        expected = ["a", *(f"n{n}" for n in range(40, 47)), "b", "n1", "n2", "n3"]
        for limit in range(1, 14):
            found: list[Event] = []
            through = 0
            while through < 12:
                page = await read(through, limit)
                assert len(page.events) <= limit
                found += page.events
                through = page.through
            assert [event.subject for event in found] == expected
            assert [event.seq for event in found] == list(range(1, 13))
            assert [event.number for event in found] == [*range(1, 10), 1, 2, 3]

    async def test_a_member_that_is_no_longer_kept_keeps_its_number(self, write: Write, read: Read) -> None:
        await write(EventRange(type="t", domain="collection:c", source="numbers", first=8, count=3))

        page = await read()
        embargoed = await read(audience=Audience(lambda _: True, {"collection:c": 10**9}))

        assert [(event.number, event.subject, event.data) for event in page.events][1] == (2, None, None)
        assert [event.subject for event in embargoed.events] == ["n8", "n10"]

    async def test_filters_by_type_collection_and_box(self, write: Write, read: Read) -> None:
        await write(
            new_event("a", data={"bbox": [10, 10, 20, 20]}),
            new_event("b", type="u", domain="collection:d", data={"bbox": [170, -10, 0, -170, 10, 9000]}),
            new_event("c", domain="principal:x|y", data={"bbox": None}),
            EventRange(type="t", domain="collection:c", source="numbers", first=0, count=5),
        )

        async def found(**filters: object) -> list[str | None]:
            return [event.subject for event in (await read(filter=EventFilter(**filters))).events]  # type: ignore[arg-type]

        assert await found(types=frozenset({"u"})) == ["b"]
        assert await found(collections=frozenset({"c"})) == ["a", "n0", "n1", "n2", "n3", "n4"]
        assert await found(collections=frozenset()) == []
        assert await found(collections=frozenset({"c"}), types=frozenset({"u"})) == []
        assert await found(bbox=(20.0, 20.0, 30.0, 30.0)) == ["a"]
        assert await found(bbox=(175.0, 0.0, 176.0, 1.0)) == ["b"]
        assert await found(bbox=(179.0, 0.0, -179.0, 1.0)) == ["b"]
        assert await found(bbox=(2.0, -1.0, 3.0, 1.0)) == ["n2", "n3"]

    async def test_what_may_not_be_read_is_left_out_and_costs_no_place_on_the_page(self, write: Write, read: Read) -> None:
        for _ in range(30):
            await write(new_event("hidden", domain="collection:secret"))
        await write(new_event("a"), new_event("late", starts_at=100), new_event("early", starts_at=99))
        audience = Audience(lambda domain: domain != "collection:secret", {"collection:c": 99})

        found: list[Event] = []
        through = 0
        while through < 33:
            page = await read(through, 10, audience=audience)
            found += page.events
            through = page.through

        assert [event.subject for event in found] == ["a", "early"]
        assert not audience.may_count("collection:c")
        assert audience.may_count("collection:d")

    async def test_a_filter_that_matches_nothing_still_moves_on(self, write: Write, read: Read) -> None:
        await write(
            EventRange(type="t", domain="collection:c", source="numbers", first=0, count=120_000), new_event("z", type="u")
        )
        through, found, reads = 0, [], 0
        while through < 120_001:
            page = await read(through, 10, filter=EventFilter(types=frozenset({"u"})))
            through, reads = page.through, reads + 1
            found += page.events

        assert [event.subject for event in found] == ["z"]
        assert reads < 5

    async def test_time_never_runs_backwards(self, clock: HandClock, write: Write, read: Read) -> None:
        await write(new_event("a"))
        clock.advance(hours=-1)
        await write(new_event("b"))

        assert len({event.time for event in (await read()).events}) == 1

    async def test_a_date_finds_its_place(self, database: Database, log: EventLog, clock: HandClock, write: Write) -> None:
        for name in "abc":
            await write(new_event(name))
            clock.advance(minutes=1)

        async def seq_at(instant: datetime) -> int:
            found: int = await database.read(lambda tx: log.seq_at(tx, instant))
            return found

        assert await seq_at(START) == 0
        assert await seq_at(START + timedelta(seconds=1)) == 1
        assert await seq_at(START + timedelta(minutes=2)) == 2
        assert await seq_at(START + timedelta(days=2)) == 3
        assert await database.read(log.latest_seq) == 3

    async def test_what_was_dropped_leaves_an_explicit_gap(
        self, database: Database, log: EventLog, clock: HandClock, write: Write, read: Read
    ) -> None:
        for name in "abcd":
            await write(new_event(name))
            clock.advance(days=1)
        keep_from = START + timedelta(days=2)

        dropped = [await database.write(lambda tx: log.drop_before(tx, keep_from, limit=1)) for _ in range(3)]

        page = await read(0)
        assert dropped == [1, 1, 0]
        assert page.gap is not None
        assert (page.gap.through, page.gap.until) == (2, to_microseconds(START + timedelta(days=1)))
        assert [(event.subject, event.number) for event in page.events] == [("c", 3), ("d", 4)]
        assert (await read(2)).gap is None
        assert (await read(await database.read(lambda tx: log.seq_at(tx, START)))).gap is not None
        assert (await read(await database.read(lambda tx: log.seq_at(tx, keep_from)))).gap is None

    async def test_numbers_go_on_after_everything_was_dropped(
        self, database: Database, log: EventLog, clock: HandClock, write: Write, read: Read
    ) -> None:
        await write(new_event("a"))
        clock.advance(days=1)
        await database.write(lambda tx: log.drop_before(tx, clock.now(), limit=10))
        await write(new_event("b"))

        assert [(event.seq, event.number) for event in (await read(1)).events] == [(2, 2)]

    async def test_after_a_restore_every_position_gets_a_gap(
        self, database: Database, log: EventLog, write: Write, read: Read
    ) -> None:
        await write(new_event("a"), new_event("b"))
        await database.write(log.mark_loss)
        await write(new_event("c"))

        for position in (0, 2, 1000):
            page = await read(position)
            assert page.gap is not None
            assert [(event.subject, event.number) for event in page.events] == [("c", 3)]
            assert (await read(page.gap.through)).gap is None

    async def test_a_position_of_the_future_gets_a_gap(self, write: Write, read: Read) -> None:
        await write(new_event("a"))

        page = await read(7)

        assert page.gap is not None
        assert page.through == page.gap.through == 1
