"""An issuer of somebody else's, Glewlwyd, whose users sign in at a site; authlib is the web client."""

import jwt
import pytest
from joserfc.jwk import RSAKey

from identity.issuer.browsing import ACCESS, EXCHANGE
from identity.issuer.issuer_site import ShiftedClock
from identity.trust.glewlwyd import LIFE_SECONDS, running_glewlwyd
from stac_documents import a_collection, an_item
from twinlake.holdings.catalogue.interfaces import CollectionAccess, ItemDraft, Managed
from twinlake.identity.keys.jwt import sign
from twinlake.identity.keys.ring import SigningKey
from twinlake.testing.site import local_site

AUDIENCE, OTHER = "https://lake.example", "https://other.example"
TOKEN = "/auth/realms/dedl/protocol/openid-connect/token"
GROUPS = ["administrator", "data-steward", "hda-low"]
"""Of jo at Glewlwyd, all of which its tokens say."""
LEEWAY_SECONDS = 120
CLOSED, BYTES = "/data/central/closed/one/data", b"what stewards may read"

pytestmark = [pytest.mark.system, pytest.mark.slow]


@pytest.fixture(scope="module")
def glewlwyd(need_command, tmp_path_factory):
    command, folder = need_command("glewlwyd", "glewlwyd"), tmp_path_factory.mktemp("glewlwyd")
    with running_glewlwyd(command, folder, audiences=[AUDIENCE, OTHER], groups=GROUPS) as running:
        yield running


@pytest.fixture
def clock():
    return ShiftedClock()


@pytest.fixture
async def http(glewlwyd, clock, tmp_path):
    """A client of a site that trusts it by several names, each with a rule of its own, and has data for stewards only."""
    lake = {
        "url": glewlwyd.issuer,
        "id": "urn:example:lake",
        "audience": AUDIENCE,
        "roles": ["administrator", "data-steward"],
        "leeway_seconds": LEEWAY_SECONDS,
    }
    issuers = {
        "lake": lake,
        "roleless": lake | {"id": "urn:example:roleless", "roles": []},
        "elliptic": lake | {"algorithms": ["ES256"]},
        "elsewhere": lake | {"url": f"{glewlwyd.url}/api/elsewhere"},
    }
    async with local_site(tmp_path, clock=clock, settings={"identity": {"issuers": issuers}}) as site, site.client() as client:
        catalogue, stored = site.services.catalogue, await site.services.objects.put_bytes(BYTES)
        await catalogue.put_collection(a_collection("closed"), access=CollectionAccess(access="restricted"))
        holdings = {"data": Managed(stored.sha256, stored.size_bytes)}
        await catalogue.put_items([ItemDraft(document=an_item("one", "closed"), holdings=holdings)])
        yield client


async def exchange(http, token, *, alias="lake"):
    form = {
        "grant_type": EXCHANGE,
        "subject_token": token,
        "subject_issuer": alias,
        "subject_token_type": ACCESS,
        "client_id": "hda-public",
        "audience": "hda-public",
    }
    return await http.post(TOKEN, data=form)


async def bearer(http, token, **more):
    """Exchange a token; return the header with what the site gave for it."""
    answer = await exchange(http, token, **more)
    assert answer.status_code == 200, answer.text
    return {"authorization": f"Bearer {answer.json()['access_token']}"}


async def refusal(http, token, **more):
    answer = await exchange(http, token, **more)
    return answer.status_code, answer.json().get("error")


def claims_of(token):
    return jwt.decode(token, options={"verify_signature": False})


REFUSED = (400, "invalid_grant")


async def test_its_token_is_exchanged_for_one_that_counts_at_the_site(http, glewlwyd):
    token = glewlwyd.tokens(AUDIENCE)["access_token"]
    header = await bearer(http, token)

    read = await http.get(CLOSED, headers=header)
    me = (await http.get("/api/me", headers=header)).json()

    assert (read.status_code, read.content) == (200, BYTES)
    assert me["principal"] == f"urn:example:lake|{claims_of(token)['sub']}"
    assert (await http.get(CLOSED, headers={"authorization": f"Bearer {token}"})).status_code == 401


async def test_it_brings_along_the_roles_of_its_record_and_never_those_of_operators(http, glewlwyd):
    token = glewlwyd.tokens(AUDIENCE)["access_token"]
    assert set(claims_of(token)["groups"].split(",")) >= set(GROUPS)

    some, none = await bearer(http, token), await bearer(http, token, alias="roleless")

    assert [(await http.get("/api/me", headers=each)).json()["roles"] for each in (some, none)] == [["data-steward"], []]
    assert (await http.get("/api/audit", headers=some)).status_code == 403
    assert (await http.get(CLOSED, headers=none)).status_code == 403


async def test_a_stale_token_is_refused_once_the_leeway_is_over(http, glewlwyd, clock):
    token = glewlwyd.tokens(AUDIENCE)["access_token"]

    clock.advance(seconds=LIFE_SECONDS + LEEWAY_SECONDS / 2)
    await bearer(http, token)
    clock.advance(seconds=LEEWAY_SECONDS / 2)
    assert await refusal(http, token) == REFUSED


async def test_what_it_did_not_make_for_this_site_is_refused(http, glewlwyd):
    told = glewlwyd.tokens(AUDIENCE)
    token, claims = told["access_token"], claims_of(told["access_token"])
    head, payload, signature = token.split(".")
    stranger = SigningKey(jwt.get_unverified_header(token)["kid"], "RS256", RSAKey.generate_key(2048))
    bad = {
        "another audience": glewlwyd.tokens(OTHER)["access_token"],
        "no access token": told["id_token"],
        "another key": sign(claims, stranger, typ="at+jwt"),
        "another issuer": sign(claims | {"iss": f"{glewlwyd.url}/api/elsewhere"}, stranger, typ="at+jwt"),
        "another type": sign(claims, stranger, typ="logout+jwt"),
        "no signature": f"{head}.{payload}.",
        "another signature": f"{head}.{payload}.{signature[:-4]}AAAA",
    }

    assert {kind: await refusal(http, each) for kind, each in bad.items()} == dict.fromkeys(bad, REFUSED)
    aliases = ("elliptic", "elsewhere", "desp-oidc", "nobody")
    assert {alias: await refusal(http, token, alias=alias) for alias in aliases} == dict.fromkeys(aliases, REFUSED)
    await bearer(http, token)
