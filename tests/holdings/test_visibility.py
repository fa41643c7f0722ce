"""What a caller may discover of the collections of a site."""

from datetime import UTC, datetime, timedelta

import pytest

from twinlake.core.clock import to_microseconds
from twinlake.holdings.catalogue.errors import CollectionNotFoundError
from twinlake.holdings.catalogue.interfaces import CollectionAccess
from twinlake.holdings.visibility import CollectionPolicy
from twinlake.identity.actions import SCOPES
from twinlake.identity.errors import RefusedError, SignInRequiredError
from twinlake.identity.policy.cedar import CedarRules
from twinlake.identity.policy.service import Policy
from twinlake.identity.principals import ANONYMOUS, Caller, Principal

NOW = datetime(2026, 3, 1, 12, 0, 30, tzinfo=UTC)
ALICE = Principal("i", "alice")
USER = Caller(principal=Principal("i", "user"), scopes=SCOPES)
OWNER = Caller(principal=ALICE, scopes=SCOPES)
OPERATOR = Caller(principal=Principal("i", "op"), roles=frozenset({"operator"}), scopes=SCOPES)


class Clock:
    instant = NOW

    def now(self):
        return self.instant


class Records:
    def __init__(self):
        self.records = {
            "open": CollectionAccess(),
            "young": CollectionAccess(embargo_days=10, owner=str(ALICE)),
            "shared": CollectionAccess(access="private", projects=("p",)),
            "private": CollectionAccess(access="private", owner=str(ALICE), embargo_days=3),
            "licensed": CollectionAccess(access="licensed"),
        }

    async def list_access(self):
        return dict(self.records)


@pytest.fixture
def records():
    return Records()


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def calls():
    return []


@pytest.fixture
def collections(records, clock, calls):
    class CountingRules(CedarRules):
        def decide(self, caller, action, resources):
            calls.append(action)
            return super().decide(caller, action, resources)

    policy = Policy(rules=CountingRules.built_in(), listener=lambda *_: None)
    return CollectionPolicy(policy=policy, catalogue=records, clock=clock)


async def seen(collections, caller):
    return (await collections.visibility_of(caller)).collections


async def test_everybody_sees_what_the_policy_says(collections):
    member = Caller(principal=Principal("i", "m"), projects=frozenset({"p"}), scopes=SCOPES)

    assert await seen(collections, ANONYMOUS) == {"open", "young", "licensed"}
    assert await seen(collections, member) == {"open", "young", "licensed", "shared"}
    assert await seen(collections, OWNER) == {"open", "young", "licensed", "private"}
    assert await seen(collections, OPERATOR) == {"open", "young", "licensed", "private", "shared"}
    assert await seen(collections, Caller(scopes=frozenset())) == frozenset()


async def test_an_embargo_hides_the_young_from_all_but_the_owner_and_the_keepers(collections):
    start_of_minute = NOW.replace(second=0)

    for caller in (ANONYMOUS, USER):
        horizons = (await collections.visibility_of(caller)).horizons
        assert horizons == {"young": to_microseconds(start_of_minute - timedelta(days=10))}
    for caller in (OWNER, OPERATOR):
        assert not (await collections.visibility_of(caller)).horizons


async def test_a_horizon_moves_with_the_clock_and_costs_no_decision(collections, clock, calls):
    first = await collections.visibility_of(USER)
    assert await collections.visibility_of(USER) is first
    clock.instant = NOW + timedelta(minutes=5)

    later = await collections.visibility_of(USER)

    assert later.horizons["young"] - first.horizons["young"] == 5 * 60 * 1_000_000
    assert later.collections == first.collections
    assert calls == ["discover"]


async def test_a_changed_record_counts_at_once(collections, records):
    assert "open" in await seen(collections, ANONYMOUS)
    records.records["open"] = CollectionAccess(access="private")
    assert "open" not in await seen(collections, ANONYMOUS)
    records.records["new"] = CollectionAccess()
    assert "new" in await seen(collections, ANONYMOUS)


async def test_callers_that_differ_in_anything_are_kept_apart(collections):
    steward = Caller(principal=USER.principal, roles=frozenset({"operator"}), scopes=SCOPES)

    assert await seen(collections, USER) != await seen(collections, steward)


async def test_what_may_not_be_seen_is_not_there(collections):
    with pytest.raises(CollectionNotFoundError):
        await collections.require(USER, "write", "private")
    with pytest.raises(CollectionNotFoundError):
        await collections.require(ANONYMOUS, "discover", "nothing")
    with pytest.raises(RefusedError):
        await collections.require(USER, "write", "open")
    with pytest.raises(SignInRequiredError):
        await collections.require(ANONYMOUS, "read", "licensed")

    assert (await collections.require(OWNER, "delete", "private")).rule == "owner-does-all"


async def test_the_licence_of_a_collection_goes_by_its_id(collections):
    licensee = Caller(principal=Principal("i", "l"), licences=frozenset({"licensed"}), scopes=SCOPES)

    assert (await collections.require(licensee, "read", "licensed")).rule == "licence-accepted"


async def test_what_is_not_for_everybody_is_closed_decided_once(collections, records, calls):
    assert await collections.list_closed() == records.records.keys() - {"open"}
    assert await collections.list_closed() is await collections.list_closed()
    assert calls == ["read"]

    records.records["open"] = CollectionAccess(access="private")

    assert "open" in await collections.list_closed()
