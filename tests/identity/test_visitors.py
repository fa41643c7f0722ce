"""What a device is given for somebody whose account is at another site, which is away, with the clock in the test's hand."""

from dataclasses import replace

import jwt
import msgspec
import pytest
from joserfc.jwk import RSAKey
from lxml import html

from federation.sites.saying import Speaker
from twinlake.federation.sites.descriptor import Heard, SiteKeys
from twinlake.federation.sites.trust import Peer
from twinlake.identity.issuer.models import ACCESS_TOKEN_TYPE, TOKEN_EXCHANGE
from twinlake.identity.keys.jwt import sign
from twinlake.identity.keys.ring import SigningKey
from twinlake.identity.principals import Caller
from twinlake.identity.relying import OWN_CONSOLE_CLIENT
from twinlake.testing.clock import START, HandClock
from twinlake.testing.site import local_site

REALM = "/auth/realms/dedl"
PROTOCOL = f"{REALM}/protocol/openid-connect"
DEVICE = "urn:ietf:params:oauth:grant-type:device_code"
PRIVILEGED, PLAIN = "data-steward", "hda-low"
OFFLINE = "openid offline_access search read"


class Home:
    """Central, as its bridge knows it: it has made tokens, and does not answer now."""

    def __init__(self):
        self._speaker = Speaker(id="central", url="http://127.0.0.1:9")
        pair = RSAKey.generate_key(2048)
        self._key = SigningKey(pair.thumbprint(), "RS256", pair)

    async def join(self, bridge, *roles):
        directory, speaker = bridge.services.federation.sites.directory, self._speaker
        prints = frozenset({speaker.keys[0].kid})
        peer = Peer(
            id=speaker.id,
            public_url=speaker.url,
            fingerprint=speaker.keys[0].kid,
            fingerprints=prints,
            roles=frozenset(roles),
            state="trusted",
            changed_at=START,
        )
        await directory.change(speaker.id, lambda _: peer, by=Caller(), action="trust_site")
        said = speaker.descriptor()
        public = {**self._key.key.as_dict(private=False), "kid": self._key.kid, "use": "sig", "alg": "RS256"}
        said = msgspec.structs.replace(said, keys=SiteKeys(site=said.keys.site, dedl=[], desp=[public]))
        await directory.note_heard(speaker.id, Heard(said, b"x", prints))

    def desp_token(self, bridge, subject):
        now = int(bridge.services.clock.now().timestamp())
        claims = {
            "iss": f"{self._speaker.url}/realms/desp",
            "sub": subject,
            "typ": "Bearer",
            "sid": f"sid-{subject}",
            "iat": now,
            "exp": now + 3600,
            "realm_access": {"roles": [PRIVILEGED, PLAIN, "operator", "administrator", "hda-restricted-data-access"]},
            "preferred_username": subject,
            "twinlake:site": "climate",
        }
        return sign(claims, self._key, typ="JWT")


@pytest.fixture
def clock():
    return HandClock()


@pytest.fixture
async def bridge(tmp_path, clock):
    async with local_site(tmp_path, site_id="climate", clock=clock) as site:
        yield site


@pytest.fixture
async def home(bridge):
    home = Home()
    await home.join(bridge, PRIVILEGED, PLAIN, "operator", "administrator")
    return home


@pytest.fixture
async def http(bridge, home):
    """The browser in which alice of central is signed in to the console."""
    async with bridge.client() as client:
        form = {
            "grant_type": TOKEN_EXCHANGE,
            "client_id": OWN_CONSOLE_CLIENT,
            "client_secret": bridge.services.folder.derive_key("console client").hex(),
            "subject_token": home.desp_token(bridge, "alice"),
            "subject_token_type": ACCESS_TOKEN_TYPE,
            "subject_issuer": "desp-oidc",
        }
        given = (await client.post(f"{PROTOCOL}/token", data=form)).json()
        session = await bridge.services.sessions.open_session(given["access_token"], client="c")
        client.cookies.set(bridge.services.sessions.cookie_name, session.secret)
        yield client


async def ask(http, started):
    return await http.get(f"{REALM}/device", params={"user_code": started["user_code"]})


async def let_in(http, scope="openid search read"):
    """Return what a device is given that alice lets in."""
    started = (await http.post(f"{PROTOCOL}/auth/device", data={"client_id": "hda-public", "scope": scope})).json()
    form = html.fromstring((await ask(http, started)).text).forms[0]
    assert form.fields["user_code"] == started["user_code"]
    assert "let in" in (await http.post(f"{REALM}/device", data=dict(form.fields) | {"decision": "allow"})).text
    poll = {"grant_type": DEVICE, "client_id": "hda-public", "device_code": started["device_code"]}
    answer = await http.post(f"{PROTOCOL}/token", data=poll)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def refresh(http, given):
    form = {"grant_type": "refresh_token", "client_id": "hda-public", "refresh_token": given["refresh_token"]}
    return await http.post(f"{PROTOCOL}/token", data=form)


async def me(bridge, given):
    """Return what the site says to a device of who it is, or the status of its refusal."""
    async with bridge.client(given["access_token"]) as client:
        answer = await client.get("/api/me")
    return answer.json() if answer.status_code == 200 else answer.status_code


def claims_of(token):
    return jwt.decode(token, options={"verify_signature": False})


async def test_the_token_is_the_bridges_for_the_principal_of_home_with_the_roles_that_home_may_assert(bridge, http):
    given = await let_in(http)

    claims = claims_of(given["access_token"])
    assert claims["twinlake:principal"] == "urn:twinlake:site:central|alice"
    assert claims["iss"].endswith(REALM)
    assert claims["realm_access"]["roles"] == [PRIVILEGED, PLAIN]
    assert claims_of(given["id_token"])["sub"] == "urn:twinlake:site:central|alice"
    told = await me(bridge, given)
    assert (told["principal"], told["roles"]) == ("urn:twinlake:site:central|alice", [PRIVILEGED, PLAIN])
    assert claims_of((await refresh(http, given)).json()["access_token"])["realm_access"]["roles"] == [PRIVILEGED, PLAIN]


async def test_roles_that_home_may_assert_no_more_are_in_no_renewed_token(bridge, home, http):
    given = await let_in(http)
    await home.join(bridge, PLAIN)

    renewed = (await refresh(http, given)).json()

    assert claims_of(renewed["access_token"])["realm_access"]["roles"] == [PLAIN]
    assert (await me(bridge, given))["roles"] == [PLAIN]


@pytest.mark.parametrize("scope", ["openid search read", OFFLINE])
async def test_while_home_is_away_it_lasts_four_hours_without_privileges_renewed_or_not(bridge, http, clock, scope):
    given = await let_in(http, scope)
    clock.advance(minutes=5)
    assert (await me(bridge, given))["roles"] == [PLAIN]

    clock.advance(hours=3, minutes=54)
    given = (await refresh(http, given)).json()
    assert (await me(bridge, given))["roles"] == [PLAIN]
    clock.advance(minutes=2)

    assert await me(bridge, given) == 401
    assert await me(bridge, (await refresh(http, given)).json()) == 401


@pytest.mark.parametrize("scope", ["openid search read", OFFLINE])
async def test_refresh_tokens_end_with_the_sign_in_from_home(bridge, http, clock, scope):
    clock.advance(hours=1)
    given = await let_in(http, scope)
    assert given["refresh_expires_in"] == 11 * 3600
    for _ in range(2):
        clock.advance(hours=5)
        given = (await refresh(http, given)).json()
    assert given["refresh_expires_in"] == 3600
    assert given["expires_in"] == 3600

    clock.advance(hours=1)

    assert (await refresh(http, given)).json()["error"] == "invalid_grant"


async def test_an_offline_token_stays_the_same_and_others_are_replaced(http, clock):
    offline, other = await let_in(http, OFFLINE), await let_in(http)
    for _ in range(3):
        clock.advance(minutes=5)
        assert (await refresh(http, offline)).json()["refresh_token"] == offline["refresh_token"]
    assert (await refresh(http, other)).json()["refresh_token"] != other["refresh_token"]
    clock.advance(minutes=1)
    assert (await refresh(http, other)).json()["error"] == "invalid_grant"


async def test_the_audit_log_tells_which_program_somebody_of_elsewhere_let_in(bridge, http):
    await let_in(http)

    entries = await bridge.services.audit.list_entries(before=None, limit=20)
    [entry] = [each for each in entries if each["action"] == "allow_device"]
    assert (entry["principal"], entry["resource"]) == ("urn:twinlake:site:central|alice", "clients/hda-public")


async def test_it_ends_with_the_consoles_session_and_with_trust(bridge, home, http):
    first = await let_in(http, OFFLINE)
    await bridge.services.federation.issuer.sessions.sign_out(claims_of(first["access_token"])["sid"], request_id="r")
    assert await me(bridge, first) == 401
    assert (await refresh(http, first)).json()["error"] == "invalid_grant"

    started = (await http.post(f"{PROTOCOL}/auth/device", data={"client_id": "hda-public"})).json()
    assert (await ask(http, started)).status_code == 302  # and the browser lets nothing in any more


async def test_who_comes_from_a_page_of_elsewhere_is_led_here_once_more_for_the_sake_of_strict_cookies(bridge, http):
    started = (await http.post(f"{PROTOCOL}/auth/device", data={"client_id": "hda-public"})).json()
    url = f"{REALM}/device?user_code={started['user_code']}"

    led = html.fromstring((await http.get(url, headers={"sec-fetch-site": "cross-site"})).text)
    came = html.fromstring((await http.get(url, headers={"sec-fetch-site": "same-origin"})).text)

    assert led.xpath("//main//a/@href") == [f"{bridge.services.settings.base_url}{url}"]
    assert led.xpath("//meta[@http-equiv='refresh']/@content") == [f"0; url={bridge.services.settings.base_url}{url}"]
    assert led.forms == []
    assert came.forms[0].fields["user_code"] == started["user_code"]


async def test_who_is_of_a_site_that_was_blocked_has_no_device_here_any_more(bridge, http):
    given = await let_in(http)
    directory = bridge.services.federation.sites.directory
    await directory.change("central", lambda peer: replace(peer, state="blocked"), by=Caller(), action="block_site")

    assert await me(bridge, given) == 401
    assert (await refresh(http, given)).json()["error"] == "invalid_grant"


async def test_user_codes_are_not_guessed_by_visitors_either(http):
    statuses = [(await ask(http, {"user_code": "BBBB-BBBB"})).status_code for _ in range(6)]

    assert statuses == [200] * 5 + [429]


@pytest.mark.parametrize("code", ["\r\nLocation: x", '"><b>', "/../../", "B" * 500])
async def test_a_code_that_is_none_is_no_markup(http, code):
    page = await ask(http, {"user_code": code})

    assert "No device waits with this code" in page.text
    assert code not in page.text
