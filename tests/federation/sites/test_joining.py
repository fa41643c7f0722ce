"""Two sites trust each other when both operators have said so, and not before."""

import pytest

from federation.sites.running import OPERATOR, federation
from stac_documents import a_collection
from twinlake.testing.identity import assert_every_route_is_guarded


@pytest.fixture
async def pair(tmp_path):
    async with federation(tmp_path, ["central", "climate"]) as (central, climate):
        yield central, climate


async def join(central, climate):
    """Go all three steps."""
    invite = await central.sites.joining.invite(by=OPERATOR)
    await climate.sites.joining.join(invite, by=OPERATOR)
    await central.sites.joining.trust(climate.id, frozenset(), by=OPERATOR)
    await central.watch.go_round()
    await climate.watch.go_round()


async def test_both_operators_act(pair):
    central, climate = pair

    invite = await central.sites.joining.invite(by=OPERATOR)
    assert central.sites.directory.list_peers() == []
    await climate.sites.joining.join(invite, by=OPERATOR)

    assert (central.peer(climate).state, climate.peer(central).state) == ("pending", "invited")
    assert central.sites.directory.list_trusted() == climate.sites.directory.list_trusted() == []
    await climate.watch.go_round()
    assert climate.peer(central).state == "invited"

    await central.sites.joining.trust(climate.id, frozenset({"data-steward"}), by=OPERATOR)

    assert (central.peer(climate).state, climate.peer(central).state) == ("trusted", "trusted")
    assert central.sites.directory.find_by_issuer("urn:twinlake:site:climate").roles == {"data-steward"}
    assert climate.sites.directory.find_by_issuer("urn:twinlake:site:central").roles == frozenset()
    assert central.peer(climate).fingerprint == climate.sites.own.fingerprint


async def test_trusted_sites_know_what_everybody_may_discover_at_each_other_and_how_far_they_are(pair):
    central, climate = pair
    await climate.local.services.catalogue.put_collection(a_collection("A1B"))
    await join(central, climate)

    heard = central.peer(climate)
    assert heard.descriptor.collection_ids == {"A1B"}
    assert (heard.descriptor.operator_name, heard.token_url.startswith(climate.url)) == ("Operator of climate", True)
    assert heard.refusal is None
    assert not heard.is_stale(central.clock.now())
    [link] = await central.sites.links.list_latest()
    assert (link.peer, link.round_trip.total_seconds() > 0, link.bytes_per_second > 0) == ("climate", True, True)


async def test_every_route_is_guarded(pair):
    assert_every_route_is_guarded(pair[0].app)
