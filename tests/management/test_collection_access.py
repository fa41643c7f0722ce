"""The access record of a collection over HTTP."""

from contextlib import AsyncExitStack
from importlib.resources import files

import pytest

from stac_documents import a_collection, an_item
from twinlake.engines.database import MemoryDatabase
from twinlake.engines.web.api import new_api
from twinlake.holdings.catalogue.interfaces import CollectionAccess, ItemDraft
from twinlake.holdings.visibility import CollectionPolicy
from twinlake.identity.actions import SCOPES
from twinlake.identity.principals import Principal, site_issuer
from twinlake.identity.schema import MIGRATIONS
from twinlake.management.access.routes import declare_routes
from twinlake.testing.bare_site import BareSite
from twinlake.testing.clock import HandClock
from twinlake.testing.identity import assert_every_route_is_guarded
from twinlake.testing.keys import open_ring
from twinlake.testing.site import local_site

ALICE = Principal(site_issuer("test"), "alice")
PATH = "/collections/private one/access"


class Records:
    """The part of a catalogue that these routes use."""

    def __init__(self):
        self.records = {"private one": CollectionAccess(access="private", owner=str(ALICE)), "open": CollectionAccess()}

    async def list_access(self):
        return dict(self.records)

    async def set_access(self, collection, access):
        self.records[collection] = access


@pytest.fixture
async def clients():
    """Return a client per person, over one site."""
    async with MemoryDatabase(migrations=MIGRATIONS) as database, AsyncExitStack() as stack:
        clock, records = HandClock(), Records()
        site = BareSite(database=database, clock=clock, ring=await open_ring(database, clock))
        api = new_api(title="Test", version="0")
        declare_routes(api, catalogue=records, collections=CollectionPolicy(policy=site.policy, catalogue=records, clock=clock))
        assert_every_route_is_guarded(api)
        site.serve(api)
        made = {}
        for person, roles in (("alice", ()), ("steward", {"data-steward"}), ("bob", ())):
            token = await site.token(person, roles=roles, scopes=SCOPES)
            made[person] = await stack.enter_async_context(site.client(token))
        yield made


async def test_an_owner_reads_and_changes_the_record(clients):
    record = {"access": "restricted", "owner": str(ALICE), "projects": ["b", "a", "a"], "embargo_days": 5}

    assert (await clients["alice"].get(PATH)).json()["access"] == "private"
    changed = await clients["alice"].put(PATH, json=record)

    assert changed.json() == {**record, "projects": ["a", "b"]}
    assert (await clients["steward"].get(PATH)).json() == changed.json()


async def test_others_do_not_learn_of_what_is_private(clients):
    for name in ("bob", "steward"):
        for answer in (await clients[name].get(PATH), await clients[name].put(PATH, json={"access": "open"})):
            assert (answer.status_code, answer.json()["code"]) == (404, "collection-not-found")
    assert (await clients["alice"].get(PATH)).json()["access"] == "private"


async def test_others_may_not_change_what_they_see(clients):
    answer = await clients["bob"].put("/collections/open/access", json={"access": "private"})

    assert (answer.status_code, answer.json()["rule"]) == (403, "default-deny")


@pytest.mark.parametrize(
    "record",
    [
        {},
        {"access": "secret"},
        {"access": "open", "owner": "alice"},
        {"access": "open", "projects": ["a/b"]},
        {"access": "open", "embargo_days": -1},
        {"access": "open", "surprise": 1},
    ],
)
async def test_what_is_no_record_changes_nothing(clients, record):
    assert (await clients["alice"].put(PATH, json=record)).status_code == 400
    assert (await clients["alice"].get(PATH)).json()["access"] == "private"


EDITOR_UNDER_EMBARGO = """
@id("editors-write")
permit (principal is User, action in [Action::"write", Action::"delete"], resource is Collection);
"""


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
async def test_who_writes_under_an_embargo_compares_with_what_they_were_given(tmp_path, method):
    built_in = files("twinlake.identity.policy").joinpath("default.cedar").read_text()
    (tmp_path / "policy.cedar").write_text(built_in + EDITOR_UNDER_EMBARGO)
    path = "/stac/v2/collections/c"
    async with local_site(tmp_path, settings={"policy": {"file": tmp_path / "policy.cedar"}}) as site:
        catalogue = site.services.catalogue
        await catalogue.put_collection(a_collection("c"), access=CollectionAccess(embargo_days=30))
        documents = (an_item("old", "c"), an_item("young", "c", datetime="2999-01-01T00:00:00Z"))
        await catalogue.put_items([ItemDraft(document=document) for document in documents])
        async with site.client(await site.token("editor")) as editor:
            read = await editor.get(path)
            assert read.json()["extent"]["temporal"]["interval"] == [["2020-01-01T00:00:00Z"] * 2]
            body = {"PUT": {"json": read.json()}, "PATCH": {"json": {}}, "DELETE": {}}[method]

            stale = await editor.request(method, path, headers={"If-Match": '"another"'}, **body)
            answer = await editor.request(method, path, headers={"If-Match": read.headers["etag"]}, **body)

    assert stale.status_code == 412
    assert answer.status_code in {200, 204}, answer.text
    if method != "DELETE":
        assert (answer.headers["etag"], answer.json()) == (read.headers["etag"], read.json()), "nothing of what is hidden"
