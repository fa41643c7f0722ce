"""A site's signing keys follow each other while people are signed in: nobody notices."""

import jwt
import pytest

from twinlake.identity.issuer.accounts import NewAccount
from twinlake.identity.principals import Caller, Principal, site_issuer
from twinlake.testing.clock import HandClock
from twinlake.testing.site import local_site

REALM = "/auth/realms/dedl/protocol/openid-connect"
CLIENT = "dedl-stack-public-client"
PASSWORD = "correct horse battery"
SYSTEM = Caller(principal=Principal(site_issuer("central"), "system"), request_id="test")


@pytest.fixture
def clock():
    return HandClock()


@pytest.fixture
async def site(tmp_path, clock):
    async with local_site(tmp_path, clock=clock) as opened:
        yield opened


@pytest.fixture
async def client(site):
    await site.services.federation.issuer.accounts.add(NewAccount(username="alice"), PASSWORD, by=SYSTEM)
    async with site.client() as client:
        yield client


async def grant(client, **form):
    answer = await client.post(f"{REALM}/token", data={"client_id": CLIENT, **form})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def published(client):
    return [key["kid"] for key in (await client.get(f"{REALM}/certs")).json()["keys"]]


async def standing(client, token):
    return (await client.get("/api/me", headers={"authorization": f"Bearer {token}"})).status_code


def key_of(token):
    return jwt.get_unverified_header(token)["kid"]


async def test_tokens_live_on_when_another_key_takes_over(site, client, clock):
    first = await grant(client, grant_type="password", username="alice", password=PASSWORD)
    [old] = await published(client)

    await site.services.ring.rotate("dedl")
    new, still = await published(client)
    early = await grant(client, grant_type="refresh_token", refresh_token=first["refresh_token"])
    clock.advance(minutes=16)
    late = await grant(client, grant_type="refresh_token", refresh_token=early["refresh_token"])

    assert still == old == key_of(first["access_token"]) == key_of(early["access_token"])
    assert key_of(late["access_token"]) == new != old
    assert [await standing(client, each["access_token"]) for each in (first, early, late)] == [200, 200, 200]


async def test_a_key_that_was_followed_verifies_nothing_after_a_day(site, client, clock):
    token = (await grant(client, grant_type="password", username="alice", password=PASSWORD))["access_token"]
    [old] = await published(client)
    await site.services.ring.rotate("dedl")

    clock.advance(hours=26)

    assert old not in await published(client)
    assert await standing(client, token) == 401
