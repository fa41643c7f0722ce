"""What a principal who is not there may be told of: what they have now, as long as a token of theirs is good."""

from datetime import timedelta

import pytest

from identity.conftest import ISSUER, SYSTEM
from twinlake.identity.grants import Grants
from twinlake.identity.principals import Principal
from twinlake.identity.standing import Standing
from twinlake.identity.tokens import NewToken
from twinlake.testing.clock import START

ALICE = Principal(ISSUER, "alice")
WITH_ACCOUNT = Principal(ISSUER, "with-account")


@pytest.fixture
def standing(site):
    return Standing(database=site.database, clock=site.clock, knows=[lambda _, principal: principal == WITH_ACCOUNT])


async def make_token(site, *, days=None):
    expires_at = None if days is None else START + timedelta(days=days)
    new = NewToken(owner=ALICE, name="t", roles=frozenset(), scopes=frozenset({"read"}), expires_at=expires_at)
    return (await site.tokens.create(new, by=SYSTEM))[1]


async def test_who_has_no_token_has_no_standing(standing):
    assert await standing.caller_of(ALICE) is None


async def test_who_has_an_account_needs_no_token(standing):
    assert (await standing.caller_of(WITH_ACCOUNT)).scopes == {"search", "read"}


async def test_present_grants_count_and_nothing_but_reading_is_allowed(site, standing):
    await make_token(site)
    await site.grants.put(
        ALICE, Grants(roles=frozenset({"operator"}), projects=frozenset({"p"}), licences=frozenset({"l"})), by=SYSTEM
    )

    caller = await standing.caller_of(ALICE)

    assert caller.principal == ALICE
    assert (caller.roles, caller.projects, caller.licences) == (frozenset({"operator"}), frozenset({"p"}), frozenset({"l"}))
    assert caller.scopes == {"search", "read"}

    await site.grants.put(ALICE, Grants(), by=SYSTEM)
    assert (await standing.caller_of(ALICE)).roles == frozenset()


async def test_it_ends_with_the_last_token(site, standing):
    first, second = await make_token(site), await make_token(site, days=7)
    await site.tokens.revoke(first.key, by=SYSTEM)
    assert await standing.caller_of(ALICE) is not None

    site.clock.advance(days=7)

    assert await standing.caller_of(ALICE) is None
    assert second.revoked_at is None


async def test_others_tokens_give_none(site, standing):
    await site.token("bob")

    assert await standing.caller_of(ALICE) is None
    assert await standing.caller_of(Principal("elsewhere", "bob")) is None
