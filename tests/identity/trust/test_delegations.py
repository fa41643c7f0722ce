from datetime import timedelta

import pytest

from twinlake.core.errors import InvalidInputError, NotFoundError
from twinlake.identity.principals import Caller, Principal
from twinlake.identity.trust.delegations import NewDelegation


@pytest.fixture
def delegations(central):
    return central.delegations


@pytest.fixture
async def made(delegations, central, climate, extremes, alice):
    new = NewDelegation(
        principal=alice,
        actor=climate.issuer,
        audience=extremes.issuer,
        scopes=frozenset({"search", "process"}),
        job="j1",
        expires_at=central.clock.now() + timedelta(days=2),
    )
    return await delegations.create(new, by=Caller(principal=alice))


async def test_the_named_actor_redeems_it_until_it_expires(delegations, made, climate, extremes, clock):
    clock.advance(days=1, hours=23)
    found = await delegations.redeem(made.id, actor=climate.issuer, audience=extremes.issuer)
    assert (found.principal, found.job, found.scopes) == (made.principal, "j1", {"search", "process"})

    clock.advance(hours=1)
    with pytest.raises(NotFoundError):
        await delegations.redeem(made.id, actor=climate.issuer, audience=extremes.issuer)


async def test_nobody_else_does_and_nowhere_else(delegations, made, climate, extremes, central):
    for actor, audience in ((extremes, extremes), (central, extremes), (climate, central), (climate, climate)):
        with pytest.raises(NotFoundError):
            await delegations.redeem(made.id, actor=actor.issuer, audience=audience.issuer)
    with pytest.raises(NotFoundError):
        await delegations.redeem("other", actor=climate.issuer, audience=extremes.issuer)


async def test_a_revoked_one_ends_at_once_and_only_its_owner_revokes_it(delegations, made, climate, extremes, alice):
    eve = Principal(alice.issuer, "eve")
    with pytest.raises(NotFoundError):
        await delegations.revoke(made.id, principal=eve, by=Caller(principal=eve))
    await delegations.redeem(made.id, actor=climate.issuer, audience=extremes.issuer)

    await delegations.revoke(made.id, principal=alice, by=Caller(principal=alice))

    with pytest.raises(NotFoundError):
        await delegations.redeem(made.id, actor=climate.issuer, audience=extremes.issuer)
    assert [each.revoked_at is not None for each in await delegations.list_delegations(alice)] == [True]
    assert await delegations.list_delegations(eve) == []


@pytest.mark.parametrize("change", [{"scopes": frozenset({"admin"})}, {"expires_at": None}])
async def test_a_wrong_one_is_not_made(delegations, made, alice, clock, change):
    new = NewDelegation(
        principal=alice,
        actor=made.actor,
        audience=made.audience,
        scopes=change.get("scopes", made.scopes),
        job="j2",
        expires_at=clock.now() if "expires_at" in change else made.expires_at,
    )

    with pytest.raises(InvalidInputError):
        await delegations.create(new, by=Caller(principal=alice))
    assert len(await delegations.list_delegations(alice)) == 1
