"""Two sites trust each other when both operators have said so, and not before."""

import base64
import json
from dataclasses import replace
from ipaddress import ip_address

import msgspec
import pytest

from engines.test_network_guard import MALFORMED, SPELLINGS
from federation.sites.hostile import HostileServer, answering
from federation.sites.running import OPERATOR, federation, peer_token
from federation.sites.saying import Speaker, new_key, public
from stac_documents import a_collection
from twinlake.core.errors import InvalidInputError
from twinlake.engines.network import DestinationRefusedError
from twinlake.federation.errors import PeerRefusedError, PeerUnreachableError
from twinlake.federation.sites.breaking import Budget
from twinlake.federation.sites.calls import PeerQuestion
from twinlake.federation.sites.errors import (
    DescriptorRefusedError,
    InviteError,
    JoinRefusedError,
    PeerNotFoundError,
    PeerStateError,
)
from twinlake.federation.sites.invites import parse_invite
from twinlake.federation.sites.messages import JOIN, STANDING, STANDING_ANSWER, StandingNote
from twinlake.federation.sites.trust import PeerDirectory
from twinlake.identity.keys import jwt
from twinlake.testing.clock import HandClock
from twinlake.testing.identity import PERSONAS, assert_every_route_is_guarded, find_wrong_admissions

pytestmark = pytest.mark.slow


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


@pytest.mark.slow  # three sites
async def test_an_invite_is_good_once_for_one_site_and_one_week(tmp_path):
    clock = HandClock()
    async with federation(tmp_path, ["central", "climate", "extremes"], clock=clock) as (central, climate, extremes):
        invite = await central.sites.joining.invite(by=OPERATOR)
        await climate.sites.joining.join(invite, by=OPERATOR)
        await climate.sites.joining.join(invite, by=OPERATOR)  # its answer may have been lost

        with pytest.raises(PeerRefusedError, match="invite is not good"):
            await extremes.sites.joining.join(invite, by=OPERATOR)
        assert central.sites.directory.find("extremes") is None
        assert extremes.sites.directory.find("central") is None

        late = await central.sites.joining.invite(by=OPERATOR)
        clock.advance(days=7)
        with pytest.raises(PeerRefusedError, match="invite is not good"):
            await extremes.sites.joining.join(late, by=OPERATOR)


async def test_the_secret_of_an_invite_is_kept_nowhere(pair):
    central, climate = pair
    invite = await central.sites.joining.invite(by=OPERATOR)
    await climate.sites.joining.join(invite, by=OPERATOR)
    secret = parse_invite(invite).secret

    for site in pair:
        kept = b"".join(file.read_bytes() for file in site.local.services.folder.path.rglob("*") if file.is_file())
        assert b"federation_peer" in kept
        assert secret.encode() not in kept
        assert secret.encode() not in site.local.log_stream.getvalue()


@pytest.mark.parametrize("text", ["", "twinlake-invite:", "twinlake-invite:AAAA", "x" * 10_000, "twinlake-invite:e30", "ä"])
def test_what_is_no_invite_is_refused(text):
    with pytest.raises(InviteError):
        parse_invite(text)


async def test_a_site_does_not_join_itself_nor_twice(pair):
    central, climate = pair
    with pytest.raises(InviteError, match="made by this site"):
        await central.sites.joining.join(await central.sites.joining.invite(by=OPERATOR), by=OPERATOR)
    await join(central, climate)

    with pytest.raises(PeerStateError, match="joined already"):
        await climate.sites.joining.join(await central.sites.joining.invite(by=OPERATOR), by=OPERATOR)


async def test_who_has_not_the_key_of_the_invite_is_not_asked(pair):
    central, climate = pair
    invite = parse_invite(await central.sites.joining.invite(by=OPERATOR))
    forged = msgspec.structs.replace(invite, fingerprint=climate.sites.own.fingerprint)

    with pytest.raises(DescriptorRefusedError, match="no key that this site trusts"):
        await climate.sites.joining.join(forged.to_text(), by=OPERATOR)

    assert central.sites.directory.list_peers() == climate.sites.directory.list_peers() == []


async def test_a_site_off_the_public_internet_is_called_only_where_the_settings_say(tmp_path):
    async with federation(tmp_path, ["central", "climate"], named=False) as (central, climate):
        invite = await central.sites.joining.invite(by=OPERATOR)

        with pytest.raises(DestinationRefusedError, match="cannot be called") as caught:
            await climate.sites.joining.join(invite, by=OPERATOR)

        assert "The operator of 'climate' sets federation.addresses" in caught.value.remedy
        assert f'addresses = {{ central = "{central.url}" }}, and restarts it.' in caught.value.remedy


async def test_a_site_that_cannot_call_back_says_which_operator_sets_what(tmp_path):
    async with (
        federation(tmp_path / "here", ["central"]) as (central,),
        federation(tmp_path / "there", ["climate"], beside={"central": central.url}) as (climate,),
    ):
        invite = await central.sites.joining.invite(by=OPERATOR)

        with pytest.raises(PeerRefusedError, match=r"central answered \d+: The site 'climate' cannot be called") as caught:
            await climate.sites.joining.join(invite, by=OPERATOR)

    assert "The operator of 'central' sets federation.addresses" in caught.value.remedy
    assert f'climate = "{climate.url}"' in caught.value.remedy


async def test_two_sites_of_one_id_are_told_so(tmp_path):
    async with federation(tmp_path / "a", ["central"]) as (one,), federation(tmp_path / "b", ["central"]) as (other,):
        with pytest.raises(InviteError, match="has the id 'central', as this one has") as caught:
            await other.sites.joining.join(await one.sites.joining.invite(by=OPERATOR), by=OPERATOR)

    assert "twinlake init DIR --id" in caught.value.remedy


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("http://127.0.0.1:8700/lake", "http://127.0.0.1:8700"),
        ("http://localhost:8700", "http://localhost:8700"),
        ("http://[::1]:8700", "http://[::1]:8700"),
        ("http://10.0.0.7:8700", "https://…"),
        ("https://10.0.0.7:8700", "https://10.0.0.7:8700"),
    ],
)
async def test_the_address_to_set_is_one_that_may_be_set(pair, url, address):
    central, _ = pair
    invite = msgspec.structs.replace(parse_invite(await central.sites.joining.invite(by=OPERATOR)), id="third", url=url)

    with pytest.raises(DestinationRefusedError) as caught:
        await central.sites.joining.join(invite.to_text(), by=OPERATOR)

    assert f'third = "{address}"' in caught.value.remedy


async def test_only_a_site_that_asked_is_confirmed(pair):
    central, climate = pair
    with pytest.raises(PeerNotFoundError):
        await central.sites.joining.trust("nobody", frozenset(), by=OPERATOR)

    await climate.sites.joining.join(await central.sites.joining.invite(by=OPERATOR), by=OPERATOR)

    with pytest.raises(PeerStateError, match="not confirmed yet"):
        await climate.sites.joining.trust(central.id, frozenset(), by=OPERATOR)


async def test_no_site_may_assert_an_operator(pair):
    central, climate = pair
    await join(central, climate)

    for role in ("operator", "administrator", "root"):
        with pytest.raises(InvalidInputError):
            await central.sites.joining.trust(climate.id, frozenset({"data-steward", role}), by=OPERATOR)

    assert central.peer(climate).roles == frozenset()


async def test_parting_is_told_and_takes_a_new_invite(pair):
    central, climate = pair
    await join(central, climate)
    version = central.sites.directory.version

    await climate.sites.joining.leave(central.id, by=OPERATOR)

    assert (central.peer(climate).state, climate.peer(central).state) == ("left", "left")
    assert central.sites.directory.list_trusted() == climate.sites.directory.list_trusted() == []
    assert central.sites.directory.version != version
    with pytest.raises(PeerStateError, match="parted"):
        await central.sites.joining.trust(climate.id, frozenset(), by=OPERATOR)
    await join(central, climate)
    assert (central.peer(climate).state, climate.peer(central).state) == ("trusted", "trusted")
    assert central.sites.directory.version == version


async def test_a_departure_that_was_not_heard_is_heard_later(pair):
    central, climate = pair
    await join(central, climate)
    await climate.sites.directory.change(
        central.id, lambda peer: replace(peer, state="left"), by=OPERATOR, action="leave_site"
    )  # as if nobody could be told

    await central.watch.go_round()

    assert central.peer(climate).state == "left"


async def test_a_blocked_site_is_not_asked_and_counts_for_nothing_until_the_block_is_lifted(pair):
    central, climate = pair
    await join(central, climate)

    await central.sites.joining.block(climate.id, by=OPERATOR)

    assert central.sites.directory.find_by_issuer("urn:twinlake:site:climate") is None
    with pytest.raises(DestinationRefusedError, match="blocked"):
        await central.sites.client.ask(
            central.peer(climate), PeerQuestion(path="/"), budget=Budget(clock=central.clock, seconds=9, size_bytes=9)
        )
    await climate.watch.go_round()
    assert "does not speak with the other now" in climate.local.log()[-1]["reason"]
    assert climate.peer(central).state == "trusted"

    await central.sites.joining.trust(climate.id, frozenset(), by=OPERATOR)
    assert central.sites.directory.find_by_issuer("urn:twinlake:site:climate").state == "trusted"


@pytest.mark.slow  # three sites
async def test_an_answer_of_another_site_is_no_answer(tmp_path):
    async with federation(tmp_path, ["central", "climate", "extremes"]) as (central, climate, extremes):
        await join(central, climate)
        await join(central, extremes)
        confused = replace(central.peer(climate), address=extremes.wan.url)

        with pytest.raises(PeerRefusedError):
            await central.sites.joining.tell(confused)
        await central.watch.visit(confused)

        assert central.peer(climate).state == "trusted"
        assert central.peer(climate).refusal.startswith("unknown-key")


async def post(site, path, body):
    async with site.client() as nobody:
        return await nobody.post(path, json=body)


async def test_a_message_counts_once_signed_by_whom_it_names_for_whom_it_names_and_for_a_minute(tmp_path):
    clock = HandClock()
    async with federation(tmp_path, ["central", "climate"], clock=clock) as (central, climate):
        await join(central, climate)
        own, issued = climate.sites.own, int(clock.now().timestamp())
        said = {
            "sender": own.facts.issuer,
            "receiver": central.sites.own.facts.issuer,
            "issued": issued,
            "expires": issued + 60,
            "keys": [own.signing_jwk],
            "standing": "left",
            "nonce": "n",
        }
        stranger = new_key()

        def sign(typ=STANDING, key=None, **other):
            note = msgspec.to_builtins(StandingNote(**{**said, **other}))
            return jwt.sign(note, key or climate.keys.signing_key("site"), typ=typ)

        for forged in (
            "", "a.b.c", sign(typ=STANDING_ANSWER), sign(typ="JWT"), sign(receiver="urn:twinlake:site:extremes"), sign(sender=said["receiver"]),
            sign(expires=issued + 3600), sign(issued=issued - 200, expires=issued - 100), sign(key=stranger, keys=[public(stranger)]),
            sign(key=stranger), sign(keys=[]), sign(keys=[{**public(stranger), "kid": own.fingerprint}], key=replace(stranger, kid=own.fingerprint)),
        ):  # fmt: skip
            answer = await post(central, "/federation/standing", {"signed": forged})
            assert answer.status_code in {403, 429}, forged
            assert central.peer(climate).state == "trusted"
        assert answer.status_code == 429
        clock.advance(minutes=20)
        assert (await post(central, "/federation/standing", {"signed": sign()})).status_code == 403

        said |= {"issued": issued + 1200, "expires": issued + 1260}
        assert (await post(central, "/federation/standing", {"signed": sign()})).status_code == 200
        assert central.peer(climate).state == "left"


async def test_what_is_no_message_is_a_clear_refusal(pair):
    for body in (None, {}, {"signed": 1}, {"signed": "x" * 30_000}, {"signed": "x", "more": 1}, []):
        for path in ("/federation/join", "/federation/standing"):
            answer = await post(pair[0], path, body)
            assert answer.status_code in {400, 413}
            assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.slow  # three sites
async def test_a_second_site_of_a_known_id_is_refused(tmp_path):
    async with (
        federation(tmp_path / "a", ["central", "climate"]) as (central, climate),
        federation(tmp_path / "b", ["climate"], beside={"central": central.url}) as (impostor,),
    ):
        await join(central, climate)
        invite = await central.sites.joining.invite(by=OPERATOR)

        with pytest.raises(PeerRefusedError, match="another key"):
            await impostor.sites.joining.join(invite, by=OPERATOR)

        assert central.peer(climate).fingerprint == climate.sites.own.fingerprint


async def test_operators_act_over_http_and_every_act_is_in_the_audit_log(pair):
    central, climate = pair
    tokens = [await site.local.token("boss", roles=["administrator"]) for site in pair]
    async with central.client(tokens[0]) as here, climate.client(tokens[1]) as there:
        invite = (await here.post("/api/federation/invites")).json()["invite"]
        asked = await there.post("/api/federation/joins", json={"invite": invite})
        [pending] = (await here.get("/api/federation/peers")).json()["peers"]
        trusted = await here.put("/api/federation/peers/climate/trust", json={"roles": ["data-steward"]})
        links = (await here.get("/api/federation/links")).json()["links"]
        blocked = await here.put("/api/federation/peers/climate/block")
        left = await here.delete("/api/federation/peers/climate")
        unknown = await here.put("/api/federation/peers/nobody/block")

    assert (asked.status_code, asked.json()["state"]) == (202, "invited")
    assert (pending["id"], pending["state"], pending["seq"]) == ("climate", "pending", None)
    assert (trusted.json()["state"], trusted.json()["roles"], trusted.json()["place"]) == ("trusted", ["data-steward"], "Here")
    assert [link["peer"] for link in links] == ["climate"]
    assert (blocked.json()["state"], left.json()["state"], unknown.status_code) == ("blocked", "left", 404)
    acts = [entry["action"] for entry in await central.local.services.audit.list_entries(before=None, limit=50)]
    assert {"invite_site", "ask_to_join", "trust_site", "block_site", "leave_site"} <= set(acts)


async def test_who_is_no_administrator_does_none_of_it(pair):
    central, _ = pair
    token = await central.local.token("somebody", roles=["operator"])
    asked = (
        ("GET", "peers"), ("POST", "invites"), ("POST", "joins"), ("PUT", "peers/climate/trust"), ("PUT", "peers/climate/block"),
        ("DELETE", "peers/climate"), ("GET", "links"),
    )  # fmt: skip
    for who, expected in ((None, 401), (token, 403)):
        async with central.client(who) as client:
            for method, path in asked:
                assert (await client.request(method, f"/api/federation/{path}")).status_code == expected


async def test_every_route_lets_in_whom_it_should(pair):
    tokens = {
        name: await pair[0].local.token(name, roles=persona.roles, scopes=persona.scopes) for name, persona in PERSONAS.items()
    }
    assert await find_wrong_admissions(pair[0].app, tokens) == []


async def test_links_and_probes_are_for_peers(pair):
    central, climate = pair
    await join(central, climate)
    await central.watch.go_round()
    token = peer_token(central.local.services, peer="climate")
    async with central.client() as nobody, central.client(await central.local.token("somebody")) as somebody:
        for person in (nobody, somebody):
            refused = await person.get("/federation/probe/10")
            assert (refused.status_code, refused.json()["code"]) == (403, "not-a-peer")
            assert "links" not in (await person.get("/.well-known/twinlake")).json()
    async with central.client(token) as peer:
        [link] = (await peer.get("/.well-known/twinlake")).json()["links"]
        assert (await peer.get("/federation/probe/10")).content == bytes(10)
        assert (await peer.get("/federation/probe/262145")).status_code == 404

    assert (link["peer"], link["bytes_per_second"] > 0, link["age_seconds"] >= 0) == ("climate", True, True)


async def test_guessing_secrets_is_slow(pair):
    central, _ = pair
    statuses = [(await post(central, "/federation/join", {"signed": "a.b.c"})).status_code for _ in range(12)]

    assert statuses == [403] * 10 + [429] * 2


async def test_peers_are_there_after_a_restart(pair):
    central, climate = pair
    await join(central, climate)
    services = central.local.services
    again = PeerDirectory(database=services.database, audit=services.audit, clock=central.clock, addresses={})

    await again.load()

    known = central.peer(climate)
    assert again.get("climate") == known
    assert again.version == central.sites.directory.version
    assert again.get("climate").address is None


def spell(url):
    """Write an invite to *url*, whatever that is."""
    said = {"id": "climate", "url": url, "fingerprint": "x" * 43, "secret": "s"}
    return "twinlake-invite:" + base64.urlsafe_b64encode(json.dumps(said).encode()).rstrip(b"=").decode()


async def point_inside(host, port):
    """Resolve every name to loopback."""
    return [ip_address("127.0.0.1")]


async def test_no_url_of_an_invite_or_of_a_site_that_asks_leads_inside(tmp_path):
    async with (
        HostileServer(answering(b"{}")) as inside,
        federation(tmp_path, ["central"], clock=HandClock(), resolve=point_inside) as (central,),
    ):
        joining = central.sites.joining
        urls = [f"{scheme}://{host}:{inside.port}" for host in SPELLINGS for scheme in ("http", "https")]
        for url in (*urls, inside.url, *MALFORMED):
            with pytest.raises((InviteError, DestinationRefusedError, PeerUnreachableError)):
                await joining.join(spell(url), by=OPERATOR)
        assert central.sites.directory.list_peers() == []

        speaker = Speaker()
        issued = int(central.clock.now().timestamp())
        for number, url in enumerate((*urls, inside.url, *MALFORMED)):
            asked = {
                "iss": f"urn:twinlake:site:liar{number}",
                "aud": central.sites.own.facts.issuer,
                "iat": issued,
                "exp": issued + 60,
                "keys": [public(speaker.keys[0])],
                "id": f"liar{number}",
                "url": url,
                "secret": parse_invite(await joining.invite(by=OPERATOR)).secret,
            }
            try:
                await joining.admit(jwt.sign(asked, speaker.keys[0], typ=JOIN))
            except (JoinRefusedError, DestinationRefusedError):
                continue
            await joining.trust(f"liar{number}", frozenset(), by=OPERATOR)  # a name, which is looked at when it is called
        await central.watch.go_round()

        assert {peer.fetched_at for peer in central.sites.directory.list_peers()} <= {None}
        assert inside.connections == 0
