"""Requests that carry secrets in every place leave none of them in log, audit, ledger or metrics."""

import pytest


async def send_header(client, token, cookie):
    await client.get("/", headers={"Authorization": f"Bearer {token}"})
    await client.get("/", headers={"Authorization": f"Bearer x{token}"})
    await client.get("/fail", headers={"Authorization": f"Bearer {token}"})


async def send_basic(client, token, cookie):
    await client.get("/", auth=("alice", token))


async def send_cookie(client, token, cookie):
    await client.get("/", headers={"Cookie": cookie})
    await client.get("/fail", headers={"Cookie": cookie})


async def send_query(client, token, cookie):
    secret = token.partition(".")[2]
    await client.get("/", params={"token": token, "access_token": secret, "q": token, "sig": secret})


async def send_path(client, token, cookie):
    await client.get(f"/data/c/{token}")
    await client.get(f"/nothing/{token}")


async def send_body(client, token, cookie):
    bearer = {"Authorization": f"Bearer {token}"}
    made = await client.post("/api/tokens", json={"name": "n", "scopes": ["read"]}, headers=bearer)
    assert made.json()["token"].startswith("tl_")
    await client.post("/api/tokens", json={"name": "n", "scopes": [token]}, headers=bearer)


async def send_form(client, token, cookie):
    await client.post("/form", data={"token": token, "form_token": token}, headers={"Cookie": cookie})


SENDERS = {each.__name__: each for each in (send_header, send_basic, send_cookie, send_query, send_path, send_body, send_form)}


@pytest.mark.parametrize("part", SENDERS)
async def test_secrets_of_a_request_stay_nowhere(site, part):
    token = await site.token("alice", scopes=["search", "read", "admin"])
    session = await site.sessions.open_session(token, client="c")
    secret = token.partition(".")[2]
    async with site.client() as client:
        await SENDERS[part](client, token, f"{site.sessions.cookie_name}={session.secret}")
    for flushable in (site.audit, site.usage, site.tokens, site.sessions):
        await flushable.flush()

    kept = site.log.getvalue().decode() + site.metrics.expose().decode() + await _dump(site.database)
    assert '"event":"request"' in kept
    for needle in (secret, session.secret, "S" * 43):
        assert needle not in kept
    assert session.form_token not in site.log.getvalue().decode()


async def _dump(database):
    def work(tx):
        tables = ("identity_token", "identity_session", "identity_grant", "identity_audit", "identity_usage")
        return repr([tx.execute(f"select * from {table}").fetchall() for table in tables])

    return await database.read(work)
