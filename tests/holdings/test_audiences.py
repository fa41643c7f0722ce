"""What a caller hears of the event log: the collections that they may discover, and what concerns themselves."""

from datetime import UTC, datetime, timedelta

import pytest

from twinlake.core.clock import to_microseconds
from twinlake.engines.database import MemoryDatabase
from twinlake.events import schema as events_schema
from twinlake.events.log import EventLog
from twinlake.holdings.audiences import Audiences
from twinlake.holdings.catalogue import schema as catalogue_schema
from twinlake.holdings.catalogue.interfaces import CollectionAccess
from twinlake.holdings.catalogue.preparing_process import PreparingProcesses
from twinlake.holdings.catalogue.store import SqlCatalogue
from twinlake.holdings.visibility import CollectionPolicy
from twinlake.identity.actions import SCOPES
from twinlake.identity.policy.cedar import CedarRules
from twinlake.identity.policy.service import Policy
from twinlake.identity.principals import ANONYMOUS, Caller, Principal
from twinlake.standards import cql2
from twinlake.testing.delivery_site import new_collection

NOW = datetime(2026, 3, 1, tzinfo=UTC)
ALICE = Caller(principal=Principal("i", "alice"), scopes=SCOPES)
BOB = Caller(principal=Principal("i", "bob"), scopes=SCOPES)
MEMBER = Caller(principal=Principal("i", "m"), scopes=SCOPES, projects=frozenset({"p"}))
OPERATOR = Caller(principal=Principal("i", "op"), scopes=SCOPES, roles=frozenset({"operator"}))
ADMINISTRATOR = Caller(principal=Principal("i", "root"), scopes=SCOPES, roles=frozenset({"administrator"}))
DOMAINS = ("collection:open", "collection:mine", "collection:ours", "principal:i|alice", "principal:i|bob", "site")


class Clock:
    instant = NOW

    def now(self):
        return self.instant

    def monotonic(self):
        return 0.0


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
async def catalogue(clock):
    migrations = (*events_schema.MIGRATIONS, *catalogue_schema.MIGRATIONS)
    async with MemoryDatabase(migrations=migrations, prepare=(*cql2.PREPARE, *catalogue_schema.PREPARE)) as database:
        made = SqlCatalogue(
            processes=PreparingProcesses(),
            database=database,
            events=EventLog(clock=clock),
            clock=clock,
            site_id="x",
            public_url="http://x.test",
        )
        await made.put_collection(new_collection("open"), access=CollectionAccess(embargo_days=10))
        await made.put_collection(new_collection("mine"), access=CollectionAccess(access="private", owner="i|alice"))
        await made.put_collection(new_collection("ours"), access=CollectionAccess(access="private", projects=("p",)))
        yield made


@pytest.fixture
def audiences(catalogue, clock):
    policy = Policy(rules=CedarRules.built_in(), listener=lambda *_: None)
    return Audiences(collections=CollectionPolicy(policy=policy, catalogue=catalogue, clock=clock))


async def heard(audiences, caller):
    audience = await audiences.audience_of(caller)
    return {domain for domain in DOMAINS if audience.sees(domain)}


@pytest.mark.parametrize(
    ("caller", "expected"),
    [
        (ANONYMOUS, {"collection:open"}),
        (BOB, {"collection:open", "principal:i|bob"}),
        (ALICE, {"collection:open", "collection:mine", "principal:i|alice"}),
        (ADMINISTRATOR, set(DOMAINS)),
    ],
)
async def test_a_private_collection_and_others_jobs_are_not_heard_of(audiences, caller, expected):
    assert await heard(audiences, caller) == expected


async def test_members_of_a_project_hear_of_its_collections(audiences):
    assert "collection:ours" in await heard(audiences, MEMBER)
    assert "collection:mine" not in await heard(audiences, MEMBER)


async def test_operators_hear_of_the_site_and_of_everybodys_jobs(audiences):
    assert {"site", "principal:i|alice", "principal:i|bob"} <= await heard(audiences, OPERATOR)


async def test_an_embargo_holds_for_events_too(audiences):
    horizon = to_microseconds(NOW - timedelta(days=10))

    assert (await audiences.audience_of(BOB)).horizons["collection:open"] == pytest.approx(horizon, abs=120e6)
    assert dict((await audiences.audience_of(ADMINISTRATOR)).horizons) == {}


async def test_a_collection_that_becomes_private_is_not_heard_of_any_more(audiences, catalogue):
    before = await audiences.audience_of(BOB)
    assert before is await audiences.audience_of(BOB)

    await catalogue.set_access("open", CollectionAccess(access="private", owner="i|alice"))

    assert "collection:open" not in await heard(audiences, BOB)
    assert "collection:open" in await heard(audiences, ALICE)


async def test_a_new_collection_is_heard_of(audiences, catalogue):
    await audiences.audience_of(BOB)
    await catalogue.put_collection(new_collection("new"))

    assert (await audiences.audience_of(BOB)).sees("collection:new")
