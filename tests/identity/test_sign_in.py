"""Tokens over HTTP, and sessions in browsers."""

import base64

import pytest
from starlette.responses import Response

from twinlake.identity.errors import CrossSiteFormError, InvalidTokenError, TooManyAttemptsError
from twinlake.identity.sessions import require_form_token


def basic(password):
    return {"Authorization": "Basic " + base64.b64encode(f"anybody:{password}".encode()).decode()}


@pytest.fixture
async def session(site):
    token = await site.token("alice")
    return await site.sessions.open_session(token, client="192.0.2.1")


def cookie(site, session):
    return {site.sessions.cookie_name: session.secret}


async def caller_of(client):
    return (await client.get("/")).json()["caller"]


async def test_a_token_comes_as_bearer_or_as_password(site):
    token = await site.token("alice")
    async with site.client() as client:
        for headers in ({"Authorization": f"Bearer {token}"}, {"Authorization": f"bearer  {token}"}, basic(token)):
            answer = await client.get("/", headers=headers)
            assert answer.json()["caller"] == "urn:twinlake:site:test|alice"
        assert await caller_of(client) == "None"


@pytest.mark.parametrize(
    "authorization",
    ["Bearer", "Bearer x", "Bearer tl_0123456789abcdef.", "Basic", "Basic ?", "Basic eA==", "Digest x", "\xff"],
)
async def test_bad_credentials_are_refused_even_where_nobody_may(site, authorization):
    async with site.client() as client:
        answer = await client.get("/", headers=[(b"Authorization", authorization.encode("latin-1"))])

    assert (answer.status_code, answer.json()["code"]) == (401, "invalid-token")
    assert answer.headers["www-authenticate"] == "Bearer"


async def test_the_refusal_of_an_expired_token_says_so(site):
    token = await site.token("alice")
    async with site.client(token) as client:
        [record] = await site.tokens.list_tokens(None)
        await site.tokens.revoke(record.key, by=(await site.tokens.verify(token))[1])
        answer = await client.get("/")

    assert (answer.status_code, answer.json()["detail"]) == (401, "The token has been revoked.")


async def test_a_session_speaks_for_its_token(site, session):
    async with site.client(cookies=cookie(site, session)) as client:
        answer = (await client.get("/")).json()

    assert answer == {"caller": "urn:twinlake:site:test|alice", "form_token": session.form_token}


async def test_a_session_ends_with_idleness_age_its_token_or_its_closing(site):
    token = await site.token("alice")

    async def is_alive(session):
        async with site.client(cookies=cookie(site, session)) as client:
            return await caller_of(client) != "None"

    idle = await site.sessions.open_session(token, client="c")
    site.clock.advance(hours=12, seconds=1)
    assert not await is_alive(idle)

    busy = await site.sessions.open_session(token, client="c")
    for hour in range(24 * 7 // 8):
        assert await is_alive(busy)
        site.clock.advance(hours=8)
        if hour % 5 == 0:
            await site.sessions.flush()
    site.clock.advance(seconds=1)
    assert not await is_alive(busy)

    closed = await site.sessions.open_session(token, client="c")
    await site.sessions.close_session(closed.secret, {"form_token": closed.form_token})
    assert not await is_alive(closed)

    orphan = await site.sessions.open_session(token, client="c")
    await site.tokens.revoke((await site.tokens.verify(token))[0], by=(await site.tokens.verify(token))[1])
    assert not await is_alive(orphan)


async def test_a_session_is_closed_by_its_own_form_alone_and_gives_its_way_out_back(site):
    token = await site.token("alice")
    one, other = [await site.sessions.open_session(token, client="c", way_out=f"way of {number}") for number in range(2)]
    with pytest.raises(CrossSiteFormError):
        await site.sessions.close_session(one.secret, {"form_token": other.form_token})

    site.clock.advance(days=1)  # it counts no more, and still can be signed out of
    assert await site.sessions.close_session(one.secret, {"form_token": one.form_token}) == "way of 0"
    assert await site.sessions.close_session(one.secret, {"form_token": one.form_token}) == ""
    rows = await site.database.read(lambda tx: repr(tx.execute("select * from identity_session").fetchall()))
    assert "way of 1" not in rows


async def test_a_session_survives_a_restart_and_its_secret_is_not_kept(site, session):
    rows = await site.database.read(lambda tx: repr(tx.execute("select * from identity_session").fetchall()))

    assert session.secret not in rows
    assert await site.sessions.find_caller(session.secret)
    assert await site.sessions.find_caller("another") is None


async def test_changes_with_a_session_come_from_the_sites_own_pages(site, session):
    async with site.client(cookies=cookie(site, session)) as client:
        for origin in ("http://site.test", "https://lake.example"):
            assert (await client.post("/", headers={"Origin": origin})).status_code == 200
        for headers in ({}, {"Origin": "null"}, {"Origin": "http://evil.example"}, {"Origin": "https://site.test"}):
            answer = await client.post("/", headers=headers)
            assert (answer.status_code, answer.json()["code"]) == (403, "cross-site-request")


async def test_a_token_beside_a_session_counts_and_needs_no_origin(site, session):
    token = await site.token("bob")
    async with site.client(token, cookies=cookie(site, session)) as client:
        answer = await client.post("/")

    assert answer.json()["caller"].endswith("|bob")


async def test_forms_carry_the_sessions_token(site, session):
    async with site.client(cookies=cookie(site, session)) as client:
        client.headers["Origin"] = "http://site.test"
        good = await client.post("/form", data={"form_token": session.form_token})
        bad = [await client.post("/form", data=data) for data in ({}, {"form_token": ""}, {"form_token": "\u20ac"})]

    assert good.status_code == 204
    assert {answer.json()["code"] for answer in bad} == {"cross-site-request"}
    with pytest.raises(CrossSiteFormError):
        require_form_token("", {"form_token": ""})


async def test_cookies_are_for_this_site_and_no_script(site, session):
    response = Response()
    site.sessions.set_cookie(response, session)
    given = response.headers["set-cookie"]

    assert "HttpOnly" in given
    assert "SameSite=strict" in given
    assert "Secure" not in given
    response = Response()
    site.sessions.clear_cookie(response)
    assert "Max-Age=0" in response.headers["set-cookie"]


@pytest.mark.parametrize("header", ["=", "twinlake", 'x="', "{name}=", "{name}=\x01", "{name}={name}", "a=b; {name}"])
async def test_odd_cookies_are_nobodys(site, header):
    text = header.replace("{name}", site.sessions.cookie_name)
    async with site.client() as client:
        answer = await client.get("/", headers=[(b"Cookie", text.encode())])

    assert answer.json()["caller"] == "None"


async def test_guessing_is_slowed_down_per_address(site):
    token = await site.token("alice")
    for _ in range(10):
        with pytest.raises(InvalidTokenError):
            await site.sessions.open_session("guess", client="192.0.2.9")

    with pytest.raises(TooManyAttemptsError) as refusal:
        await site.sessions.open_session(token, client="192.0.2.9")
    assert (refusal.value.status, refusal.value.retry_after_seconds) == (429, 90)
    await site.sessions.open_session(token, client="192.0.2.10")

    site.clock.advance(seconds=90)
    await site.sessions.open_session(token, client="192.0.2.9")


async def test_an_access_token_of_the_issuer_is_a_token_too(site):
    async with site.client(site.access_token("alice")) as client:
        assert await caller_of(client) == "urn:twinlake:site:test|alice"


async def test_a_session_stands_on_an_access_token_and_ends_with_it(site):
    token = site.access_token("alice")
    session = await site.sessions.open_session(token, client="c")

    async with site.client(cookies=cookie(site, session)) as client:
        assert await caller_of(client) == "urn:twinlake:site:test|alice"
        site.clock.advance(hours=9)
        assert await caller_of(client) == "urn:twinlake:site:test|alice"
        site.clock.advance(hours=1, minutes=1)
        assert await caller_of(client) == "None"

    def list_kept(tx):
        return repr(tx.execute("select * from identity_session").fetchall())

    assert token.encode().hex() not in await site.database.read(list_kept)
    assert token not in await site.database.read(list_kept)


async def test_no_session_stands_on_a_token_of_a_site(site):
    token = site.access_token("alice", aud=["twinlake-peer"], **{"twinlake:peer": "climate"})

    with pytest.raises(InvalidTokenError, match="people"):
        await site.sessions.open_session(token, client="c")
