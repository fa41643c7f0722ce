"""The stream of events, followed by real HTTP clients."""

import asyncio
import socket
from datetime import UTC, datetime

import pytest

from twinlake.core.clock import from_microseconds, to_text
from twinlake.events.interfaces import EventRange
from twinlake.notification import stream, tail
from twinlake.testing.event_log import expand_numbers

pytestmark = pytest.mark.slow


async def test_what_happens_is_told_as_cloud_events(site, follow):
    async with follow() as follower:
        await site.announce("collections/c/items/a", data={"id": "a"})
        [event] = await follower.read(1)

    assert event["specversion"] == "1.0"
    assert event["type"] == "org.ogc.api.collection.item.create"
    assert event["subject"] == "collections/c/items/a"
    assert event["data"] == {"id": "a"}
    assert event["sequence"] == f"{1:020d}"
    assert follower.last_id == event["id"] == site.ids.of(1)


async def test_a_stream_begins_with_what_comes_next_an_id_or_a_date(site, follow):
    await site.announce("a", "b")
    page = await site.database.read(lambda tx: site.log.read(tx, after_seq=0, limit=9))
    await site.announce("c")
    after = to_text(from_microseconds(page.events[0].time + 1))

    async with (
        follow() as live,
        follow(from_id=site.ids.of(1)) as by_id,
        follow(from_date=after) as by_date,
        follow(from_date="2001-01-01") as from_start,
        follow(last_id=site.ids.of(2), from_date="2001-01-01") as again,
    ):
        await site.announce("d")

        assert await live.subjects(1) == ["d"]
        assert await by_id.subjects(3) == ["b", "c", "d"]
        assert await by_date.subjects(2) == ["c", "d"]
        assert await from_start.subjects(4) == list("abcd")
        assert await again.subjects(2) == ["c", "d"]


async def test_filters(site, follow):
    await site.announce("one", data={"bbox": [10, 10, 20, 20]})
    await site.announce("two", domain="collection:d e", data={"bbox": [-10, 10, -5, 20]})
    await site.announce("three", kind="other", domain="principal:x|y")

    for query, expected in (
        ({"type": "other"}, ["three"]),
        ({"collection": "d e"}, ["two"]),
        ([("collection", "c"), ("collection", "d e")], ["one", "two"]),
        ({"bbox": "15,15,30,30"}, ["one"]),
        ({"bbox": "170,-90,-6,90"}, ["two"]),
    ):
        pairs = query if isinstance(query, list) else list(query.items())
        async with follow_pairs(follow, [("from_date", "2001-01-01"), *pairs]) as follower:
            assert await follower.subjects(len(expected)) == expected


def follow_pairs(follow, pairs):
    grouped = {}
    for name, value in pairs:
        grouped.setdefault(name, []).append(value)
    return follow(**grouped)


WRONG = [
    "from_id=nonsense", "from_id=1", "from_date=yesterday", "from_date=2026-13-01", "bbox=1,2,3", "bbox=1,50,2,40", "bbox=a,b,c,d",
    "bbox=1,2,3,4&bbox=1,2,3,4", "colection=c", "type=", f"collection={'x' * 256}", "from_date=2026-01-01&from_id=x",
    "&".join(f"type={n}" for n in range(101)),
]  # fmt: skip


async def test_what_is_wrong_is_refused(site, http):
    for query in WRONG:
        async with http.get(f"{site.url}/events?{query}") as response:
            assert response.status == 400, query
            assert (await response.json(content_type=None))["code"] == "invalid-input"


async def test_head_tells_the_type_and_ends(site, http):
    async with http.head(f"{site.url}/events") as response:
        assert response.status == 200
        assert response.headers["content-type"].startswith("text/event-stream")


async def test_who_may_not_search_may_not_follow(site, http):
    async with http.get(f"{site.url}/events", headers={"Authorization": "Bearer powerless"}) as response:
        assert response.status == 403


async def test_hidden_events_leave_no_trace(site, follow):
    site.hidden.add("collection:secret")
    await site.announce("a")
    await site.announce("x", "y", "z", domain="collection:secret")
    await site.announce("b")

    async with follow(from_date="2001-01-01") as outsider, follow(name="insider", from_date="2001-01-01") as insider:
        await site.announce("w", domain="collection:secret")
        await site.announce("c")
        seen = await outsider.read(3)
        assert await insider.subjects(7) == ["a", "x", "y", "z", "b", "w", "c"]

    assert [(event["subject"], int(event["sequence"])) for event in seen] == [("a", 1), ("b", 2), ("c", 3)]


async def test_under_an_embargo_late_events_and_stream_numbers_are_hidden(site, follow):
    site.horizons["collection:c"] = 100
    await site.announce("early", starts_at=100)
    await site.announce("late", starts_at=101)
    async with follow(from_date="2001-01-01") as outsider, follow(name="insider", from_date="2001-01-01") as insider:
        await site.announce("live and late", starts_at=102)
        await site.announce("live", starts_at=99)
        seen = await outsider.read(2)
        assert await insider.subjects(4) == ["early", "late", "live and late", "live"]

    assert [event["subject"] for event in seen] == ["early", "live"]
    assert not any("sequence" in event for event in seen)


async def test_what_a_reader_may_see_is_asked_again_while_they_read(site, follow):
    async with follow() as follower:
        await site.announce("a")
        assert await follower.subjects(1) == ["a"]
        site.hidden.add("collection:c")
        await site.announce("b")
        await site.announce("marker", domain="collection:other")
        assert await follower.subjects(1) == ["marker"]


async def test_dropped_events_are_an_explicit_gap(site, follow):
    await site.announce("a", "b")
    await site.database.write(lambda tx: site.log.drop_before(tx, datetime.max.replace(tzinfo=UTC), limit=10))
    await site.announce("c")

    async with follow(last_id=site.ids.of(1)) as follower:
        gap, event = await follower.read(2)
        assert gap["type"] == "eu.twinlake.events.gap"
        assert event["subject"] == "c"
    async with follow(last_id=follower.last_id) as again:
        await site.announce("d")
        assert await again.subjects(1) == ["d"]


async def test_a_hundred_readers_get_every_event_in_order_over_lost_connections(site, follow):
    """Each reader is cut off again and again, and comes back with the id of the last event it has."""
    total = 300
    everybody_is_here = asyncio.Barrier(101)

    async def read_all(number):
        got, last_id, here = [], None, False
        while len(got) < total:
            async with follow(last_id) as follower:
                if not here:
                    here = True
                    last_id = follower.last_id
                    await everybody_is_here.wait()
                wanted = min(total - len(got), total if number % 4 == 0 else 40 + number)
                got += [event["sequence"] for event in await follower.read(wanted)]
                last_id = follower.last_id
        return got

    readers = [asyncio.create_task(read_all(number)) for number in range(100)]
    await everybody_is_here.wait()
    for n in range(0, total, 10):
        await site.announce(*map(str, range(n, n + 10)))
    expected = [f"{n:020d}" for n in range(1, total + 1)]

    for got in await asyncio.gather(*readers):
        assert got == expected


async def test_a_reader_who_lags_reads_from_the_log_and_holds_no_memory(site, follow, monkeypatch):
    monkeypatch.setattr(tail, "_KEPT_EVENTS", 50)
    async with follow() as slow, follow() as fast:
        for n in range(40):
            await site.announce(*(f"{n * 50 + k}" for k in range(50)), data={"text": "x" * 2000})
            await fast.read(50)
        assert len(site.tail._frames) <= 50
        assert await slow.subjects(2000) == [str(n) for n in range(2000)]


async def test_a_reader_who_takes_nothing_is_let_go(site, follow, monkeypatch):
    monkeypatch.setattr(stream, "_SEND_SECONDS", 0.2)
    host, port = site.url.removeprefix("http://").split(":")
    with socket.socket() as stuck:
        stuck.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        stuck.connect((host, int(port)))
        stuck.sendall(b"GET /events HTTP/1.1\r\nHost: x\r\n\r\n")
        await until(lambda: site.tail.followers == 1)
        for _ in range(100):
            await site.announce(*map(str, range(50)), data={"text": "x" * 2000})
        await until(lambda: site.tail.followers == 0)


async def test_a_quiet_line_gives_signs_of_life(site, follow, monkeypatch):
    monkeypatch.setattr(tail, "TICK_SECONDS", 0.05)
    monkeypatch.setattr(stream, "TICK_SECONDS", 0.05)
    await site.announce("wakes the tail, so that it takes the short tick")
    async with follow() as follower:
        async with asyncio.timeout(30):
            while not (await follower.response.content.readline()).startswith(b": "):
                pass
        await site.announce("a")
        assert await follower.subjects(1) == ["a"]


async def test_a_stream_ends_after_its_life_and_is_taken_up_without_loss(site, follow, monkeypatch):
    monkeypatch.setattr(stream, "_LIFE_SECONDS", 0.0)
    async with follow() as follower:
        with pytest.raises(EOFError):
            await follower.read(1)
    await site.announce("between")
    monkeypatch.undo()

    async with follow(follower.last_id) as again:
        assert await again.subjects(1) == ["between"]


async def test_a_reader_who_leaves_is_forgotten(site, follow):
    async with follow():
        await until(lambda: site.tail.followers == 1)
    await until(lambda: site.tail.followers == 0)


async def test_too_many_readers_are_told_to_come_back(site, follow, http, monkeypatch):
    monkeypatch.setattr(stream, "MOST_STREAMS", 1)
    async with follow(), http.get(f"{site.url}/events") as response:
        assert response.status == 503
        assert response.headers["retry-after"] == "30"


async def test_when_the_site_goes_down_streams_end_cleanly(site, follow):
    async with follow() as follower:
        await site.announce("a")
        await follower.read(1)
        site.closing.set()
        with pytest.raises(EOFError):  # the end of a complete answer: a broken one would be another error
            await follower.read(1)


async def test_the_log_of_a_bulk_load_is_streamed_once(site, follow):
    site.log.register_expander("numbers", expand_numbers)
    bulk = EventRange(type="t", domain="collection:c", source="numbers", first=0, count=5000)
    async with follow() as follower:
        await site.database.write(lambda tx: site.log.append(tx, [bulk]))
        events = await follower.read(5000)

    assert [int(event["sequence"]) for event in events] == list(range(1, 5001))


async def until(condition):
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - it is not ours to signal
            await asyncio.sleep(0.01)
