"""A token for name and password."""

import base64

import pytest

from twinlake.identity.errors import TooManyAttemptsError
from twinlake.identity.issuer.accounts import NewAccount
from twinlake.identity.principals import Caller
from twinlake.testing.clock import HandClock
from twinlake.testing.site import local_site

PATH = "/openeo/1.2/credentials/basic"
PASSWORD = "correct horse battery"


@pytest.fixture
def clock():
    return HandClock()


@pytest.fixture
async def site(tmp_path, clock):
    async with local_site(tmp_path, clock=clock) as site:
        yield site


@pytest.fixture
async def client(site):
    async with site.client() as client:
        yield client


async def add(site, username="alice"):
    account = await site.services.federation.issuer.accounts.add(
        NewAccount(username=username), PASSWORD, by=Caller(request_id="test")
    )
    return account.subject


def basic(username="alice", password=PASSWORD):
    return {"authorization": "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()}


async def test_the_token_speaks_for_the_account_for_half_a_day(site, client, clock):
    await add(site)

    given = await client.get(PATH, headers=basic())

    assert (given.status_code, given.headers["cache-control"]) == (200, "no-store")
    bearer = {"authorization": f"Bearer basic//{given.json()['access_token']}"}
    assert (await client.get("/openeo/1.2/me", headers=bearer)).json()["user_id"].startswith("central.")
    assert (await client.get("/openeo/1.2/jobs", headers=bearer)).json() == {"jobs": [], "links": []}
    assert (await client.get("/api/tokens", headers=bearer)).status_code == 403, "it runs no site"
    clock.advance(hours=12)
    ended = await client.get("/openeo/1.2/me", headers=bearer)
    assert (ended.status_code, ended.json()["code"]) == (403, "TokenInvalid")


async def test_a_token_is_of_a_provider_that_the_site_offers(site, client):
    token = await site.token("alice")
    [provider] = (await client.get("/openeo/1.2/credentials/oidc")).json()["providers"]

    for said in (f"basic//{token}", f"oidc/{provider['id']}/{token}", token):
        assert (await client.get("/openeo/1.2/me", headers={"authorization": f"Bearer {said}"})).status_code == 200
    for said in (f"oidc/other/{token}", f"oidc//{token}"):
        refused = await client.get("/openeo/1.2/me", headers={"authorization": f"Bearer {said}"})
        assert (refused.status_code, refused.json()["code"]) == (403, "AuthenticationSchemeInvalid")


@pytest.mark.parametrize("headers", [basic(password="wrong horse battery"), basic("nobody"), basic("")])
async def test_who_does_not_know_the_password_gets_none(site, client, headers):
    await add(site)

    refused = await client.get(PATH, headers=headers)

    assert (refused.status_code, refused.json()["code"]) == (403, "CredentialsInvalid")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": "Basic"},
        {"authorization": "Basic !!!"},
        {"authorization": "Basic " + base64.b64encode(b"\xff:\xff").decode()},
        {"authorization": "Basic " + base64.b64encode(b"alice").decode()},
        {"authorization": "Bearer basic//tl_x.y"},
    ],
)
async def test_who_sends_neither_gets_none(client, headers):
    refused = await client.get(PATH, headers=headers)

    assert (refused.status_code, refused.json()["code"]) == (401, "AuthenticationRequired")


async def test_guessing_is_slowed_down_together_with_the_sign_in(site, client):
    await add(site)
    for _ in range(5):
        assert (await client.get(PATH, headers=basic(password="a wrong password"))).status_code == 403

    slowed = await client.get(PATH, headers=basic())

    assert slowed.status_code == 429
    assert int(slowed.headers["retry-after"]) > 0
    with pytest.raises(TooManyAttemptsError):
        await site.services.federation.issuer.proof.check_password("alice", PASSWORD, address="127.0.0.1", request_id="r")


async def test_an_account_with_a_second_factor_is_sent_to_the_sign_in(site, client):
    subject = await add(site)
    factors = site.services.federation.issuer.factors
    await factors.set_secret(subject, factors.new_secret(), by=Caller(request_id="test"))

    refused = await client.get(PATH, headers=basic())

    assert (refused.status_code, refused.json()["code"]) == (403, "AuthenticationSchemeInvalid")
    assert "OpenID Connect" in refused.json()["message"]


async def test_who_has_not_accepted_the_terms_is_sent_to_the_sign_in(tmp_path):
    async with local_site(tmp_path, settings={"identity": {"terms_url": "https://lake.example/terms"}}) as site:
        await add(site)
        async with site.client() as client:
            refused = await client.get(PATH, headers=basic())

    assert refused.json()["code"] == "AuthenticationSchemeInvalid"


async def test_a_disabled_account_gets_none(site, client):
    subject = await add(site)
    await site.services.federation.issuer.accounts.set_enabled(subject, enabled=False, by=Caller(request_id="test"))

    assert (await client.get(PATH, headers=basic())).json()["code"] == "CredentialsInvalid"


async def test_tokens_end_with_the_account(site, client, clock):
    subject = await add(site)
    await add(site, "bob")
    alice, bob = [
        {"authorization": f"Bearer basic//{(await client.get(PATH, headers=basic(name))).json()['access_token']}"}
        for name in ("alice", "bob")
    ]
    assert (await client.get("/openeo/1.2/me", headers=alice)).status_code == 200
    accounts = site.services.federation.issuer.accounts
    await accounts.set_enabled(subject, enabled=False, by=Caller(request_id="test"))
    clock.advance(minutes=1)  # for so long a good token is remembered

    refused = await client.get("/openeo/1.2/me", headers=alice)
    assert (refused.status_code, refused.json()["code"]) == (403, "TokenInvalid")
    assert (await client.get("/openeo/1.2/me", headers=bob)).status_code == 200
    await accounts.set_enabled(subject, enabled=True, by=Caller(request_id="test"))
    assert (await client.get("/openeo/1.2/me", headers=alice)).status_code == 403, "what has ended does not come back"
