"""Tokens that this site did not make, or not for this: none is exchanged."""

import base64
import json
from datetime import timedelta

import httpx2
import jwt
import pytest
from joserfc.jwk import RSAKey

from identity.issuer.browsing import endpoint, exchange, tokens_of
from identity.issuer.issuer_site import build_site
from twinlake.identity.issuer.subjects import verify_own
from twinlake.identity.keys.jwt import sign
from twinlake.identity.keys.ring import PUBLISHED_BEFORE, SigningKey
from twinlake.identity.principals import Principal
from twinlake.identity.trust.models import VerifiedSubject


def encode(value):
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


@pytest.fixture
async def token(site, http):
    await site.add("alice", roles=["DPAD_Direct_Access"])
    return (await tokens_of(http, site))["access_token"]


_OTHER_KEY = RSAKey.generate_key(2048)


class Forger:
    """Makes of a good token bad ones; the site's own keys are at hand, so that each is bad in one way only."""

    def __init__(self, site, token):
        self.site = site
        self.header, self.payload, self.signature = token.split(".")
        self.known = jwt.get_unverified_header(token)
        self.claims = jwt.decode(token, options={"verify_signature": False})
        self.own = site.ring.signing_key("desp")
        self.other = _OTHER_KEY

    def signed(self, changed, key=None, typ="JWT"):
        return sign({**self.claims, **changed}, key or self.own, typ=typ)

    def headed(self, changed, *, signature=None):
        return f"{encode(self.known | changed)}.{self.payload}.{self.signature if signature is None else signature}"

    def later(self, **step):
        return (self.site.clock.now() + timedelta(**step)).timestamp()

    def hmac_with_the_public_key(self):
        algorithm = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256)
        text = f"{encode({'alg': 'HS256', 'kid': self.own.kid, 'typ': 'JWT'})}.{self.payload}"
        signature = algorithm.sign(text.encode(), self.own.key.as_pem(private=False))
        return f"{text}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


FORGERIES = {
    "none": lambda by: by.headed({"alg": "none"}, signature=""),
    "stripped": lambda by: by.headed({}, signature=""),
    "edited": lambda by: f"{by.header}.{encode(by.claims | {'sub': 'mallory'})}.{by.signature}",
    "hs256 with the public key": lambda by: by.hmac_with_the_public_key(),
    "another key under the known name": lambda by: by.signed({}, SigningKey(by.own.kid, "RS256", by.other)),
    "another key under its own name": lambda by: by.signed({}, SigningKey(by.other.thumbprint(), "RS256", by.other)),
    "a key of its own in the header": lambda by: by.headed({"jwk": by.other.as_dict(private=False)}),
    "a key elsewhere": lambda by: by.headed({"jku": "http://evil.test/keys", "x5u": "http://evil.test/"}),
    "the key of the other realm": lambda by: by.signed({}, by.site.ring.signing_key("dedl")),
    "the key of the site": lambda by: by.signed({}, by.site.ring.signing_key("site")),
    "another issuer": lambda by: by.signed({"iss": "http://evil.test/realms/desp"}),
    "the other realm": lambda by: by.signed({"iss": f"{by.site.url}/auth/realms/dedl"}),
    "an audience": lambda by: by.signed({"aud": "hda-public"}),
    "another site": lambda by: by.signed({"twinlake:site": "bridge"}),
    "no site": lambda by: by.signed({"twinlake:site": None}),
    "an identity token": lambda by: by.signed({"typ": "ID"}),
    "another type": lambda by: by.signed({}, typ="twinlake-assertion+jwt"),
    "expired": lambda by: by.signed({"exp": by.later(seconds=-120)}),
    "without end": lambda by: by.signed({"exp": None}),
    "not yet": lambda by: by.signed({"nbf": by.later(seconds=120)}),
    "no session": lambda by: by.signed({"sid": "0" * 32}),
    "nobody": lambda by: by.signed({"sub": "00000000-0000-4000-8000-000000000000"}),
    "long": lambda by: by.signed({"x": "x" * 20_000}),
    "nonsense": lambda _: "a.b.c",
    "empty": lambda _: ".",
}


async def test_they_are_not_exchanged(site, http, token):
    by = Forger(site, token)
    answers = {name: await exchange(http, site, forge(by)) for name, forge in FORGERIES.items()}

    told = {name: (answer.status_code, answer.json()["error"]) for name, answer in answers.items()}
    assert told == dict.fromkeys(FORGERIES, (400, "invalid_grant"))
    assert (await exchange(http, site, token)).status_code == 200


async def test_a_token_of_another_site_with_the_same_name_of_realm_is_not_exchanged(site, http, token):
    other = await build_site("http://other.test", site_id="other")
    transport = httpx2.ASGITransport(app=other.app)
    async with other.database, httpx2.AsyncClient(transport=transport, base_url=other.url) as there:
        await other.add("alice")
        theirs = (await tokens_of(there, other))["access_token"]

        # Both have the same keys here, so that it is the issuer alone by which they differ.
        assert (await exchange(there, other, theirs)).status_code == 200
        assert (await exchange(there, other, token)).status_code == 400
        assert (await exchange(http, site, theirs)).status_code == 400


async def test_keys_are_rotated_without_a_false_refusal(site, http, token):
    before = (await http.get(endpoint(site.realm(), "certs"))).json()["keys"]
    await site.ring.rotate("desp")
    after = (await http.get(endpoint(site.realm(), "certs"))).json()["keys"]
    assert [key["kid"] for key in after][1:] == [key["kid"] for key in before]
    site.clock.later = PUBLISHED_BEFORE

    newer = (await tokens_of(http, site))["access_token"]

    assert jwt.get_unverified_header(newer)["kid"] == after[0]["kid"] != jwt.get_unverified_header(token)["kid"]
    for each in (token, newer):
        assert (await exchange(http, site, each)).status_code == 200
    assert all({"d", "p", "q"}.isdisjoint(key) for key in after)


async def test_skew_of_half_a_minute_is_forgiven(site, http, token):
    site.clock.advance(hours=1, seconds=25)
    assert (await exchange(http, site, token)).status_code == 200
    site.clock.advance(seconds=60)
    assert (await exchange(http, site, token)).status_code == 400


class Neighbours:
    """Verifies the tokens of one other site, with whose keys it was made."""

    def __init__(self, site):
        self.site = site

    async def verify(self, token, subject_issuer):
        claims = verify_own(token, self.site.realm(), self.site.ring, self.site.clock)
        principal = Principal("urn:twinlake:site:other", claims["sub"])
        return VerifiedSubject(principal=principal, roles=frozenset({"hda-low"}), attributes={"preferred_username": "alice"})


async def test_a_token_that_another_issuer_vouches_for_is_exchanged_for_its_own_principal():
    other = await build_site("http://other.test", site_id="other")
    site = await build_site("http://issuer.test", other_subjects=Neighbours(other))
    async with (
        other.database,
        site.database,
        httpx2.AsyncClient(transport=httpx2.ASGITransport(app=other.app), base_url=other.url) as there,
        httpx2.AsyncClient(transport=httpx2.ASGITransport(app=site.app), base_url=site.url) as here,
    ):
        account = await other.add("alice", roles=["DPAD_Direct_Access"])
        theirs = (await tokens_of(there, other))["access_token"]
        lake = (await exchange(here, site, theirs)).json()["access_token"]
        forged = await exchange(here, site, theirs[:-8])

    claims = jwt.decode(lake, options={"verify_signature": False})
    assert claims["twinlake:principal"] == claims["sub"] == f"urn:twinlake:site:other|{account.subject}"
    assert claims["realm_access"] == {"roles": ["hda-low"]}
    assert claims["sid"] != jwt.decode(theirs, options={"verify_signature": False})["sid"]
    assert (forged.status_code, forged.json()["error"]) == (400, "invalid_grant")
