from dataclasses import replace

import pytest

from twinlake.identity.errors import InvalidTokenError
from twinlake.identity.principals import Principal

ROLE = "data-steward"


async def test_an_access_token_speaks_for_its_principal(central, alice):
    caller = await central.bearer.verify(central.dedl_token(alice, roles=[ROLE, "operator"]))

    assert caller.principal == alice
    assert caller.session == "sid-alice"
    assert caller.peer is None
    assert caller.roles == {ROLE}
    assert caller.scopes == {"search", "read", "write", "process", "subscribe"}


@pytest.mark.parametrize(
    ("claims", "name"),
    [
        ({}, ""),
        ({"preferred_username": "alice", "name": "Alice A."}, "alice"),
        ({"name": "Alice A."}, "Alice A."),
        ({"preferred_username": " a\u202elice\n\x00" + "x" * 100}, "alice" + "x" * 74),
        ({"preferred_username": ["alice"]}, "['alice']"),
    ],
)
async def test_a_name_is_for_reading_alone(central, alice, claims, name):
    caller = await central.bearer.verify(central.dedl_token(alice, **claims))

    assert (caller.name, caller.principal) == (name, alice)
    assert caller == replace(caller, name="somebody else")
    assert caller.within("r").name == name


async def test_scopes_that_are_named_are_all_there_are(central, alice):
    caller = await central.bearer.verify(central.dedl_token(alice, scope="openid search"))

    assert caller.scopes == {"search"}


async def test_a_role_that_was_taken_away_no_longer_counts(central, alice):
    token = central.dedl_token(alice, roles=[ROLE])
    assert (await central.bearer.verify(token)).roles == {ROLE}

    await central.grant(alice)

    assert (await central.bearer.verify(token)).roles == frozenset()


async def test_an_account_of_another_home_has_what_is_trusted_and_what_was_granted_here(climate, central, alice):
    climate.roles["central"] = frozenset({ROLE})
    await climate.vault.keep("sid-alice", central.desp_token("alice", site="climate"))
    token = climate.dedl_token(alice, roles=[ROLE, "operator", "administrator"])
    assert (await climate.bearer.verify(token)).roles == {ROLE}

    await climate.grant(alice, "operator")

    assert (await climate.bearer.verify(token)).roles == {ROLE, "operator"}


async def test_a_token_of_another_site_is_refused_whatever_its_audience(central, climate, alice):
    with pytest.raises(InvalidTokenError, match="of another site") as told:
        await central.bearer.verify(climate.dedl_token(alice))
    with pytest.raises(InvalidTokenError, match="a key that is not known"):
        await central.bearer.verify(climate.dedl_token(alice, iss=central.dedl_url))

    assert told.value.remedy == "Send no token for open data, or a token of this site."


@pytest.mark.parametrize(
    "changed",
    [
        {"aud": ["other"]},
        {"aud": None},
        {"aud": ["twinlake-peer"]},
        {"aud": ["hda-public", "twinlake-peer"], "twinlake:peer": "climate"},
        {"iss": "https://central.example/realms/desp"},
        {"iss": "https://central.example/auth/realms/dedl/"},
        {"typ": "ID"},
        {"typ": "Refresh"},
        {"exp": 0},
        {"exp": None},
        {"sid": 7},
    ],
)
async def test_a_token_with_a_wrong_claim_is_refused(central, alice, changed):
    with pytest.raises(InvalidTokenError):
        await central.bearer.verify(central.dedl_token(alice, **changed))


async def test_a_desp_token_opens_nothing(central, alice):
    with pytest.raises(InvalidTokenError):
        await central.bearer.verify(central.desp_token("alice", site="central"))


async def test_ending_a_sign_in_counts_at_once_here_and_within_a_minute_elsewhere(central, alice, clock):
    token = central.dedl_token(alice)
    await central.bearer.verify(token)
    central.ended.add("sid-alice")

    clock.advance(seconds=61)

    with pytest.raises(InvalidTokenError, match="ended"):
        await central.bearer.verify(token)
    central.ended.clear()
    await central.bearer.verify(token)
    central.ended.add("sid-alice")
    central.bearer.forget()
    with pytest.raises(InvalidTokenError, match="ended"):
        await central.bearer.verify(token)


async def test_a_remembered_token_still_expires(central, alice, clock):
    token = central.dedl_token(alice, exp=int(clock.now().timestamp()) + 10)
    await central.bearer.verify(token)
    clock.advance(seconds=40)

    with pytest.raises(InvalidTokenError, match="expired"):
        await central.bearer.verify(token)


async def test_a_rotated_key_leaves_tokens_good(central, alice, clock):
    token = central.dedl_token(alice, exp=int(clock.now().timestamp()) + 36_000)
    await central.ring.rotate("dedl")
    clock.advance(hours=1)

    assert (await central.bearer.verify(token)).principal == alice
    assert (await central.bearer.verify(central.dedl_token(alice))).principal == alice


async def test_an_account_of_a_home_that_is_unknown_is_refused(central):
    with pytest.raises(InvalidTokenError, match="not trusted"):
        await central.bearer.verify(central.dedl_token(Principal("urn:twinlake:site:stranger", "eve")))
