"""Peers that lie about where bytes are, refuse, break or do not answer: nobody is led astray, and nobody waits for long."""

import asyncio

import orjson
import pytest

from twinlake.access.delivery import AssetName, Elsewhere
from twinlake.core.errors import TwinlakeError
from twinlake.federation.errors import PeerUnreachableError
from twinlake.federation.sites.calls import PeerAnswer, PeerClient
from twinlake.federation.sites.destinations import PeerDestinations
from twinlake.federation.sites.trust import Peer
from twinlake.identity.principals import ANONYMOUS, Caller, Principal
from twinlake.testing.clock import START, HandClock
from twinlake.testing.federation.loop import run_simulated

NAME = AssetName(backend="liar", collection="c", item="i", asset="a")
PUBLIC = "https://liar.example"
GOOD = f"{PUBLIC}/data/liar/c/i/a?expires=1&signature=x"
PEER = Peer(
    id="liar",
    public_url=PUBLIC,
    address="http://127.0.0.1:1",
    fingerprint="x",
    fingerprints=frozenset({"x"}),
    state="trusted",
    changed_at=START,
)


class OnePeer:
    """A directory with one site in it, and the tokens that it takes."""

    def find(self, peer):
        return PEER if peer == PEER.id else None

    async def token_for(self, caller, peer):
        return "a-token"


class Speaks:
    """A transport over which the peer says the same to everything; an exception is raised, None is silence."""

    def __init__(self, says):
        self.says = says
        self.requests = []

    async def send(self, request, *, max_bytes):
        self.requests.append(request)
        if self.says is None:
            await asyncio.Event().wait()
        if isinstance(self.says, Exception):
            raise self.says
        return self.says


def answer(body, status=200):
    return PeerAnswer(status=status, media_type="application/json", body=body if isinstance(body, bytes) else orjson.dumps(body))


def ask(says, caller=ANONYMOUS, method="find_url"):
    transport, peer, clock = Speaks(says), OnePeer(), HandClock()
    destinations = PeerDestinations({"liar": "http://127.0.0.1:1"})
    client = PeerClient(site_id="here", transport=transport, destinations=destinations, clock=clock)
    elsewhere = Elsewhere(site_id="here", directory=peer, client=client, tokens=peer, clock=clock, seconds=4)

    async def run():
        # A silent network would else end the simulation: this timer is later than all that Elsewhere may take.
        async with asyncio.timeout(5):
            return await getattr(elsewhere, method)(caller, NAME)

    return run_simulated(run()), transport.requests


def failure(says, **options):
    with pytest.raises(TwinlakeError) as caught:
        ask(says, **options)
    return caught.value.code, caught.value.status, caught.value.message


def test_a_good_address_is_taken_and_was_asked_for_once():
    url, [request] = ask(answer({"url": GOOD, "more": 1}))

    assert url == GOOD
    assert (request.method, request.path) == ("POST", "/federation/link")
    assert orjson.loads(request.body) == {"chain": ["here"], "collection": "c", "item": "i", "asset": "a"}
    assert request.headers["authorization"] == "Bearer a-token"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "/data/liar/c/i/a",
        "http://liar.example/data/liar/c/i/a",
        "https://liar.example.evil.example/data/liar/c/i/a",
        "https://liar.example@evil.example/data/liar/",
        "https://liar.example:444/data/liar/c/i/a",
        "https://LIAR.example/data/liar/c/i/a",
        "http://127.0.0.1:1/data/liar/c/i/a",
        "http://127.0.0.1:1/federation/search",
        "https://liar.example/federation/search",
        "https://liar.example/data/other/c/i/a",
        "https://liar.example/data/liar",
        "javascript:alert(1)",
        f"{GOOD}\r\nSet-Cookie: a=b",
        f"{GOOD}\\@evil.example",
        f"{GOOD}ä",
        GOOD + "x" * 8000,
    ],
)
def test_an_address_that_is_not_the_peers_own_is_refused(url):
    assert failure(answer({"url": url}))[:2] == ("site-away", 502)


@pytest.mark.parametrize(
    "says",
    [
        answer(b""),
        answer(b"{"),
        answer([GOOD]),
        answer({"url": [GOOD]}),
        answer({}),
        answer(b"", status=204),
        answer({"url": GOOD}, status=307),
        answer({"url": GOOD}, status=500),
        answer({}, status=429),
        answer({}, status=418),
        PeerUnreachableError("Nobody is there, at 10.0.0.7."),
    ],
)
def test_what_is_no_answer_names_the_site_and_nothing_of_its_inside(says):
    for method in ("find_url",) if getattr(says, "status", 500) < 300 else ("find_url", "get_picture"):
        code, status, message = failure(says, method=method)

        assert (code, status) == ("site-away", 502)
        assert "'liar'" in message
        assert "10.0.0.7" not in message


def test_silence_ends_in_time():
    code, status, message = failure(None)

    assert (code, status) == ("site-late", 504)
    assert "'liar'" in message


@pytest.mark.parametrize(
    ("answered", "code", "status"),
    [
        (401, "sign-in-required", 401),
        (403, "refused-by-site", 403),
        (404, "not-found-at-site", 404),
        (400, "not-found-at-site", 404),
    ],
)
def test_what_the_peer_refuses_is_told_in_its_words(answered, code, status):
    told = failure(answer({"detail": "Not for you."}, status=answered))

    assert told == (code, status, f"liar answered {answered}: Not for you.")


def test_a_peer_that_asks_for_what_another_holds_is_told_to_ask_itself():
    caller = Caller(principal=Principal("urn:twinlake:site:other", "ada"), peer="other")

    assert failure(answer({"url": GOOD}), caller=caller)[:2] == ("forwarding-refused", 403)
