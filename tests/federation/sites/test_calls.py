"""A peer that lies, stalls or floods costs its budget and no more, and nothing leads a call anywhere else."""

import asyncio
import json
from dataclasses import replace
from ipaddress import ip_address

import pytest

from federation.sites.hostile import HostileServer, answering
from twinlake.core.nesting import is_nested_deeper
from twinlake.engines.network import DestinationRefusedError
from twinlake.federation.errors import (
    ForwardingRefusedError,
    PeerAnswerError,
    PeerDeadlineError,
    PeerRefusedError,
    PeerRestingError,
    PeerUnreachableError,
)
from twinlake.federation.sites.breaking import Budget
from twinlake.federation.sites.calls import PeerClient, PeerQuestion
from twinlake.federation.sites.destinations import PeerDestinations
from twinlake.federation.sites.http_transport import HttpTransport
from twinlake.testing.clock import HandClock

ASK = PeerQuestion(path="/federation/search")
MOST = 100_000


@pytest.fixture
def clock():
    return HandClock()


@pytest.fixture
async def liar():
    async with HostileServer(answering(b"{}")) as server:
        yield server


@pytest.fixture
async def client(liar, clock):
    async with HttpTransport() as transport:
        yield PeerClient(site_id="central", transport=transport, destinations=PeerDestinations({"liar": liar.url}), clock=clock)


def budget(clock, *, seconds=20.0, size_bytes=MOST, pages=1):
    return Budget(clock=clock, seconds=seconds, size_bytes=size_bytes, pages=pages)


async def test_a_question_says_where_it_came_from_and_connections_are_kept(client, liar, clock):
    liar.speak = answering(b'{"a": [1]}', media_type="application/geo+json; charset=utf-8")

    for _ in range(3):
        assert await client.ask_json(liar.peer, PeerQuestion(path="/x?y=z", token="secret"), budget=budget(clock)) == {"a": [1]}

    assert liar.connections == 1
    assert liar.heads[0].startswith("GET /x?y=z HTTP/1.1\r\n")
    assert "twinlake-via: central\r\n" in liar.heads[0].lower()
    assert "authorization: bearer secret\r\n" in liar.heads[0].lower()


async def test_what_came_from_a_site_is_asked_of_no_other(client, liar, clock):
    with pytest.raises(ForwardingRefusedError):
        await client.ask(liar.peer, PeerQuestion(path="/x", via=("extremes",)), budget=budget(clock))

    assert liar.connections == 0


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b"{}", {"media_type": "text/html"}),
        (b"<html>", {}),
        (b"", {}),
        (b'{"a": 1', {}),
        (b'{"a": NaN}', {}),
        (b"[" * 65 + b"]" * 65, {}),
        (b"[" * 50_000, {}),
        (b'{"a":' * 2000 + b"1" + b"}" * 2000, {}),
        (b'"' + b"\xff" * 10 + b'"', {}),
        (b"{}", {"content_encoding": "gzip"}),
        (b"x" * (MOST + 1), {}),
        (b"", {"status": "302 Found", "location": "http://169.254.169.254/"}),
        (b"", {"status": "301 Moved", "location": "/elsewhere"}),
        (b"{}", {"status": "307 Moved", "location": "http://127.0.0.1:1/"}),
        (b"{}", {"status": "500 Internal Server Error"}),
        (b"{}", {"status": "503 Service Unavailable"}),
    ],
)
async def test_an_answer_that_is_none_counts_against_the_peer(client, liar, clock, body, headers):
    liar.speak = answering(body, **headers)

    for _ in range(5):
        with pytest.raises(PeerAnswerError):
            await client.ask_json(liar.peer, ASK, budget=budget(clock))

    asked = len(liar.heads)
    assert asked == 5
    with pytest.raises(PeerRestingError):
        await client.ask_json(liar.peer, ASK, budget=budget(clock))
    assert len(liar.heads) == asked


def test_depth_is_told_apart_from_brackets_in_texts(clock):
    deep = json.dumps({"a": ["[" * 500 + '\\"]{', {"b": "}" * 70}]}).encode()
    assert json.loads(deep)
    assert not is_nested_deeper(deep, 64)
    assert not is_nested_deeper(b"[" * 64 + b"]" * 64, 64)
    assert is_nested_deeper(b"[" * 65 + b"]" * 65, 64)
    assert not is_nested_deeper(b"[[],[],{}]" * 1, 2)


async def test_an_endless_answer_ends_at_its_limit(client, liar, clock):
    async def flood(writer, _path):
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n")
        while True:
            writer.write(b"10000\r\n" + b" " * 65536 + b"\r\n")
            await writer.drain()

    liar.speak = flood
    with pytest.raises(PeerAnswerError, match="larger"):
        await client.ask(liar.peer, ASK, budget=budget(clock))


async def test_two_gigabytes_are_refused_before_they_come(client, liar, clock):
    sent = 0

    async def announce(writer, _path):
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2147483648\r\n\r\n")
        while True:
            writer.write(bytes(65536))
            await writer.drain()
            sent += 65536

    liar.speak = announce
    with pytest.raises(PeerAnswerError, match="larger"):
        await client.ask(liar.peer, ASK, budget=budget(clock))
    assert sent < 64 << 20


async def test_a_byte_at_a_time_costs_the_time_that_was_given_and_is_not_held_against_the_peer(client, liar, clock):
    async def drip(writer, _path):
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n")
        while True:
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(0.01)

    liar.speak = drip
    for _ in range(6):
        with pytest.raises(PeerDeadlineError):
            await client.ask(liar.peer, ASK, budget=budget(clock, seconds=0.05))
    assert client.breaker_of(liar.peer).state == "closed"


async def test_silence_and_headers_without_end_cost_the_time_that_was_given(client, liar, clock):
    async def hush(writer, _path):
        await asyncio.Event().wait()

    async def headers(writer, _path):
        writer.write(b"HTTP/1.1 200 OK\r\n")
        while True:
            writer.write(b"x-more: " + b"y" * 1000 + b"\r\n")
            await writer.drain()

    liar.speak = hush
    with pytest.raises(PeerDeadlineError):
        await client.ask(liar.peer, ASK, budget=budget(clock, seconds=0.05))
    liar.speak = headers
    with pytest.raises((PeerUnreachableError, PeerDeadlineError)):
        await client.ask(liar.peer, ASK, budget=budget(clock))


@pytest.mark.parametrize("said", [b"", b"\x16\x03\x01", b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n{}", b"HTTP/9 x\r\n\r\n"])
async def test_what_is_no_whole_answer_is_no_answer(client, liar, clock, said):
    async def speak(writer, _path):
        writer.write(said)
        raise ConnectionError

    liar.speak = speak
    with pytest.raises(PeerUnreachableError):
        await client.ask(liar.peer, ASK, budget=budget(clock))


async def test_a_refusal_is_passed_on_in_its_words_and_not_held_against_the_peer(client, liar, clock):
    liar.speak = answering(b'{"detail": "No such collection."}', status="404 Not Found", media_type="application/problem+json")
    for _ in range(6):
        with pytest.raises(PeerRefusedError, match="404: No such collection") as caught:
            await client.ask(liar.peer, ASK, budget=budget(clock))
    assert caught.value.answered == 404


async def test_one_call_tries_whether_a_peer_is_back(client, liar, clock):
    good, liar.speak = liar.speak, answering(b"", status="500 No")
    for _ in range(5):
        with pytest.raises(PeerAnswerError):
            await client.ask(liar.peer, ASK, budget=budget(clock))
    clock.advance(seconds=29)
    with pytest.raises(PeerRestingError):
        await client.ask(liar.peer, ASK, budget=budget(clock))

    clock.advance(seconds=1)
    with pytest.raises(PeerAnswerError):
        await client.ask(liar.peer, ASK, budget=budget(clock))
    with pytest.raises(PeerRestingError):
        await client.ask(liar.peer, ASK, budget=budget(clock))

    clock.advance(seconds=30)
    liar.speak = good
    answers = await asyncio.gather(*(client.ask(liar.peer, ASK, budget=budget(clock)) for _ in range(3)), return_exceptions=True)
    assert sorted(type(answer).__name__ for answer in answers) == ["PeerRestingError", "PeerRestingError", "bytes"]
    assert await client.ask(liar.peer, ASK, budget=budget(clock)) == b"{}"


async def test_a_trial_that_was_given_up_lets_the_next_one_try(client, liar, clock):
    liar.speak = answering(b"", status="500 No")
    for _ in range(5):
        with pytest.raises(PeerAnswerError):
            await client.ask(liar.peer, ASK, budget=budget(clock))
    clock.advance(seconds=30)

    async def hush(writer, _path):
        await asyncio.Event().wait()

    liar.speak = hush
    for _ in range(2):
        with pytest.raises(PeerDeadlineError):
            await client.ask(liar.peer, ASK, budget=budget(clock, seconds=0.05))


async def test_nobody_at_the_address_is_out_of_reach(clock):
    async with HostileServer(answering(b"")) as gone:
        peer = gone.peer
    async with HttpTransport() as transport:
        client = PeerClient(
            site_id="central", transport=transport, destinations=PeerDestinations({"liar": peer.address}), clock=clock
        )
        with pytest.raises(PeerUnreachableError):
            await client.ask(peer, ASK, budget=budget(clock))


async def test_pages_bytes_and_time_are_of_one_budget(client, liar, clock):
    liar.speak = answering(b"[" + b"1," * 10 + b"1]")
    given = budget(clock, size_bytes=50, pages=3)
    assert await client.ask_json(liar.peer, ASK, budget=given)
    assert await client.ask_json(liar.peer, ASK, budget=given)
    with pytest.raises(PeerAnswerError, match="larger than 4 bytes"):
        await client.ask_json(liar.peer, ASK, budget=given)
    with pytest.raises(PeerDeadlineError):
        await client.ask_json(liar.peer, ASK, budget=given)
    late = budget(clock, seconds=1)
    clock.advance(seconds=1)
    with pytest.raises(PeerDeadlineError):
        await client.ask_json(liar.peer, ASK, budget=late)


async def test_a_resolver_that_does_not_answer_costs_the_time_that_was_given(liar, clock):
    async def resolve(host, port):
        await asyncio.Event().wait()

    url = f"http://climate.internal:{liar.port}"
    async with HttpTransport() as transport:
        destinations = PeerDestinations({"liar": url}, resolve=resolve)
        client = PeerClient(site_id="central", transport=transport, destinations=destinations, clock=clock)
        with pytest.raises(PeerDeadlineError):
            await client.ask(replace(liar.peer, address=url), ASK, budget=budget(clock, seconds=0.05))


async def test_a_name_that_points_elsewhere_a_moment_later_leads_nowhere(liar, clock):
    answers = [["127.0.0.1"], ["10.0.0.1"]]

    async def resolve(host, port):
        return [ip_address(text) for text in answers.pop(0)]

    url = f"http://climate.internal:{liar.port}"
    peer = replace(liar.peer, address=url)
    async with HttpTransport() as transport:
        destinations = PeerDestinations({"liar": url}, resolve=resolve)
        client = PeerClient(site_id="central", transport=transport, destinations=destinations, clock=clock)
        assert await client.ask(peer, ASK, budget=budget(clock)) == b"{}"
        assert await client.ask(peer, ASK, budget=budget(clock)) == b"{}"
        assert f"host: climate.internal:{liar.port}\r\n" in liar.heads[0].lower()

        liar.speak = answering(b"", status="500 No")
        with pytest.raises(PeerAnswerError):
            await client.ask(peer, ASK, budget=budget(clock))
        with pytest.raises(DestinationRefusedError):
            await client.ask(peer, ASK, budget=budget(clock))
    assert len(liar.heads) == 3


@pytest.mark.parametrize(
    "path",
    ["", "x", "//evil.test/", "http://evil.test/", "/../x", "/a/%2e%2E/b", "/a\\b", "/a b", "/a\r\nHost: x", "/a#b", "/ä", "/./x", "@evil.test/", ":1/"],
)  # fmt: skip
async def test_no_path_leads_out_of_the_peer(client, liar, clock, path):
    with pytest.raises(DestinationRefusedError):
        await client.ask(liar.peer, PeerQuestion(path=path), budget=budget(clock))

    assert liar.connections == 0


async def test_five_answers_in_a_row_that_nobody_believes_count_against_the_peer_too(client, liar, clock):
    liar.speak = answering(b"{}")
    breaker = client.breaker_of(liar.peer)

    async def answer(*, believed):
        await client.ask(liar.peer, ASK, budget=budget(clock))
        breaker.judge(believed=believed)

    for _ in range(4):
        await answer(believed=False)
    await answer(believed=True)
    for _ in range(4):
        await answer(believed=False)
    assert breaker.state == "closed"
    began = clock.now()
    await answer(believed=False)
    with pytest.raises(PeerRestingError, match="5 times"):
        await client.ask(liar.peer, ASK, budget=budget(clock))
    assert breaker.since <= began

    clock.advance(seconds=31)
    await answer(believed=False)  # one call tries; the next lie is not the first
    assert breaker.state == "open"
    clock.advance(seconds=31)
    await answer(believed=True)
    await answer(believed=False)
    assert breaker.state == "closed"
