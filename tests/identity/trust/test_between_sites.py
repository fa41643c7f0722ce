"""Who speaks for whom at another site, and every way in which nobody may."""

from datetime import timedelta

import pytest
from joserfc.jwk import OKPKey

from twinlake.core.errors import InvalidInputError, NotFoundError
from twinlake.identity.errors import InvalidTokenError
from twinlake.identity.keys.jwt import peek, sign
from twinlake.identity.keys.ring import SigningKey
from twinlake.identity.principals import ANONYMOUS, Caller, Principal
from twinlake.identity.trust.assertions import ASSERTION, CLIENT_ASSERTION
from twinlake.identity.trust.delegations import NewDelegation
from twinlake.identity.trust.models import VerifiedSubject
from twinlake.identity.trust.site_grants import ACCESS_TOKEN_TYPE, ASSERTION_TYPE, CLIENT_ASSERTION_TYPE, DELEGATION_TYPE

ROLE = "data-steward"
ALICE = VerifiedSubject(principal=Principal("urn:twinlake:site:central", "alice"), roles=frozenset())


def caller_of(principal, **more):
    return Caller(principal=principal, roles=frozenset({ROLE, "operator"}), **more)


def proof(site, audience):
    return {"client_assertion_type": CLIENT_ASSERTION_TYPE, "client_assertion": site.signer.authenticate(audience.issuer)}


async def redeem(asker, peer, assertion):
    return await peer.site_grants.redeem({"assertion": assertion, **proof(asker, peer)})


class TestAtHome:
    """Home asks a peer for one of its own accounts."""

    async def test_the_peer_hears_who_asks(self, central, climate, alice):
        climate.roles["central"] = frozenset({ROLE})

        caller = await climate.bearer.verify(await central.peer_tokens.token_for(caller_of(alice), climate.issuer))

        assert caller.principal == alice
        assert caller.peer == "central"
        assert caller.scopes == {"search", "read"}
        assert caller.roles == {ROLE}

    async def test_roles_count_only_where_the_peer_trusts_home_with_them(self, central, climate, alice):
        caller = await climate.bearer.verify(await central.peer_tokens.token_for(caller_of(alice), climate.issuer))

        assert caller.roles == frozenset()

    async def test_operators_are_operators_at_home_only(self, central, climate, alice):
        climate.roles["central"] = frozenset({ROLE, "operator", "administrator"})
        await climate.grant(alice, "operator")

        token = await central.peer_tokens.token_for(caller_of(alice), climate.issuer)

        assert (await climate.bearer.verify(token)).roles == {ROLE}

    async def test_nobody_in_particular_is_the_site(self, central, climate):
        caller = await climate.bearer.verify(await central.peer_tokens.token_for(ANONYMOUS, climate.issuer))

        assert caller.principal == Principal(central.issuer, "site")
        assert caller.roles == frozenset()

    async def test_a_token_serves_for_five_minutes_and_only_its_principal(self, central, climate, alice, federation, clock):
        first = await central.peer_tokens.token_for(caller_of(alice), climate.issuer)
        assert await central.peer_tokens.token_for(caller_of(alice), climate.issuer) == first
        assert len(federation.requests) == 1

        bob = await central.peer_tokens.token_for(caller_of(Principal(central.issuer, "bob")), climate.issuer)
        assert bob != first
        clock.advance(minutes=4, seconds=31)
        assert await central.peer_tokens.token_for(caller_of(alice), climate.issuer) != first
        clock.advance(minutes=1)
        with pytest.raises(InvalidTokenError, match="expired"):
            await climate.bearer.verify(first)

    async def test_a_change_of_roles_is_another_token(self, central, climate, alice):
        climate.roles["central"] = frozenset({ROLE})
        with_role = await central.peer_tokens.token_for(caller_of(alice), climate.issuer)
        without = await central.peer_tokens.token_for(Caller(principal=alice), climate.issuer)

        assert (await climate.bearer.verify(with_role)).roles == {ROLE}
        assert (await climate.bearer.verify(without)).roles == frozenset()


class TestAwayFromHome:
    """Another site asks a third for somebody else's user."""

    @pytest.fixture
    async def signed_in(self, central, climate, alice):
        await climate.vault.keep("sid", central.desp_token("alice", site="climate"))
        return Caller(principal=alice, session="sid")

    async def test_home_vouches_and_names_who_acts(self, climate, extremes, signed_in, alice, federation):
        extremes.roles["central"] = frozenset({ROLE})

        caller = await extremes.bearer.verify(await climate.peer_tokens.token_for(signed_in, extremes.issuer))

        assert caller.principal == alice
        assert caller.peer == "climate"
        assert caller.roles == {ROLE}
        assertion = peek(federation.requests[-1][1]["assertion"])[1]
        assert assertion["iss"] == "urn:twinlake:site:central"
        assert assertion["act"] == {"sub": climate.issuer}

    async def test_home_itself_is_asked_too(self, climate, central, signed_in, alice):
        caller = await central.bearer.verify(await climate.peer_tokens.token_for(signed_in, central.issuer))

        assert caller.principal == alice
        assert caller.peer == "climate"

    async def test_without_a_sign_in_from_home_the_site_asks_for_itself(self, climate, extremes, alice):
        token = await climate.peer_tokens.token_for(Caller(principal=alice), extremes.issuer)

        assert (await extremes.bearer.verify(token)).principal == Principal(climate.issuer, "site")

    async def test_an_ended_sign_in_is_no_longer_vouched_for(self, central, climate, extremes, signed_in):
        central.ended.add("sid-alice")

        with pytest.raises(InvalidTokenError, match="ended"):
            await climate.peer_tokens.token_for(signed_in, extremes.issuer)

    async def test_home_refuses_a_token_that_was_made_for_another_site(self, central, extremes, signed_in, alice):
        await extremes.vault.keep("sid", central.desp_token("alice", site="climate"))

        with pytest.raises(InvalidTokenError, match="another site"):
            await extremes.peer_tokens.token_for(signed_in, central.issuer)

    async def test_home_vouches_only_at_sites_that_it_trusts(self, central, climate, extremes, signed_in):
        central.blocked.add("extremes")

        with pytest.raises(InvalidInputError, match="audience"):
            await climate.peer_tokens.token_for(signed_in, extremes.issuer)

    async def test_home_does_not_vouch_for_an_asker_that_it_blocked(self, central, climate, extremes, signed_in):
        central.blocked.add("climate")

        with pytest.raises(InvalidTokenError, match="not trusted"):
            await climate.peer_tokens.token_for(signed_in, extremes.issuer)

    async def test_home_takes_no_token_of_its_other_realm_and_no_id_token(self, central, climate, alice):
        for token in (
            central.dedl_token(alice, **{"twinlake:site": "climate"}),
            central.desp_token("alice", site="climate", typ="ID"),
            central.desp_token("alice", site="climate", typ="Refresh"),
        ):
            form = {"subject_token": token, "subject_token_type": ACCESS_TOKEN_TYPE, "audience": central.issuer}
            with pytest.raises(InvalidTokenError):
                await central.site_grants.exchange({**form, "requested_token_type": ASSERTION_TYPE, **proof(climate, central)})


class TestAttacks:
    """What is presented at a site that does not fit."""

    async def test_an_assertion_sent_twice(self, central, climate):
        assertion = central.signer.assert_subject(ALICE, audience=climate.issuer)
        await redeem(central, climate, assertion)

        with pytest.raises(InvalidTokenError, match="used before"):
            await redeem(central, climate, assertion)

    async def test_a_client_assertion_sent_twice(self, central, climate):
        sent = proof(central, climate)
        await climate.reader.read_client(sent["client_assertion"])

        with pytest.raises(InvalidTokenError, match="used before"):
            await climate.reader.read_client(sent["client_assertion"])

    async def test_an_assertion_for_another_site(self, central, climate, extremes):
        with pytest.raises(InvalidTokenError, match="another site"):
            await redeem(central, climate, central.signer.assert_subject(ALICE, audience=extremes.issuer))

    async def test_an_assertion_in_the_hands_of_another_site(self, central, climate, extremes):
        assertion = central.signer.assert_subject(ALICE, audience=extremes.issuer)
        named = central.signer.assert_subject(ALICE, audience=extremes.issuer, actor="urn:twinlake:site:other")

        for stolen in (assertion, named):
            with pytest.raises(InvalidTokenError, match="another site"):
                await redeem(climate, extremes, stolen)

    async def test_a_site_that_asserts_accounts_of_another(self, climate, extremes, central):
        forged = sign(
            peek(central.signer.assert_subject(ALICE, audience=extremes.issuer))[1],
            climate.ring.signing_key("site"),
            typ=ASSERTION,
        )

        with pytest.raises(InvalidTokenError):
            await redeem(climate, extremes, forged)

    async def test_an_old_assertion(self, central, climate, clock):
        assertion = central.signer.assert_subject(ALICE, audience=climate.issuer)
        clock.advance(seconds=91)

        with pytest.raises(InvalidTokenError, match="expired"):
            await redeem(central, climate, assertion)

    async def test_an_assertion_that_would_live_long(self, central, climate, clock):
        claims = peek(central.signer.assert_subject(ALICE, audience=climate.issuer))[1]
        long = sign(claims | {"exp": claims["exp"] + 3600}, central.ring.signing_key("site"), typ=ASSERTION)

        with pytest.raises(InvalidTokenError, match="too long"):
            await redeem(central, climate, long)

    @pytest.mark.parametrize(
        "change", [{"jti": None}, {"jti": ""}, {"jti": 7}, {"sub": ""}, {"sub": "../x"}, {"aud": None}, {"act": "x"}]
    )
    async def test_an_assertion_with_a_wrong_claim(self, central, climate, change):
        claims = peek(central.signer.assert_subject(ALICE, audience=climate.issuer))[1]

        with pytest.raises(InvalidTokenError):
            await redeem(central, climate, sign(claims | change, central.ring.signing_key("site"), typ=ASSERTION))

    async def test_an_assertion_for_two_sites(self, central, climate, extremes):
        claims = peek(central.signer.assert_subject(ALICE, audience=climate.issuer))[1]
        both = sign(claims | {"aud": [climate.issuer, extremes.issuer]}, central.ring.signing_key("site"), typ=ASSERTION)

        with pytest.raises(InvalidTokenError, match="another site"):
            await redeem(central, climate, both)

    async def test_tokens_of_one_kind_in_the_place_of_another(self, central, climate, alice):
        client = central.signer.authenticate(climate.issuer)
        assertion = central.signer.assert_subject(ALICE, audience=climate.issuer)
        peer = await central.peer_tokens.token_for(caller_of(alice), climate.issuer)

        for wrong in (client, peer, central.dedl_token(alice), central.desp_token("alice", site="climate")):
            with pytest.raises(InvalidTokenError):
                await redeem(central, climate, wrong)
        for wrong in (
            client,
            assertion,
            central.desp_token("alice", site="climate"),
            climate.desp_token("alice", site="climate"),
        ):
            with pytest.raises(InvalidTokenError):
                await climate.bearer.verify(wrong)
        with pytest.raises(InvalidTokenError):
            await climate.reader.read_client(assertion)

    async def test_a_site_that_nobody_knows(self, central, climate):
        stranger = OKPKey.generate_key("Ed25519")
        key = SigningKey(stranger.thumbprint(), "Ed25519", stranger)
        claims = peek(central.signer.authenticate(climate.issuer))[1]

        for issuer in ("urn:twinlake:site:stranger", central.issuer, climate.issuer, ["x"], None):
            with pytest.raises(InvalidTokenError):
                await climate.reader.read_client(sign(claims | {"iss": issuer, "sub": issuer}, key, typ=CLIENT_ASSERTION))

    async def test_a_site_without_proof(self, central, climate):
        assertion = central.signer.assert_subject(ALICE, audience=climate.issuer)

        with pytest.raises(InvalidTokenError, match="prove"):
            await climate.site_grants.redeem({"assertion": assertion})
        with pytest.raises(InvalidTokenError, match="prove"):
            await climate.site_grants.redeem({"assertion": assertion, **proof(central, climate), "client_assertion_type": "x"})

    async def test_a_peer_that_is_not_trusted_is_not_asked(self, central, climate, alice):
        central.blocked.add("climate")

        with pytest.raises(NotFoundError):
            await central.peer_tokens.token_for(caller_of(alice), climate.issuer)

    async def test_blocking_a_home_ends_its_users_tokens_at_once(self, central, climate, alice):
        token = await central.peer_tokens.token_for(caller_of(alice), climate.issuer)
        await climate.bearer.verify(token)
        climate.blocked.add("central")
        climate.bearer.forget()

        with pytest.raises(InvalidTokenError, match="not trusted"):
            await climate.bearer.verify(token)

    async def test_what_was_used_is_forgotten_once_it_could_not_be_used_anyway(self, central, climate, clock):
        for _ in range(3):
            await redeem(central, climate, central.signer.assert_subject(ALICE, audience=climate.issuer))
            clock.advance(minutes=5)

        kept = await climate.database.read(lambda tx: tx.execute("select count(*) from identity_used_id").fetchone()[0])
        assert kept == 2


async def test_a_used_assertion_stays_used_after_a_restart(central, climate):
    assertion = central.signer.assert_subject(ALICE, audience=climate.issuer)
    await redeem(central, climate, assertion)
    climate.__post_init__()

    with pytest.raises(InvalidTokenError, match="used before"):
        await redeem(central, climate, assertion)


async def test_revocation_reaches_peers_within_six_minutes(central, climate, extremes, alice, clock):
    await climate.vault.keep("sid", central.desp_token("alice", site="climate"))
    signed_in = Caller(principal=alice, session="sid")
    last = await climate.peer_tokens.token_for(signed_in, extremes.issuer)
    await extremes.bearer.verify(last)
    central.ended.add("sid-alice")
    clock.later += timedelta(minutes=6)

    with pytest.raises(InvalidTokenError):
        await extremes.bearer.verify(last)
    with pytest.raises(InvalidTokenError):
        await climate.peer_tokens.token_for(signed_in, extremes.issuer)


class TestDelegation:
    """A site acts for somebody whose tokens have long expired."""

    @pytest.fixture
    async def delegation(self, central, climate, extremes, alice, clock):
        new = NewDelegation(
            principal=alice,
            actor=climate.issuer,
            audience=extremes.issuer,
            scopes=frozenset({"search", "read", "process"}),
            job="j1",
            expires_at=clock.now() + timedelta(days=3),
        )
        return await central.delegations.create(new, by=Caller(principal=alice))

    async def exchange(self, asker, home, delegation, audience):
        form = {"subject_token": delegation.id, "subject_token_type": DELEGATION_TYPE, "audience": audience.issuer}
        return (await home.site_grants.exchange({**form, **proof(asker, home)}))["access_token"]

    async def test_home_vouches_for_the_named_actor(self, central, climate, extremes, alice, delegation, clock):
        clock.advance(days=2)

        assertion = await self.exchange(climate, central, delegation, extremes)
        token = (await redeem(climate, extremes, assertion))["access_token"]

        caller = await extremes.bearer.verify(token)
        assert (caller.principal, caller.peer) == (alice, "climate")
        assert caller.scopes == {"search", "read", "process"}

    async def test_for_nobody_else_and_nowhere_else(self, central, climate, extremes, delegation):
        for asker, audience in ((extremes, climate), (climate, central)):
            with pytest.raises(NotFoundError):
                await self.exchange(asker, central, delegation, audience)

    async def test_not_after_it_was_revoked(self, central, climate, extremes, alice, delegation):
        await central.delegations.revoke(delegation.id, principal=alice, by=Caller(principal=alice))

        with pytest.raises(NotFoundError):
            await self.exchange(climate, central, delegation, extremes)
