"""The account API over HTTP."""

import asyncio
from urllib.parse import quote

import pytest

from twinlake.identity.actions import SCOPES
from twinlake.identity.audit import AuditLog
from twinlake.identity.policy.models import Decision
from twinlake.identity.principals import ANONYMOUS

ALICE = "urn:twinlake:site:test|alice"
HOUR = {"start": "2026-01-01T00:00:00Z", "end": "2026-01-01T01:00:00Z"}


@pytest.fixture
async def admin(site):
    async with site.client(await site.token("admin", roles=["administrator"], scopes=SCOPES)) as client:
        yield client


@pytest.fixture
async def alice(site):
    async with site.client(await site.token("alice", roles=["operator"], scopes=["search", "read", "admin"])) as client:
        yield client


async def test_me(site, alice):
    async with site.client() as client:
        assert (await client.get("/api/me")).json()["principal"] is None
    assert (await alice.get("/api/me")).json() == {
        "principal": ALICE,
        "roles": ["operator"],
        "scopes": ["admin", "read", "search"],
        "projects": [],
        "licences": [],
    }


async def test_a_token_is_made_used_listed_and_ended(site, alice):
    made = await alice.post("/api/tokens", json={"name": "gdal", "scopes": ["read"], "expires_at": "2027-01-01T00:00:00Z"})
    assert made.status_code == 201, made.text
    token = made.json()

    async with site.client(token["token"]) as client:
        assert (await client.get("/")).json()["caller"] == ALICE
    listed = (await alice.get("/api/tokens")).json()["tokens"]
    assert sorted(each["name"] for each in listed) == ["alice", "gdal"]
    assert not any("token" in each or "secret" in repr(each) for each in listed)

    assert (await alice.delete(f"/api/tokens/{token['key']}")).json()["revoked_at"]
    async with site.client(token["token"]) as client:
        assert (await client.get("/")).status_code == 401


@pytest.mark.parametrize(
    "body",
    [
        {"name": "x", "scopes": ["write"]},
        {"name": "x", "scopes": ["read"], "roles": ["administrator"]},
        {"name": "x", "scopes": ["read"], "owner": "urn:twinlake:site:test|bob"},
    ],
)
async def test_a_token_may_not_make_one_that_may_more(alice, body):
    answer = await alice.post("/api/tokens", json=body)

    assert answer.status_code == 403
    assert len((await alice.get("/api/tokens")).json()["tokens"]) == 1


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": "x"},
        {"name": "", "scopes": ["read"]},
        {"name": "x", "scopes": []},
        {"name": "x", "scopes": ["everything"]},
        {"name": "x", "scopes": ["read"], "surprise": 1},
        {"name": "x", "scopes": ["read"], "expires_at": "2020-01-01T00:00:00Z"},
        {"name": "x", "scopes": ["read"], "expires_at": "2027-01-01T00:00:00"},
        {"name": "x", "scopes": ["read"], "owner": "nobar"},
        {"name": "x", "scopes": ["read"], "roles": ["king"]},
    ],
)
async def test_what_is_no_token_is_refused_with_the_reason(admin, body):
    answer = await admin.post("/api/tokens", json=body)

    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")
    assert {"code", "detail", "request_id", "ticket"} <= answer.json().keys()


async def test_a_malformed_body_of_nobody_is_not_read(site):
    async with site.client() as client:
        answer = await client.post("/api/tokens", content=b"{")

    assert answer.status_code == 401


async def test_others_tokens_are_only_for_administrators(admin, alice):
    [key] = [each["key"] for each in (await admin.get("/api/tokens")).json()["tokens"]]

    assert (await alice.delete(f"/api/tokens/{key}")).status_code == 404
    assert (await alice.get("/api/tokens", params={"whose": "all"})).status_code == 403
    assert len((await admin.get("/api/tokens", params={"whose": "all"})).json()["tokens"]) == 2


async def test_grants_are_given_by_administrators_and_count_at_once(site, admin, alice):
    path = f"/api/principals/{quote(ALICE, safe='')}/grants"
    grants = {"roles": [], "projects": ["p"], "licences": []}

    assert (await alice.put(path, json={"roles": ["administrator"]})).status_code == 403
    assert (await alice.get(path)).json()["roles"] == ["operator"]
    assert (await admin.put(path, json=grants)).json() == grants
    assert (await alice.get("/api/me")).json()["projects"] == ["p"]
    assert (await alice.get("/api/me")).json()["roles"] == []
    assert (await admin.put(path, json={"roles": ["king"]})).status_code == 400
    assert (await admin.get("/api/principals/nobar/grants")).status_code == 400


async def test_a_licence_is_accepted_by_oneself(site, alice):
    assert (await alice.put("/api/me/licences/cop dem")).json()["licences"] == ["cop dem"]
    assert (await alice.get("/api/me")).json()["licences"] == ["cop dem"]
    async with site.client() as client:
        assert (await client.put("/api/me/licences/x")).status_code == 401


async def test_the_audit_log_names_request_rule_and_principal(site, admin, alice):
    refused = await alice.get("/api/audit")
    assert refused.status_code == 403

    first = (await admin.get("/api/audit", params={"limit": 2})).json()

    newest, older = first["entries"]
    assert (newest["action"], newest["allowed"], newest["rule"]) == ("administer", True, "administrators-do-all")
    assert (older["principal"], older["allowed"], older["rule"]) == (ALICE, False, "default-deny")
    assert older["request_id"] == refused.json()["request_id"]
    rest = (await admin.get("/api/audit", params={"before": first["before"]})).json()
    assert {entry["action"] for entry in rest["entries"]} == {"grant", "create_token"}
    assert rest["before"] is None


async def test_a_flood_of_refusals_is_few_rows(site):
    async with site.client() as client:
        for _ in range(50):
            await client.post("/collections")
    refusal = Decision(allowed=False, rule="r")
    for n in range(7000):
        site.audit.note_decision(ANONYMOUS, "read", f"collections/{n}", refusal)
    await site.audit.flush()

    rows = await site.audit.list_entries(before=None, limit=10_000)

    assert len(rows) == 5001
    assert {row["count"] for row in rows if row["resource"] in {"site", "(others)"}} == {50, 2001}
    assert isinstance(site.audit, AuditLog)


async def test_the_first_of_equal_decisions_is_durable_and_the_others_are_counted(site):
    refusal, asked = Decision(allowed=False, rule="r"), [f"q{n}" for n in range(6)]

    async def decide(request_id):
        site.audit.note_decision(ANONYMOUS.within(request_id), "read", "collections/c", refusal)
        await site.audit.make_durable(request_id)
        return await site.audit.list_entries(before=None, limit=10)

    together = await asyncio.gather(*map(decide, asked[:3]))
    for rows in (*together, await decide(asked[3])):
        assert [row["request_id"] for row in rows] == ["q0"], "a row was there before any of them was answered"
    await site.audit.flush()
    [counted] = await site.audit.list_entries(before=None, limit=10)
    assert counted["count"] == 4
    await decide(asked[4])
    await decide(asked[5])
    await site.audit.flush()
    assert [row["count"] for row in await site.audit.list_entries(before=None, limit=10)] == [2, 4]


async def test_usage_is_added_up_by_the_hour(site, admin, alice):
    for item in ("1", "2"):
        await alice.get(f"/data/c/{item}")
    await alice.get("/fail")

    rows = (await alice.get("/api/usage", params=HOUR)).json()["usage"]

    by_service = {row["service"]: row for row in rows}
    assert by_service["data"]["requests"] == 2
    assert by_service["data"]["collection"] == "c"
    assert by_service["data"]["bytes_out"] > 100
    assert by_service["data"]["cpu_seconds"] > 0
    assert by_service["console"]["errors"] == 1
    assert {row["principal"] for row in rows} == {ALICE}
    assert (await alice.get("/api/usage", params={**HOUR, "whose": "all"})).status_code == 403


async def test_usage_is_paged(site, admin):
    for collection in "abcdef":
        await admin.get(f"/data/{collection}/1")
    seen, after = [], None
    while True:
        params = {**HOUR, "whose": "all", "limit": 2} | ({"after": after} if after else {})
        page = (await admin.get("/api/usage", params=params)).json()
        seen += [row["collection"] for row in page["usage"] if row["service"] == "data"]
        after = page["after"]
        if after is None:
            break

    assert seen == list("abcdef")
    assert (await admin.get("/api/usage", params={**HOUR, "after": "AAAA"})).status_code == 400
    assert (await admin.get("/api/usage", params={"start": "2026-01-01", "end": "x"})).status_code == 400
