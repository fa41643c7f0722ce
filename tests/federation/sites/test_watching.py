"""What is known of peers is kept fresh, survives their absence, and is not changed by their lies."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import orjson
import pytest

from federation.sites.hostile import HostileServer, answering
from federation.sites.running import OPERATOR, federation
from federation.sites.saying import Speaker
from stac_documents import a_collection
from twinlake.federation.sites import own
from twinlake.federation.sites.own import OwnDescriptor
from twinlake.federation.sites.trust import Peer
from twinlake.holdings.catalogue.interfaces import ItemDraft
from twinlake.identity.keys.ring import PUBLISHED_BEFORE
from twinlake.testing.clock import START, HandClock
from twinlake.testing.generated_items import generated_item

pytestmark = pytest.mark.slow


@pytest.fixture
def clock():
    return HandClock()


async def join(central, climate):
    await climate.sites.joining.join(await central.sites.joining.invite(by=OPERATOR), by=OPERATOR)
    await central.sites.joining.trust(climate.id, frozenset(), by=OPERATOR)
    await central.watch.go_round()
    await climate.watch.go_round()


async def said_by(site):
    async with site.client() as nobody:
        return (await nobody.get("/.well-known/twinlake")).json()


async def test_a_site_says_the_same_until_it_has_changed_or_half_a_day_has_gone(tmp_path, clock):
    async with federation(tmp_path, ["central"], clock=clock) as (central,):
        first = await said_by(central)
        clock.advance(hours=11)
        assert await said_by(central) == first

        clock.advance(hours=1)
        second = await said_by(central)
        assert second["descriptor"]["seq"] > first["descriptor"]["seq"]
        assert second["descriptor"]["iat"] == first["descriptor"]["iat"] + 12 * 3600

        await central.local.services.catalogue.put_collection(a_collection("A1B"))
        clock.advance(seconds=10)
        third = await said_by(central)
        assert third["descriptor"]["seq"] > second["descriptor"]["seq"]
        assert [each["id"] for each in third["descriptor"]["collections"]] == ["A1B"]


async def test_a_site_tells_nobody_of_what_not_everybody_may_discover(tmp_path, clock):
    async with federation(tmp_path, ["central"], clock=clock) as (central,):
        await central.local.services.catalogue.put_collection(a_collection("A1B"))
        await central.local.services.catalogue.put_collection(
            a_collection("SECRET"),
            access=replace((await central.local.services.catalogue.list_access())["A1B"], access="private"),
        )
        text = orjson.dumps(await said_by(central)).decode()

    assert '"A1B"' in text
    assert "SECRET" not in text


async def test_a_site_with_more_collections_than_a_descriptor_has_place_for_says_so(tmp_path, clock, monkeypatch):
    monkeypatch.setattr(own, "MAX_COLLECTIONS", 3)
    async with federation(tmp_path, ["central"], clock=clock) as (central,):
        catalogue = central.local.services.catalogue
        for name in ("e", "b", "d", "a", "c"):
            await catalogue.put_collection(a_collection(name))
        await catalogue.put_items([ItemDraft(document={**generated_item(1), "collection": "b"})])
        descriptor = (await said_by(central))["descriptor"]

    assert [(each["id"], each.get("items", 0)) for each in descriptor["collections"]] == [("a", 0), ("b", 1), ("c", 0)]
    assert descriptor["unlisted"] == 2


async def test_a_restart_tells_a_higher_number(tmp_path, clock):
    async with federation(tmp_path, ["central"], clock=clock) as (central,):
        first = (await said_by(central))["descriptor"]["seq"]
        services = central.local.services
        again = OwnDescriptor(
            facts=central.sites.own.facts,
            keys=central.keys,
            holdings=services.catalogue,
            visibilities=services.collections,
            database=services.database,
            clock=clock,
        )

        assert orjson.loads(await again.to_json())["descriptor"]["seq"] == first + 1


async def test_keys_are_rotated_without_asking_anybody(tmp_path, clock):
    async with federation(tmp_path, ["central", "climate"], clock=clock) as (central, climate):
        await join(central, climate)
        root = climate.sites.own.fingerprint

        await climate.keys.rotate("site")
        clock.advance(seconds=10)
        assert len((await said_by(climate))["signed"]) == 2
        await central.watch.go_round()
        assert len(central.peer(climate).fingerprints) == 2

        clock.advance(seconds=PUBLISHED_BEFORE.total_seconds())
        assert climate.sites.own.fingerprint != root
        await climate.watch.go_round()  # signs with the new key, which is believed
        clock.advance(hours=13)
        await central.watch.go_round()
        clock.advance(hours=13)
        assert len((await said_by(climate))["signed"]) == 1
        await central.watch.go_round()

        known = central.peer(climate)
        assert (known.state, known.refusal, known.fingerprint) == ("trusted", None, root)
        assert known.fingerprints == {climate.sites.own.fingerprint}


async def test_many_rotations_in_a_day_are_still_believed(tmp_path, clock):
    async with federation(tmp_path, ["central", "climate"], clock=clock) as (central, climate):
        await join(central, climate)
        for _ in range(5):
            await climate.keys.rotate("site")
            clock.advance(seconds=10)
            await central.watch.go_round()
            clock.advance(minutes=16)

        known = central.peer(climate)
        assert (known.refusal, len(known.fingerprints)) == (None, 4)
        await climate.watch.go_round()
        assert climate.peer(central).state == "trusted"


async def test_a_peer_that_is_away_stays_known_and_its_last_keys_count_for_what_was_signed_before(tmp_path, clock):
    async with federation(tmp_path, ["central", "climate"], clock=clock) as (central, climate):
        await join(central, climate)
        heard_at = central.peer(climate).fetched_at

        await climate.wan.cut()
        clock.advance(hours=25)
        await central.watch.go_round()

        known = central.peer(climate)
        assert (known.state, known.fetched_at, known.is_stale(clock.now())) == ("trusted", heard_at, True)
        assert known.site_keys(clock.now(), signed_at=heard_at) == tuple(known.descriptor.keys.site)
        assert known.site_keys(clock.now(), signed_at=heard_at + timedelta(seconds=1)) == ()

        climate.wan.mend()
        await central.watch.go_round()
        assert not central.peer(climate).is_stale(clock.now())


async def test_the_way_to_a_peer_is_measured_as_it_is(tmp_path):
    async with federation(tmp_path, ["central", "climate"]) as (central, climate):
        await join(central, climate)
        climate.wan.delay_seconds = 0.05

        await central.watch.go_round()

        [link] = await central.sites.links.list_latest()
        assert link.round_trip >= timedelta(seconds=0.1)
        assert (await central.sites.links.list_of("climate"))[0] == link


async def test_a_hundred_measurements_are_kept(tmp_path, clock):
    async with federation(tmp_path, ["central"], clock=clock) as (central,):
        for _ in range(103):
            clock.advance(seconds=1)
            await central.sites.links.add("climate", round_trip_seconds=0.1, bytes_per_second=1e6)

        kept = await central.sites.links.list_of("climate")
        assert len(kept) == 100
        assert kept[0].at == clock.now()
        clock.advance(seconds=60)
        assert central.sites.links.to_json(kept)[0]["age_seconds"] == 60


def serving(document):
    """Answer with *document* where a site describes itself, and refuse all else."""
    good, bad = answering(document), answering(b"{}", status="404 Not Found")

    async def speak(writer, path):
        await (good if path == "/.well-known/twinlake" else bad)(writer, path)

    return speak


async def test_lies_are_refused_and_shown_and_change_nothing(tmp_path, clock):
    liar, stranger = Speaker(), Speaker()
    (good,) = liar.sign(liar.descriptor(seq=5))
    lies = {
        "unsigned": [],
        "unknown-key": stranger.sign(stranger.descriptor(seq=6)),
        "other-site": liar.sign(liar.descriptor(seq=6, id="extremes", issuer="urn:twinlake:site:extremes")),
        "rolled-back": liar.sign(liar.descriptor(seq=4)),
        "contradictory": liar.sign(liar.descriptor(seq=5, place="Elsewhere")),
        "expired": liar.sign(liar.descriptor(seq=6, now=START - timedelta(days=2))),
        "unreadable": liar.sign({"id": "climate"}),
        "oversized": [good + "A" * (4 << 20)],
    }
    bodies = {reason: orjson.dumps({"signed": signed}) for reason, signed in lies.items()}
    more = [b"[]", b"{}", b'{"signed": "x"}', b"<html>", b"[" * 1000]
    async with (
        HostileServer(serving(orjson.dumps({"signed": [good]}))) as server,
        federation(tmp_path, ["central"], clock=clock, beside={"climate": server.url}) as (central,),
    ):
        directory = central.sites.directory
        known = {
            "id": "climate",
            "public_url": liar.url,
            "fingerprint": liar.keys[0].kid,
            "state": "trusted",
            "changed_at": START,
        }
        peer = Peer(**known, fingerprints=frozenset({liar.keys[0].kid}))
        await directory.change("climate", lambda _: peer, by=OPERATOR, action="trust_site")
        await central.watch.go_round()
        believed = directory.get("climate")
        assert (believed.descriptor.seq, believed.refusal) == (5, None)

        for reason, body in [*bodies.items(), *(("unreadable", body) for body in more)]:
            server.speak = serving(body)
            clock.advance(seconds=31)  # the breaker rests after five answers that are none
            await central.watch.go_round()
            found = directory.get("climate")
            assert (found.refusal or "").startswith(f"{reason}: "), reason
            assert replace(found, refusal=None) == believed

        server.speak = serving(orjson.dumps({"signed": liar.sign(liar.descriptor(seq=6))}))
        clock.advance(seconds=31)
        await central.watch.go_round()
        assert (directory.get("climate").descriptor.seq, directory.get("climate").refusal) == (6, None)


async def test_the_loop_goes_round_until_the_site_is_closing(tmp_path):
    async with federation(tmp_path, ["central", "climate"]) as (central, climate):
        await climate.sites.joining.join(await central.sites.joining.invite(by=OPERATOR), by=OPERATOR)
        await central.sites.directory.change(
            climate.id, lambda peer: replace(peer, state="trusted"), by=OPERATOR, action="trust_site"
        )
        changed = asyncio.Event()
        climate.local.services.database.on_commit(lambda: changed.set() if climate.sites.directory.list_trusted() else None)
        running = asyncio.create_task(climate.watch.run())
        async with asyncio.timeout(30):
            await changed.wait()
            climate.local.services.closing.set()
            await running
        assert climate.peer(central).state == "trusted"
