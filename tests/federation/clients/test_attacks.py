"""Tokens that are forged, borrowed or over, sent over HTTP to each of three sites that trust each other."""

import base64
import json
from datetime import UTC, datetime, timedelta

import httpx2
import jwt
import pytest
from joserfc.jwk import RSAKey

from federation.clients.lake import DESP, REALM
from twinlake.core.clock import SystemClock
from twinlake.core.randomness import SYSTEM_RANDOMNESS
from twinlake.engines.database import SqliteDatabase
from twinlake.identity.keys.jwt import sign
from twinlake.identity.keys.ring import KeyRing, SigningKey
from twinlake.identity.keys.sealing import Sealer
from twinlake.identity.principals import Principal, site_issuer
from twinlake.identity.trust.assertions import AssertionSigner
from twinlake.identity.trust.models import VerifiedSubject
from twinlake.identity.trust.site_grants import CLIENT_ASSERTION_TYPE, JWT_BEARER
from twinlake.site.layout import SiteFolder
from twinlake.site.schema import MIGRATIONS

pytestmark = pytest.mark.slow  # of three processes

GUARDED = (
    ("GET", "/api/me"),
    ("POST", "/stac/v2/search"),
    ("GET", "/stac/v2/collections"),
    ("POST", "/federation/search"),
    ("GET", "/jobs"),
    ("GET", "/api/audit"),
    ("GET", "/api/federation/peers"),
)


def statuses(site, token):
    """Return what each of the routes answers to *token*; a bad one is no less bad where nobody needs one."""
    with site.client(token) as client:
        return {path: client.request(method, path, json={} if method == "POST" else None).status_code for method, path in GUARDED}


def refused_everywhere(site, token):
    return set(statuses(site, token).values()) == {401}


def encode(value):
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


@pytest.fixture(scope="module")
def token(lake):
    return lake.sign_in("researcher")


@pytest.fixture(scope="module")
def stranger():
    """A key that no site has."""
    key = RSAKey.generate_key(2048)
    return SigningKey(key.thumbprint(), "RS256", key)


async def asserting(site):
    """Return what a site signs assertions with, and the key of its realm ``dedl``: a site that has turned bad."""
    folder = SiteFolder(site.folder)
    async with SqliteDatabase(folder.database, migrations=MIGRATIONS) as database:
        sealer = Sealer(folder.derive_key("signing keys"), randomness=SYSTEM_RANDOMNESS)
        ring = KeyRing(database=database, clock=SystemClock(), sealer=sealer)
        await ring.keep_up()
    site_id = site.folder.name
    return AssertionSigner(site_id=site_id, ring=ring, clock=SystemClock(), randomness=SYSTEM_RANDOMNESS), ring


def redeem(site, signer, assertion):
    """Present an assertion to a site, as the site of *signer*."""
    form = {
        "grant_type": JWT_BEARER,
        "assertion": assertion,
        "client_assertion_type": CLIENT_ASSERTION_TYPE,
        "client_assertion": signer.authenticate(site_issuer(site.folder.name)),
    }
    return httpx2.post(f"{site.url}{REALM}/token", data=form, timeout=30)


def test_a_good_token_is_let_in_at_its_site_only(lake, token):
    assert statuses(lake.central, token)["/api/me"] == 200
    assert refused_everywhere(lake.sites["climate"], token)
    assert refused_everywhere(lake.sites["extremes"], token)


def test_a_token_of_a_bridge_counts_at_that_bridge_only(lake):
    token = lake.sign_in("researcher", at="climate")

    assert statuses(lake.sites["climate"], token)["/api/me"] == 200
    assert refused_everywhere(lake.central, token)
    assert refused_everywhere(lake.sites["extremes"], token)


@pytest.mark.parametrize("of", ["central", "climate"])
def test_a_desp_token_is_exchanged_by_the_site_it_was_made_for_and_read_by_no_route(lake, of):
    desp = lake.desp_token("visitor", of=of)["access_token"]

    taken = {name: lake.exchange(desp, at=name).status_code for name in lake.sites}

    assert taken == {name: 200 if name == of else 400 for name in lake.sites}
    assert all(refused_everywhere(site, desp) for site in lake.sites.values())


def test_forged_tokens_are_refused_by_every_site(lake, token, stranger):
    header, payload, signature = token.split(".")
    head, claims = jwt.get_unverified_header(token), jwt.decode(token, options={"verify_signature": False})
    certs = httpx2.get(f"{lake.central.url}{REALM}/certs").json()["keys"]
    public = RSAKey.import_key(next(key for key in certs if key["kid"] == head["kid"])).as_pem(private=False)
    hmac = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256)
    text = f"{encode({**head, 'alg': 'HS256'})}.{payload}"
    by_hmac = base64.urlsafe_b64encode(hmac.sign(text.encode(), public)).rstrip(b"=").decode()
    administrator = {**claims, "realm_access": {"roles": ["administrator", "operator"]}}
    evil = {**claims, "iss": "http://evil.test/auth/realms/dedl", "aud": ["hda-public"]}
    forged = {
        "none": f"{encode({**head, 'alg': 'none'})}.{payload}.",
        "stripped": f"{header}.{payload}.",
        "edited": f"{header}.{encode(administrator)}.{signature}",
        "hs256 with the public key": f"{text}.{by_hmac}",
        "another issuer, another key": sign(evil, stranger, typ="JWT"),
        "this issuer, another key": sign(administrator, stranger, typ="JWT"),
        "this issuer, another key under the known name": sign(administrator, SigningKey(head["kid"], "RS256", stranger.key), typ="JWT"),
        "a key in the header": f"{encode({**head, 'jwk': stranger.key.as_dict(private=False)})}.{payload}.{signature}",
        "no token": "a.b.c",
    }  # fmt: skip

    let_in = [
        (name, kind)
        for name, site in lake.sites.items()
        for kind, each in forged.items()
        if ask_me(site, each).status_code != 401
    ]

    assert let_in == []


def ask_me(site, token):
    return httpx2.get(f"{site.url}/api/me", headers={"authorization": f"Bearer {token}"}, timeout=30)


async def test_a_site_that_turned_bad_makes_tokens_of_no_other(lake, token):
    """Climate signs with its own keys, as central and as itself, with what users' tokens carry."""
    _, ring = await asserting(lake.sites["climate"])
    claims = jwt.decode(token, options={"verify_signature": False})
    own = {**claims, "iss": f"{lake.sites['climate'].url}/auth/realms/dedl", "realm_access": {"roles": ["administrator"]}}
    forged = [sign(each, ring.signing_key(use), typ="JWT") for each in (claims, own) for use in ("dedl", "desp", "site")]

    assert [ask_me(lake.sites[name], each).status_code for name in ("central", "extremes") for each in forged] == [401] * 12


async def test_an_assertion_counts_once_at_one_site_and_so_does_what_it_yields(lake):
    signer, _ = await asserting(lake.sites["climate"])
    extremes = lake.sites["extremes"]
    subject = VerifiedSubject(
        principal=Principal(signer.issuer, "a-local-account"),
        roles=frozenset({"administrator", "operator", "DPAD_Direct_Access"}),
    )
    assertion = signer.assert_subject(subject, audience=site_issuer("extremes"))

    elsewhere = redeem(lake.central, signer, assertion)
    first = redeem(extremes, signer, assertion)
    again = redeem(extremes, signer, assertion)

    assert (elsewhere.status_code, first.status_code, again.status_code) == (400, 200, 400)
    assert {elsewhere.json()["error"], again.json()["error"]} == {"invalid_grant"}
    assert first.json().keys() == {"access_token", "token_type", "expires_in", "scope"}
    assert (first.json()["expires_in"], first.json()["scope"]) == (300, "read search")
    peer_token = first.json()["access_token"]
    assert set(ask_me(extremes, peer_token).json()["roles"]) <= {"DPAD_Direct_Access"}
    assert refused_everywhere(lake.central, peer_token)
    assert refused_everywhere(lake.sites["climate"], peer_token)
    assert all(refused_everywhere(site, assertion) for site in lake.sites.values())


async def test_a_site_asserts_nobody_who_is_at_home_elsewhere(lake):
    """Climate says that central's researcher asks."""
    signer, ring = await asserting(lake.sites["climate"])
    now = datetime.now(UTC)
    claims = {
        "sub": "researcher", "aud": site_issuer("extremes"), "iss": site_issuer("central"), "jti": "x" * 24, "scope": "read search",
        "iat": int(now.timestamp()), "exp": int((now + timedelta(seconds=50)).timestamp()), "realm_access": {"roles": []},
    }  # fmt: skip
    forged = sign(claims, ring.signing_key("site"), typ="twinlake-assertion+jwt")

    answer = redeem(lake.sites["extremes"], signer, forged)

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")


async def test_who_is_no_site_gets_nothing_for_an_assertion(lake):
    """What central signed is brought to extremes by climate under the name of central, and by nobody."""
    signer, _ = await asserting(lake.sites["climate"])
    vouching, _ = await asserting(lake.central)
    subject = VerifiedSubject(principal=Principal(vouching.issuer, "visitor"), roles=frozenset())
    stolen = vouching.assert_subject(subject, audience=site_issuer("extremes"))
    extremes = lake.sites["extremes"]

    borrowed = redeem(extremes, signer, stolen)
    form = {"grant_type": JWT_BEARER, "assertion": stolen, "client_assertion_type": CLIENT_ASSERTION_TYPE}
    unproven = [
        httpx2.post(f"{extremes.url}{REALM}/token", data={**form, "client_assertion": each}, timeout=30)
        for each in ("", "a.b.c", signer.authenticate(site_issuer("central")))
    ]

    assert (borrowed.status_code, borrowed.json()["error"]) == (400, "invalid_grant")
    assert [(each.status_code, each.json()["error"]) for each in unproven] == [(401, "invalid_client")] * 3


def test_what_was_signed_in_is_over_at_once_when_its_refresh_token_is_revoked(lake):
    given = lake.desp_token("visitor")
    token = lake.exchange(given["access_token"]).json()["access_token"]
    assert ask_me(lake.central, token).status_code == 200

    form = {"client_id": "dedl-hda", "token": given["refresh_token"]}
    revoked = httpx2.post(f"{lake.central.url}{DESP}/revoke", data=form, timeout=30)

    assert revoked.status_code == 200
    assert refused_everywhere(lake.central, token)
    assert lake.exchange(given["access_token"]).status_code == 400
    renewal = {"grant_type": "refresh_token", "client_id": "dedl-hda", "refresh_token": given["refresh_token"]}
    assert httpx2.post(f"{lake.central.url}{DESP}/token", data=renewal, timeout=30).status_code == 400


def test_no_log_holds_a_token_or_a_password(lake, token):
    secrets = [token, token.rpartition(".")[2], lake.password("researcher"), lake.password("visitor")]
    for site in lake.sites.values():
        log = site.raw_log()
        assert [secret for secret in secrets if secret in log] == []
        assert "eyJ" not in log
