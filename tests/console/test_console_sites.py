"""The page of sites says since when each is as it is, when it was heard, and how old a measurement is."""

from dataclasses import replace
from datetime import timedelta

import pytest
from lxml import html

from federation.sites.saying import Speaker
from twinlake.console.describe import write_age
from twinlake.console.sites import draw_federation
from twinlake.discovery.services.models import Site
from twinlake.federation.sites.descriptor import Heard
from twinlake.federation.sites.errors import DescriptorRefusedError
from twinlake.federation.sites.trust import Peer
from twinlake.identity.principals import Caller
from twinlake.testing.clock import START, HandClock
from twinlake.testing.site import local_site


@pytest.fixture
def clock():
    return HandClock()


class World:
    """A site that trusts a bridge, heard as it was joined."""

    def __init__(self, site, speaker):
        self._site = site
        self._sites = site.services.federation.sites
        self.breaker = self._sites.client.breaker_of(self._peer(speaker))
        self.directory = self._sites.directory

    def _peer(self, speaker):
        prints = frozenset({speaker.keys[0].kid})
        known = {"id": speaker.id, "public_url": speaker.url, "fingerprint": speaker.keys[0].kid}
        return Peer(**known, fingerprints=prints, state="trusted", changed_at=START)

    @classmethod
    async def begin(cls, site, speaker):
        world = cls(site, speaker)
        await world.directory.change(speaker.id, lambda _: world._peer(speaker), by=Caller(), action="trust_site")
        await world.hear(speaker)
        return world

    async def hear(self, speaker, **said):
        descriptor = speaker.descriptor(**said)
        await self.directory.note_heard(speaker.id, Heard(descriptor, b"x", frozenset({speaker.keys[0].kid})))

    async def measure(self):
        await self._sites.links.add("climate", round_trip_seconds=0.0123, bytes_per_second=87.6e6)

    async def row(self):
        """Return the bridge's cells by their column, as somebody who is signed in reads them."""
        async with self._site.client(await self._site.token("alice")) as client:
            page = html.fromstring((await client.get("/sites", headers={"accept": "text/html"})).text)
        cells = page.xpath("//tbody/tr[th//a[contains(@href, 'climate')]]/td")
        return {cell.get("data-label"): " ".join(cell.text_content().split()) for cell in cells}


@pytest.fixture
async def world(tmp_path, clock):
    async with local_site(tmp_path, clock=clock) as site:
        yield await World.begin(site, Speaker())


async def test_a_peer_that_answers_is_well_since_it_was_joined_whenever_it_was_heard_last(world, clock):
    await world.measure()
    clock.advance(minutes=90)
    await world.hear(Speaker(), seq=2, now=clock.now())
    clock.advance(seconds=40)

    row = await world.row()

    assert row["State"] == "all well since 2026-01-01"
    assert row["Last heard"] == "40 s ago"
    assert row["From here"] == "12.3 ms · 87.6 MB/s measured 90 min ago"


async def test_a_peer_does_not_answer_since_it_first_failed_until_it_answers_again(world, clock):
    clock.advance(hours=1)
    for _ in range(4):
        world.breaker.failed()
        clock.advance(seconds=60)
        assert (await world.row())["State"] == "does not answer since 2026-01-01 01:00 UTC"
    world.breaker.failed()
    assert (await world.row())["State"] == "does not answer since 2026-01-01 01:00 UTC"
    clock.advance(minutes=30)
    world.breaker.enter()
    world.breaker.failed()
    clock.advance(seconds=31)  # may be tried again, and was not yet
    row = await world.row()
    assert row["State"] == "does not answer since 2026-01-01 01:00 UTC"
    assert row["Last heard"] == "94 min ago"

    clock.advance(minutes=25)
    world.breaker.enter()
    world.breaker.succeeded()
    clock.advance(hours=3)
    assert (await world.row())["State"] == "all well since 2026-01-01 01:59 UTC"


async def test_a_peer_that_was_refused_or_fell_silent_needs_care_since_then(world, clock):
    clock.advance(hours=2)
    await world.hear(Speaker(), seq=2, now=clock.now())
    clock.advance(hours=1)
    await world.directory.note_refusal("climate", DescriptorRefusedError("rolled-back", "its number is lower"))
    assert (await world.row())["State"] == "needs care since 2026-01-01 02:00 UTC"

    await world.hear(Speaker(), seq=3, now=clock.now())
    clock.advance(hours=30)
    assert (await world.row())["State"] == "needs care since 2026-01-02 03:00 UTC"


async def test_a_peer_that_was_never_heard_says_so(world):
    await world.directory.change(
        "climate", lambda peer: replace(peer, descriptor=None, fetched_at=None), by=Caller(), action="trust_site"
    )

    row = await world.row()

    assert (row["Last heard"], row["Open collections"]) == ("never", "not known")
    assert row["State"].startswith("needs care")


@pytest.mark.parametrize(
    ("age", "words"),
    [
        (-5, "just now"),
        (1, "1 s ago"),
        (119, "119 s ago"),
        (120, "2 min ago"),
        (7199, "119 min ago"),
        (7200, "2 h ago"),
        (400_000, "4 days ago"),
    ],
)
def test_an_age_is_written_in_its_largest_unit(age, words):
    assert write_age(timedelta(seconds=age)) == words


@pytest.mark.parametrize("others", range(9))
def test_nobody_stands_where_the_name_of_this_site_does(others):
    facts = {"title": "", "url": "", "status": "ok", "since": START, "heard_at": None, "role": "", "place": ""}
    sites = [Site(id=f"s{number}", operator="", collections=None, offers={}, **facts) for number in range(others + 1)]

    picture = draw_federation(sites, {})

    assert len({(node["x"], node["y"]) for node in picture["nodes"]}) == others + 1
    assert not any(abs(node["x"]) < 10 and node["y"] > 0 for node in picture["nodes"])
    assert all(picture["top"] < node["y"] < picture["top"] + picture["height"] for node in picture["nodes"])
