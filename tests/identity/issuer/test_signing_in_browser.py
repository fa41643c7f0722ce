"""Signing in with a real browser, without scripts: password, second factor, device, sessions, signing out."""

import pyotp
import pytest
import requests

from identity.issuer.issuer_site import PASSWORD, SYSTEM, running_issuer

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture(scope="module")
def browser(need_command):
    executable = need_command("chromium", "chromium fonts-dejavu-core")
    from playwright.sync_api import sync_playwright

    with (
        sync_playwright() as playwright,
        playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"]) as browser,
    ):
        yield browser


@pytest.fixture(scope="module")
def bridge(tmp_path_factory):
    """Another site, at another address, to which the browser is sent."""
    with running_issuer(tmp_path_factory.mktemp("bridge"), host="127.0.0.2", site_id="bridge") as running:
        yield running


@pytest.fixture
def page(browser):
    """A tab of the width of a telephone; what the pages do wrong, their own policy included, fails the test."""
    with browser.new_context(viewport={"width": 390, "height": 800}, java_script_enabled=False) as context:
        context.set_default_timeout(20_000)
        page, wrongs = context.new_page(), []
        page.on("console", lambda message: wrongs.append(message.text) if message.type in {"error", "warning"} else None)
        yield page
        assert wrongs == []


def authorize(issuer, redirect_uri):
    return (
        f"{issuer.url}/realms/desp/protocol/openid-connect/auth?client_id=dedl-hda&response_type=code&scope=openid&state=s"
        f"&redirect_uri={redirect_uri}"
    )


def fill_in(page, username):
    page.get_by_label("Username").fill(username)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()


def test_it_signs_in_with_a_second_factor_and_is_sent_to_another_site(issuer, bridge, page):
    account = issuer.add("browser")
    factors = issuer.site.issuer.factors
    secret = factors.new_secret()
    issuer.run(factors.set_secret(account.subject, secret, by=SYSTEM))
    issuer.site.peers.owners["dedl-hda", f"{bridge.url}/stac"] = "bridge"

    page.goto(authorize(issuer, f"{bridge.url}/stac"))
    page.get_by_label("Username").fill("browser")
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Sign in").click()
    assert page.get_by_role("alert").inner_text() == "Invalid username or password."
    fill_in(page, "browser")
    page.get_by_label("One-time code").fill(pyotp.TOTP(secret).now())
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{bridge.url}/stac?**")
    assert "code=" in page.url

    # The second client asks nobody again, and another site sees none of this site's cookies.
    page.goto(authorize(issuer, f"{issuer.url}/stac"))
    assert page.url.startswith(f"{issuer.url}/stac?")
    hosts = {cookie["domain"] for cookie in page.context.cookies()}
    assert hosts == {"127.0.0.1"}


def test_it_sets_up_a_second_factor_and_signs_out(issuer, page):
    issuer.add("settler")
    page.goto(f"{issuer.url}/realms/desp/account")
    fill_in(page, "settler")
    page.get_by_role("link", name="Set it up").click()
    secret = page.locator("p.mono").inner_text()
    assert page.get_by_alt_text("QR code of the key below").is_visible()
    page.get_by_label("One-time code that the app shows now").fill(pyotp.TOTP(secret).now())
    page.get_by_role("button", name="Set it up").click()
    page.wait_for_url("**/account")
    assert "A one-time code is asked for" in page.content()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390

    page.get_by_role("link", name="Sign out").click()
    page.get_by_role("button", name="Sign out").click()
    assert page.get_by_role("status").inner_text().startswith("You are signed out here and wherever else")
    page.goto(f"{issuer.url}/realms/desp/account")
    assert page.get_by_label("Password").is_visible()


def test_it_lets_a_device_in(issuer, page):
    issuer.add("device-owner")
    url = f"{issuer.url}/auth/realms/dedl/protocol/openid-connect"
    started = requests.post(f"{url}/auth/device", data={"client_id": "hda-public"}, timeout=10).json()

    page.goto(started["verification_uri"])
    fill_in(page, "device-owner")
    page.get_by_label("Code that the device shows").fill(started["user_code"].lower())
    page.get_by_role("button", name="Go on").click()
    assert started["user_code"] in page.content()
    page.get_by_role("button", name="Let it in").click()
    assert "The device is let in." in page.get_by_role("status").inner_text()

    form = {"grant_type": "urn:ietf:params:oauth:grant-type:device_code", "client_id": "hda-public"}
    tokens = requests.post(f"{url}/token", data=form | {"device_code": started["device_code"]}, timeout=10).json()
    assert tokens["access_token"]


def test_every_page_names_its_fields(issuer, page):
    page.goto(f"{issuer.url}/realms/desp/account")

    unnamed = page.locator("input:not([type=hidden])").evaluate_all("inputs => inputs.filter(one => !one.labels.length).length")
    assert unnamed == 0
    assert page.locator("html").get_attribute("lang") == "en"
