"""People of central let devices in at a bridge, without a browser's help; and what nobody can make of that."""

from contextlib import contextmanager
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
import requests
from lxml import html

from federation.clients.lake import REALM
from openeo_device import sign_in_device

pytestmark = pytest.mark.slow  # of three processes

DEVICE = "urn:ietf:params:oauth:grant-type:device_code"
CLIENT = "hda-public"


@pytest.fixture
def bridge(lake):
    return lake.sites["climate"]


@pytest.fixture
def browser():
    with open_browser() as browser:
        yield browser


@contextmanager
def open_browser():
    with requests.Session() as browser:
        yield browser


def start(bridge, **more):
    answer = requests.post(f"{bridge.url}{REALM}/auth/device", data={"client_id": CLIENT, **more}, timeout=30)
    assert answer.status_code == 200, answer.text
    return answer.json()


def poll(bridge, started):
    form = {"grant_type": DEVICE, "device_code": started["device_code"], "client_id": CLIENT}
    return requests.post(f"{bridge.url}{REALM}/token", data=form, timeout=30).json()


def form_of(page):
    return html.fromstring(page.content.decode()).forms[0]


def begin(lake, browser, bridge, url, username="visitor"):
    """Go from *url* over the choice of central and the form there; return where home sends the browser back to."""
    chosen = choose(browser, bridge, url)
    form = form_of(browser.get(chosen))
    credentials = {"username": username, "password": lake.password(username)}
    return browser.post(form.action, data=credentials, allow_redirects=False).headers["location"]


def choose(browser, bridge, url):
    """Return where the link to central on the page that *url* leads to goes, in this browser."""
    links = html.fromstring(browser.get(url).content.decode()).xpath("//ul[@class='homes']//a/@href")
    [link] = [each for each in links if "/sign-in/at/central" in each]
    return browser.get(bridge.url + link, allow_redirects=False).headers["location"]


def goes_on_to(page):
    """Return where the page that ends a sign-in leads."""
    assert page.status_code == 200, page.text
    [target] = html.fromstring(page.content.decode()).xpath("//p[@class='lead']/a/@href")
    return target


def sign_in(lake, browser, bridge, url, username="visitor"):
    """Sign in over central from *url*; return what the browser is brought to in the end."""
    return bridge.url + goes_on_to(browser.get(begin(lake, browser, bridge, url, username)))


def test_openeo_is_let_in_at_a_bridge_by_somebody_of_central(lake, bridge):
    tokens, renewed = sign_in_device(
        f"{bridge.url}/auth/realms/dedl",
        ["search", "read", "process"],
        sign_in=lambda browser, url: sign_in(lake, browser, bridge, url),
    )

    for token in (tokens, *renewed):
        me = requests.get(f"{bridge.url}/api/me", headers={"authorization": f"Bearer {token.access_token}"}, timeout=30).json()
        assert me["principal"].startswith("urn:twinlake:site:central|")
        assert "operator" not in me["roles"]
        with bridge.client(token.access_token) as client:
            assert client.post("/stac/v2/search", json={}).json()["numberMatched"] == len(lake.files)
    assert {each.refresh_token for each in renewed} == {tokens.refresh_token}  # it asked for offline access


def test_a_device_is_not_let_in_by_looking(lake, bridge, browser):
    started = start(bridge)
    page = browser.get(sign_in(lake, browser, bridge, started["verification_uri_complete"]))

    assert started["user_code"] in page.text
    assert poll(bridge, started)["error"] == "authorization_pending"


@pytest.mark.parametrize("change", [{"state": None}, {"state": "x" * 43}, {"iss": "http://evil.test"}, {"code": None}])
def test_an_answer_of_home_that_was_changed_signs_nobody_in(lake, bridge, browser, change):
    started = start(bridge)
    back = begin(lake, browser, bridge, started["verification_uri_complete"])
    query = {name: value for name, value in (dict(parse_qsl(urlsplit(back).query)) | change).items() if value is not None}

    refused = browser.get(f"{back.partition('?')[0]}?{urlencode(query)}")

    assert refused.status_code in {401, 403}
    assert_asks_to_sign_in(browser, bridge, started)


def assert_asks_to_sign_in(browser, bridge, started):
    asked = browser.get(started["verification_uri_complete"], allow_redirects=False)
    assert asked.headers["location"].startswith(f"{bridge.url}/sign-in?")


def test_an_answer_of_home_counts_in_the_browser_alone_that_asked_and_once(lake, bridge, browser):
    started = start(bridge)
    back = begin(lake, browser, bridge, started["verification_uri_complete"], "researcher")
    with open_browser() as victim:
        assert victim.get(back).status_code == 403
        choose(victim, bridge, started["verification_uri_complete"])  # it has a sign-in of its own under way
        assert victim.get(back).status_code == 403
        assert_asks_to_sign_in(victim, bridge, started)

    assert goes_on_to(browser.get(back)).startswith("/auth/realms/dedl/device?")
    again = browser.get(back)

    assert again.status_code == 403


@pytest.mark.parametrize(
    "target",
    [
        "http://evil.test/auth/realms/dedl/device",
        "//evil.test/auth/realms/dedl/device",
        "/\\evil.test",
        "javascript:alert(1)",
        "@evil.test",
    ],
)
def test_nobody_is_brought_to_another_site(lake, bridge, browser, target):
    begun = f"{bridge.url}/sign-in?{urlencode({'next': target})}"

    assert goes_on_to(browser.get(begin(lake, browser, bridge, begun))) == "/"


@pytest.mark.parametrize("code", ["BCDF-GHJK&next=//evil.test", "\r\nLocation: x", '"><b>', "/../../", "B" * 500])
def test_whatever_code_leads_back_to_the_page_of_devices_alone(lake, bridge, browser, code):
    page = f"{bridge.url}/auth/realms/dedl/device"

    target = urlsplit(sign_in(lake, browser, bridge, f"{page}?{urlencode({'user_code': code})}"))

    assert target._replace(query="").geturl() == page
    assert parse_qsl(target.query) == [("user_code", code[:20])]


def test_a_form_lets_in_the_device_that_it_shows_to_whom_it_shows_it(lake, bridge, browser):
    mine, attackers = start(bridge), start(bridge)
    form = form_of(browser.get(sign_in(lake, browser, bridge, mine["verification_uri_complete"])))
    fields = dict(form.fields) | {"decision": "allow"}

    swapped = browser.post(form.action, data=fields | {"user_code": attackers["user_code"]})
    bare = browser.post(form.action, data={"user_code": attackers["user_code"], "decision": "allow"})
    foreign = browser.post(form.action, data=fields, headers={"origin": "http://evil.test"})
    neighbour = browser.post(form.action, data=fields, headers={"origin": lake.central.url, "sec-fetch-site": "same-site"})
    with open_browser() as other:
        nobody = other.post(form.action, data=fields)
        sign_in(lake, other, bridge, mine["verification_uri_complete"], "researcher")
        somebody = other.post(form.action, data=fields)

    assert [each.status_code for each in (swapped, bare, foreign, neighbour, nobody, somebody)] == [403, 403, 403, 403, 401, 403]
    assert {poll(bridge, each)["error"] for each in (mine, attackers)} == {"authorization_pending"}


def test_a_token_that_was_brought_to_the_console_lets_no_device_in(lake, bridge, browser):
    """It may be for less than the device asks for."""
    started = start(bridge)
    token = lake.sign_in("visitor", at="climate")
    entered = browser.post(f"{bridge.url}/sign-in", data={"token": token, "next": "/explore"}, allow_redirects=False)
    assert entered.status_code == 303

    assert_asks_to_sign_in(browser, bridge, started)


def test_a_visitor_of_one_bridge_lets_nothing_in_at_another(lake, bridge, browser):
    started, elsewhere = start(bridge), start(lake.sites["extremes"])
    sign_in(lake, browser, bridge, started["verification_uri_complete"])

    assert_asks_to_sign_in(browser, lake.sites["extremes"], elsewhere)


def test_who_signs_out_of_the_bridge_has_no_device_there_any_more(lake, bridge, browser):
    started = start(bridge, scope="openid offline_access")
    form = form_of(browser.get(sign_in(lake, browser, bridge, started["verification_uri_complete"])))
    browser.post(form.action, data=dict(form.fields) | {"decision": "allow"})
    given = poll(bridge, started)
    me = {"url": f"{bridge.url}/api/me", "headers": {"authorization": f"Bearer {given['access_token']}"}, "timeout": 30}
    assert requests.get(**me).status_code == 200
    assert 0 < given["refresh_expires_in"] <= 12 * 3600

    page = html.fromstring(browser.get(bridge.url, headers={"accept": "text/html"}).content.decode())
    [form_token] = page.xpath("//form[@action='/sign-out']/input[@name='form_token']/@value")
    left = browser.post(f"{bridge.url}/sign-out", data={"form_token": form_token}, headers={"origin": bridge.url})
    assert left.status_code == 200

    assert requests.get(**me).status_code == 401
    form = {"grant_type": "refresh_token", "refresh_token": given["refresh_token"], "client_id": CLIENT}
    refused = requests.post(f"{bridge.url}{REALM}/token", data=form, timeout=30)
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")


def test_no_log_holds_what_was_sent_on_the_way(lake, bridge, browser):
    started = start(bridge)
    back = begin(lake, browser, bridge, started["verification_uri_complete"])
    sent = dict(parse_qsl(urlsplit(back).query))
    form = form_of(browser.get(bridge.url + goes_on_to(browser.get(back))))
    browser.post(form.action, data=dict(form.fields) | {"decision": "allow"})
    given = poll(bridge, started)
    secrets = [
        *(sent["code"], started["device_code"], started["user_code"], form.fields["form_token"]),
        *(given["access_token"], given["refresh_token"], *(cookie.value for cookie in browser.cookies)),
    ]

    for site in (lake.central, bridge):
        log = site.raw_log()
        assert [secret for secret in secrets if secret in log] == []
