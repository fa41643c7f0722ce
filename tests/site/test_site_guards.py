"""Who is let in, on every route that a site has."""

import re
from datetime import timedelta

import pytest

from twinlake.identity.grants import Grants
from twinlake.identity.issuer.accounts import NewAccount
from twinlake.identity.keys.jwt import sign
from twinlake.identity.principals import Caller, Principal, site_issuer
from twinlake.identity.web import list_guarded_routes
from twinlake.testing.identity import PERSONAS, ask, assert_every_route_is_guarded, find_wrong_admissions

FORMS = (
    "POST /jobs/{job}/cancel ",
    "POST /processing/processes/{process_id} ",
    "POST /processing/jobs/",
    "POST /processing/maps/",
)
SYSTEM = Caller(principal=Principal(site_issuer("central"), "system"), request_id="test")


@pytest.fixture
async def tokens(site):
    """One of each persona: four of the site's own kind, one of somebody who signed in, one of another site."""
    own = {name: await site.token(name, roles=each.roles, scopes=each.scopes) for name, each in PERSONAS.items()}
    return own | {"member": await access_token(site), "peer": peer_token(site)}


async def access_token(site):
    """Sign in with a password, as the stack's client does; return a token of the realm ``dedl``."""
    federation = site.services.federation
    account = await federation.issuer.accounts.add(NewAccount(username="alice"), "correct horse battery", by=SYSTEM)
    principal = federation.issuer.accounts.principal_of(account.subject)
    await federation.grants.put(principal, Grants(roles=PERSONAS["member"].roles), by=SYSTEM)
    form = {
        "grant_type": "password",
        "client_id": "dedl-stack-public-client",
        "username": "alice",
        "password": "correct horse battery",
    }
    async with site.client() as client:
        answer = await client.post("/auth/realms/dedl/protocol/openid-connect/token", data=form)
    assert answer.status_code == 200, answer.text
    return answer.json()["access_token"]


def peer_token(site):
    """Return what the site gives to a peer for an assertion about a user of this very site."""
    services, now = site.services, site.services.clock.now()
    claims = {
        "iss": f"{services.settings.base_url}/auth/realms/dedl",
        "sub": "bob",
        "aud": ["twinlake-peer"],
        "typ": "Bearer",
        "iat": int(now.timestamp()),
        "exp": int((now + timedelta(minutes=5)).timestamp()),
        "scope": "read search",
        "realm_access": {"roles": []},
        "twinlake:principal": f"{site_issuer('central')}|bob",
        "twinlake:peer": "climate",
    }
    return sign(claims, services.ring.signing_key("dedl"), typ="JWT")


async def test_every_route_of_a_site_is_guarded(site):
    assert_every_route_is_guarded(site.app)
    paths = {route.path for route in list_guarded_routes(site.app)}
    assert {
        "/stac/v2/search", "/data/{backend}/{collection}/{item}/{asset}", "/bytes/{sha256}/{filename}", "/events", "/webhooks", "/jobs",
        "/uploads", "/api/audit", "/health", "/metrics", "/explore", "/federation/search", "/.well-known/twinlake",
        "/realms/desp/protocol/openid-connect/auth", "/auth/realms/dedl/protocol/openid-connect/token",
    } <= paths  # fmt: skip


async def test_every_route_of_a_site_admits_whom_it_should(site, tokens):
    wrong = await find_wrong_admissions(site.app, tokens)

    # The forms of the console are for its sessions alone: a token in a header is told so (403).
    assert [each for each in wrong if not (each.startswith(FORMS) and each.endswith("403, should be let in"))] == []


async def test_what_sites_ask_each_other_is_answered_to_sites_alone(site, tokens):
    between = [
        route.path
        for route in list_guarded_routes(site.app)
        if re.match(r"/federation/(?!join|standing|logout|links|probe)", route.path)
    ]

    answers = {
        name: {await ask(site.app, "POST", path, token=token) for path in between}
        for name, token in {"anonymous": None, **tokens}.items()
    }

    assert len(between) >= 5
    assert answers.pop("peer") <= {200, 400}
    assert set().union(*answers.values()) == {403}


async def test_no_answer_to_anything_wrong_shows_the_program(site):
    """Whatever is asked badly, nobody is shown a traceback, and the site makes no mistake of its own."""
    token = await site.token("admin", roles={"administrator"})
    odd = ["%00", "..%2f..%2fetc%2fpasswd", "%ff%fe", "a" * 3000, "%F0%9F%8C%8D", "-1", "NaN"]
    async with site.client(token) as client:
        for route in list_guarded_routes(site.app):
            for method in set(route.methods) - {"HEAD"}:
                for value in odd if "{" in route.path else [""]:
                    path = "/".join(value if part.startswith("{") else part for part in route.path.split("/"))
                    if path.endswith("/events"):
                        continue  # an endless answer
                    answer = await client.request(method, path, content=b'{"x": [1', headers={"content-type": "application/json"})
                    assert answer.status_code < 500, (method, path, answer.text)
                    assert b"Traceback" not in answer.content
                    assert b".py" not in answer.content.partition(b"<script")[0] or answer.status_code < 400, (method, path)
    assert [line for line in site.log() if line["level"] == "error"] == []
