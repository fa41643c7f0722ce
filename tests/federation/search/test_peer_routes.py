"""The routes between sites: for peers only, of this site only, and strict about what they are sent."""

import pytest

from twinlake.holdings.catalogue.interfaces import EVERYTHING

pytestmark = pytest.mark.slow

PEER_MARK = "x-test-peer"

QUERY = {"sortby": [["datetime", True]]}
GOOD = {"chain": ["central"], "query": QUERY}
PATHS = ("search", "collections", "queryables", "aggregate", "versions")


async def peer_client(federation, name="climate"):
    client = federation.client(name, await federation.sites[name].token("ada"))
    client.headers[PEER_MARK] = "yes"
    return client


NO_QUESTIONS = (
    {},
    {"query": QUERY},
    {"chain": [], "query": QUERY},
    {**GOOD, "extra": 1},
    {"chain": ["central"], "query": {}},
    {"chain": ["central"], "query": {**QUERY, "limit": 0}},
    {"chain": ["central"], "query": {**QUERY, "limit": 1001}},
    {"chain": ["central"], "query": {**QUERY, "limit": "10"}},
    {"chain": ["central"], "query": {**QUERY, "bbox": [0, 0, 1]}},
    {"chain": ["central"], "query": {**QUERY, "bbox": [0, 5, 1, 0]}},
    {"chain": ["central"], "query": {**QUERY, "intersects": {"type": "Nothing"}}},
    {"chain": ["central"], "query": {**QUERY, "filter": {"op": "no-such", "args": []}}},
    {"chain": ["central"], "query": {**QUERY, "after": [1]}},
    {"chain": ["central"], "query": {**QUERY, "after": [None, "a", "b"]}},
    {"chain": ["central"], "query": {**QUERY, "after": [10**30, "a", "b"]}},
    {"chain": ["central"], "query": {**QUERY, "start": 10**19}},
    {"chain": ["central"], "query": {"sortby": []}},
    {"chain": ["central"], "query": {"sortby": [["n", True], ["properties.n", False]]}},
    {"chain": ["central"], "query": QUERY, "fields": {"include": []}},
    [],
)


async def test_nobody_but_a_peer_may_ask(federation):
    token = await federation.sites["climate"].token("ada")
    for path in PATHS:
        async with federation.client("climate") as anonymous:
            unknown = await anonymous.post(f"/federation/{path}", json=GOOD)
            unsigned = await anonymous.post(f"/federation/{path}", json=GOOD, headers={PEER_MARK: "yes"})
        async with federation.client("climate", token) as user:
            not_a_peer = await user.post(f"/federation/{path}", json=GOOD)

        assert [answer.status_code for answer in (unknown, unsigned, not_a_peer)] == [403] * 3


async def test_what_is_no_question_is_refused(federation):
    async with await peer_client(federation) as client:
        for message in NO_QUESTIONS:
            assert (await client.post("/federation/search", json=message)).status_code == 400, message


async def test_what_came_through_another_site_is_answered_by_none(federation):
    async with await peer_client(federation) as client:
        for chain in (["other", "central"], ["climate"]):
            answer = await client.post("/federation/search", json={"chain": chain, "query": QUERY})
            assert (answer.status_code, answer.json()["code"]) == (403, "forwarding-refused")


async def test_what_is_no_json_is_refused(federation):
    async with await peer_client(federation) as client:
        for content in (b"", b"{", b"[" * 100_000, b'{"chain":["\xff"]}'):
            assert (await client.post("/federation/search", content=content)).status_code == 400


async def test_a_page_has_what_is_here_and_tells_whether_there_is_more(federation):
    async with await peer_client(federation) as client:
        first = (await client.post("/federation/search", json={**GOOD, "query": {**QUERY, "limit": 2}})).json()
        key = [1577923200000000, "climate-02", "of-climate"]
        last = (await client.post("/federation/search", json={**GOOD, "query": {**QUERY, "after": key, "count": False}})).json()

    assert [item["id"] for item in first["features"]] == ["same", "climate-14"]
    assert (first["more"], first["matched"]) == (True, 6)
    assert last == {"features": [], "more": False, "matched": None}


async def test_versions_and_sizes_of_a_query(federation):
    stored = await federation.sites["climate"].services.catalogue.get_item("both", "same", EVERYTHING)
    async with await peer_client(federation) as client:
        everything = (await client.post("/federation/versions", json=GOOD)).json()
        message = {**GOOD, "versions": [stored.version, "0" * 64]}
        some = (await client.post("/federation/versions", json=message)).json()
        wrong = await client.post("/federation/versions", json={**GOOD, "versions": ["x"]})

    assert len(everything["items"]) == 6
    assert everything["after"] is None
    assert some["items"] == [{"collection": "both", "id": "same", "version": stored.version, "size_bytes": 0}]
    assert wrong.status_code == 400
