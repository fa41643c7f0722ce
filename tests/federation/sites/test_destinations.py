"""Sites are called at exact addresses that this site's settings or the public internet have, and users reach none of them."""

from dataclasses import replace
from ipaddress import ip_address

import pytest

from engines.test_network_guard import INTERNAL, SPELLINGS
from federation.sites.hostile import HostileServer, answering
from twinlake.core.errors import InvalidInputError
from twinlake.engines.database import MemoryDatabase
from twinlake.engines.network import DestinationGuard, DestinationRefusedError, DestinationUnreachableError
from twinlake.federation.sites.destinations import PeerDestinations, path_at
from twinlake.federation.sites.trust import Peer, PeerDirectory
from twinlake.identity.audit import AuditLog
from twinlake.identity.principals import ANONYMOUS
from twinlake.site.schema import MIGRATIONS
from twinlake.testing.clock import START, HandClock

PEER = Peer(
    id="climate",
    public_url="https://climate.example",
    fingerprint="x",
    fingerprints=frozenset({"x"}),
    state="trusted",
    changed_at=START,
)
REFUSED = (DestinationRefusedError, DestinationUnreachableError)


def answer_with(*texts):
    async def resolve(host, port):
        resolve.asked.append((host, port))
        return [ip_address(text) for text in texts]

    resolve.asked = []
    return resolve


async def test_a_public_site_is_resolved_once_and_pinned():
    resolve = answer_with("8.8.8.8")
    destinations = PeerDestinations({}, resolve=resolve)

    first = await destinations.find(PEER)

    assert await destinations.find(PEER) is first
    assert resolve.asked == [("climate.example", 443)]
    destinations.forget(PEER)
    await destinations.find(PEER)
    assert len(resolve.asked) == 2


@pytest.mark.parametrize("address", INTERNAL)
async def test_a_peer_that_names_an_internal_address_is_not_called(address):
    with pytest.raises(DestinationRefusedError):
        await PeerDestinations({}, resolve=answer_with(address)).find(PEER)
    literal = f"[{address.replace('%', '%25')}]" if ":" in address else address
    with pytest.raises(DestinationRefusedError):
        PeerDestinations({}).check_public(f"https://{literal}:8700")


@pytest.mark.parametrize("host", SPELLINGS)
async def test_a_peer_that_names_loopback_is_not_called_however_it_is_spelled(host):
    with pytest.raises(REFUSED):
        await PeerDestinations({}, resolve=answer_with("127.0.0.1")).find(replace(PEER, public_url=f"https://{host}"))


async def test_without_https_no_peer_is_called_but_on_loopback():
    with pytest.raises(DestinationRefusedError):
        PeerDestinations({}).check_public("http://climate.example")
    for address in ("10.0.0.1", "8.8.8.8"):
        url = f"http://{address}:8700"
        with pytest.raises(DestinationRefusedError, match="not https"):
            await PeerDestinations({"climate": url}).find(replace(PEER, address=url))
    url = "http://climate.internal:8700"
    with pytest.raises(DestinationRefusedError, match="not https"):
        await PeerDestinations({"climate": url}, resolve=answer_with("127.0.0.1", "10.0.0.1")).find(replace(PEER, address=url))
    assert await PeerDestinations({"climate": url}, resolve=answer_with("127.0.0.1")).find(replace(PEER, address=url))


async def test_an_internal_address_is_called_where_the_settings_name_it_and_nowhere_near():
    url = "https://10.0.0.1:8700"
    destinations = PeerDestinations({"climate": url})

    found = await destinations.find(replace(PEER, address=url))

    assert (str(found.url), [str(address) for address in found.addresses]) == (url, ["10.0.0.1"])
    for near in ("https://10.0.0.1:8701", "https://10.0.0.2:8700", "https://10.0.0.1"):
        with pytest.raises(DestinationRefusedError):
            await destinations.find(replace(PEER, address=near))
        with pytest.raises(DestinationRefusedError):
            await destinations.find(replace(PEER, public_url=near))


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1:8700", "http://127.0.0.1:8700/path", "http://127.0.0.1:8700/?x", "http://u@127.0.0.1:8700", "ftp://127.0.0.1:8700", "", "*"],
)  # fmt: skip
def test_settings_name_exact_origins(address):
    with pytest.raises(InvalidInputError):
        PeerDestinations({"climate": address})


def near_misses(url, port):
    """Spell addresses that are nearly that of a peer at loopback."""
    yield from (f"http://127.0.0.1:{port + 1}/x", f"http://127.0.0.1:{port - 1}/x", f"https://127.0.0.1:{port}/x")
    yield from (f"http://{host}:{port}/x" for host in SPELLINGS)
    yield from (
        f"{url}@evil.test/x",
        f"http://evil.test/{url}/x",
        f"{url}.evil.test/x",
        f"http://a:b@127.0.0.1:{port}/x",
        f"{url}0/x",
    )
    yield from (
        f"\t{url}/x",
        f"{url}\\@evil.test/x",
        f"HTTP://127.0.0.1:{port}/x",
        "//127.0.0.1/x",
        "/x",
        "",
        "file:///etc/passwd",
    )


async def test_a_url_that_a_peer_gives_is_at_the_peer_itself_or_refused():
    async with HostileServer(answering(b"{}")) as server:
        peer = server.peer
        assert path_at(peer, f"{server.url}/thumb.png?a=b") == "/thumb.png?a=b"
        assert path_at(peer, "https://liar.example/thumb.png") == "/thumb.png"
        for near in near_misses(server.url, server.port):
            with pytest.raises(DestinationRefusedError):
                path_at(peer, near)


async def test_no_url_of_a_user_reaches_a_peer_or_what_listens_beside_it():
    """Being a peer opens no door: what users name goes through a guard that knows of no peer."""
    async with HostileServer(answering(b"{}")) as server:
        PeerDestinations({"liar": server.url})
        guard = DestinationGuard(resolve=answer_with("127.0.0.1"))
        for url in (f"{server.url}/federation/search", f"{server.url}/federation/probe/1", *near_misses(server.url, server.port)):
            with pytest.raises(REFUSED):
                await guard.check(url)
        assert server.connections == 0


async def test_what_the_settings_name_for_one_peer_is_no_address_of_another():
    url = "http://127.0.0.1:8701"
    destinations = PeerDestinations({"climate": url})
    assert await destinations.find(replace(PEER, address=url, public_url=url))

    with pytest.raises(DestinationRefusedError):
        await destinations.find(replace(PEER, id="liar", public_url=url))


async def test_nothing_that_a_user_names_is_sent_to_a_peer_even_where_it_is_public_or_exempt():
    clock = HandClock()
    async with MemoryDatabase(migrations=MIGRATIONS) as database:
        audit = AuditLog(database=database, clock=clock)
        directory = PeerDirectory(database=database, audit=audit, clock=clock, addresses={"climate": "http://127.0.0.1:8701"})
        await directory.load()
        guard = DestinationGuard(
            resolve=answer_with("8.8.8.8"),
            allow=["http://127.0.0.1:8701", "http://127.0.0.1:8799"],
            is_closed=directory.is_at_peer,
        )
        assert await guard.check("https://climate.example/hook")
        await directory.change("climate", lambda _: PEER, by=ANONYMOUS, action="trust_site")

        for url in (
            "http://127.0.0.1:8701/federation/join", "https://climate.example/hook", "https://CLIMATE.example:443/hook", "https://climate.example./",
        ):  # fmt: skip
            with pytest.raises(DestinationRefusedError, match="site of the federation"):
                await guard.check(url)
        assert await guard.check("http://127.0.0.1:8799/hook")
        assert await guard.check("https://climate.example.org/hook")
