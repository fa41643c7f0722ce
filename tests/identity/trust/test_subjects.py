import json
from datetime import timedelta

import pytest
from joserfc.jwk import RSAKey

from twinlake.core.errors import TwinlakeError
from twinlake.identity.errors import InvalidTokenError
from twinlake.identity.keys.jwt import sign
from twinlake.identity.keys.ring import SigningKey
from twinlake.identity.principals import Principal
from twinlake.identity.trust.keysets import DISCOVERY, KeySets
from twinlake.identity.trust.models import TrustedIssuer
from twinlake.identity.trust.subjects import SubjectReader
from twinlake.testing.clock import HandClock

URL = "https://idp.example/realms/lake"
RSA = [RSAKey.generate_key(2048), RSAKey.generate_key(2048)]
LAKE = TrustedIssuer(
    id="urn:lake", alias="lake-oidc", url=URL, audience="twinlake", roles=frozenset({"data-steward", "operator"})
)


class Idp:
    """An issuer at the other end of `fetch`."""

    def __init__(self):
        self.described = {"issuer": URL, "jwks_uri": f"{URL}/certs"}
        self.keys = [RSA[0]]
        self.fetched = []
        self.away = False

    async def fetch(self, url):
        self.fetched.append(url)
        if self.away:
            raise TwinlakeError("no answer")
        if url == URL + DISCOVERY:
            return json.dumps(self.described).encode()
        return json.dumps({"keys": [{**key.as_dict(private=False), "kid": key.thumbprint()} for key in self.keys]}).encode()

    def list_issuers(self):
        return (LAKE,)


@pytest.fixture
def clock():
    return HandClock()


@pytest.fixture
def idp():
    return Idp()


@pytest.fixture
def reader(idp, clock):
    return SubjectReader(site_id="central", issuers=idp, keys=KeySets(fetch=idp.fetch, clock=clock), clock=clock)


def token(clock, *, key=RSA[0], typ="JWT", **changed):
    now = int(clock.now().timestamp())
    claims = {"iss": URL, "sub": "alice", "aud": "twinlake", "iat": now, "exp": now + 300, "name": "Alice"}
    return sign(claims | changed, SigningKey(key.thumbprint(), "RS256", key), typ=typ)


async def test_a_token_of_a_trusted_issuer_names_its_subject(reader, clock):
    subject = await reader.verify(token(clock, realm_access={"roles": ["data-steward"]}), "lake-oidc")

    assert subject.principal == Principal("urn:lake", "alice")
    assert subject.roles == {"data-steward"}
    assert subject.attributes == {"name": "Alice"}


async def test_the_type_of_access_tokens_counts_as_well(reader, clock):
    await reader.verify(token(clock, typ="at+jwt"), "lake-oidc")
    await reader.verify(token(clock, typ="application/at+JWT"), "lake-oidc")


@pytest.mark.parametrize(
    "claims",
    [
        {"realm_access": {"roles": ["data-steward", "x"]}},
        {"resource_access": {"hda": {"roles": ["data-steward"]}, "other": 3}},
        {"entitlements": ["data-steward"]},
        {"groups": ["data-steward", 7]},
        {"groups": "x,data-steward"},
    ],
)
async def test_roles_are_found_where_issuers_put_them(reader, clock, claims):
    assert (await reader.verify(token(clock, **claims), "lake-oidc")).roles == {"data-steward"}


@pytest.mark.parametrize(
    "claims", [{"realm_access": {"roles": ["operator", "administrator"]}}, {"groups": "operator"}, {"realm_access": 3}]
)
async def test_other_roles_count_for_nothing(reader, clock, claims):
    assert (await reader.verify(token(clock, **claims), "lake-oidc")).roles == frozenset()


@pytest.mark.parametrize(
    "changed",
    [
        {"aud": "other"},
        {"aud": None},
        {"iss": URL + "/"},
        {"iss": "https://evil.example"},
        {"iss": None},
        {"sub": None},
        {"sub": "../x"},
        {"exp": 0},
        {"nbf": 9_999_999_999},
        {"key": RSA[1]},
        {"typ": "logout+jwt"},
    ],
)
async def test_a_token_that_does_not_fit_is_refused(reader, clock, changed):
    with pytest.raises(InvalidTokenError):
        await reader.verify(token(clock, **changed), "lake-oidc")


async def test_an_issuer_by_another_name_is_refused(reader, clock):
    with pytest.raises(InvalidTokenError, match="not trusted"):
        await reader.verify(token(clock), "desp-oidc")


async def test_skew_within_the_leeway_is_borne_and_no_more(reader, clock):
    good = token(clock)
    clock.advance(seconds=329)
    await reader.verify(good, "lake-oidc")
    clock.advance(seconds=1)
    with pytest.raises(InvalidTokenError):
        await reader.verify(good, "lake-oidc")


class TestKeys:
    """Keys are fetched seldom, and for new ones soon."""

    async def test_they_are_kept_for_ten_minutes(self, reader, idp, clock):
        for _ in range(3):
            await reader.verify(token(clock), "lake-oidc")
        assert len(idp.fetched) == 2

        clock.advance(minutes=10)
        await reader.verify(token(clock), "lake-oidc")
        assert len(idp.fetched) == 4

    async def test_a_new_key_is_fetched_but_not_more_than_every_half_minute(self, reader, idp, clock):
        await reader.verify(token(clock), "lake-oidc")
        idp.keys = RSA[::-1]
        for _ in range(20):
            with pytest.raises(InvalidTokenError):
                await reader.verify(token(clock, key=RSA[1]), "lake-oidc")
        assert len(idp.fetched) == 2

        clock.advance(seconds=30)
        await reader.verify(token(clock, key=RSA[1]), "lake-oidc")
        assert len(idp.fetched) == 4

    async def test_the_last_good_ones_serve_for_a_day_while_the_issuer_is_away(self, reader, idp, clock):
        await reader.verify(token(clock), "lake-oidc")
        idp.away = True
        clock.advance(hours=23, minutes=59)
        await reader.verify(token(clock), "lake-oidc")

        clock.later += timedelta(minutes=2)
        with pytest.raises(InvalidTokenError, match="does not answer"):
            await reader.verify(token(clock), "lake-oidc")

    @pytest.mark.parametrize(
        "described",
        [
            {"issuer": "https://evil.example"},
            {"jwks_uri": "https://evil.example/certs"},
            {"jwks_uri": 3},
            {"jwks_uri": "http://idp.example/"},
        ],
    )
    async def test_a_discovery_that_leads_elsewhere_is_not_followed(self, reader, idp, clock, described):
        idp.described |= described

        with pytest.raises(InvalidTokenError):
            await reader.verify(token(clock), "lake-oidc")
        assert idp.fetched == [URL + DISCOVERY]


async def test_an_issuer_whose_tokens_have_no_audience_must_name_this_site(clock, central):
    desp = TrustedIssuer(
        id=central.issuer,
        alias="desp-oidc",
        url=central.desp_url,
        keys=tuple(central.ring.public_keys("desp")),
        roles=frozenset(),
    )

    class Table:
        def list_issuers(self):
            return (desp,)

    async def no_fetch(url):
        raise AssertionError(url)

    reader = SubjectReader(
        site_id="climate", issuers=Table(), keys=KeySets(fetch=no_fetch, clock=central.clock), clock=central.clock
    )

    good = await reader.verify(central.desp_token("alice", site="climate"), "desp-oidc")
    assert good.principal == Principal(central.issuer, "alice")
    for wrong in (
        central.desp_token("alice", site="extremes"),
        central.desp_token("alice", site=None),
        central.desp_token("alice", site="climate", aud="hda-public"),
    ):
        with pytest.raises(InvalidTokenError, match="another site"):
            await reader.verify(wrong, "desp-oidc")
