"""openEO's own client, unmodified, is let in at a bridge from Chromium, by people of the bridge and of another site."""

import queue
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from openeo.rest import OpenEoApiError
from openeo.rest.auth.config import RefreshTokenStore
from openeo.rest.auth.oidc import OidcException
from openeo.rest.connection import Connection

from twinlake.testing.federation_sites import federated_sites
from twinlake.testing.site import run_twinlake

pytestmark = [pytest.mark.browser, pytest.mark.slow]

ADD = {"add": {"process_id": "add", "arguments": {"x": 1, "y": 2}, "result": True}}


@pytest.fixture(scope="module")
def federation(tmp_path_factory):
    """A central site with the account alice and a bridge with bob, by their names, and the passwords."""
    directory = tmp_path_factory.mktemp("devices")
    with federated_sites(directory, names=("central", "climate")) as sites:
        passwords = {}
        for name, site in (("alice", "central"), ("bob", "climate")):
            file = directory / name
            made = run_twinlake("admin", "accounts", "add", name, "--write-to", file, "--config", sites[site].config)
            assert made.returncode == 0, made.stderr
            passwords[name] = file.read_text().strip()
        yield sites, passwords


@pytest.fixture
def page(browser):
    """A tab that runs no scripts; what the pages do wrong, their own policy included, fails the test."""
    with browser.new_context(java_script_enabled=False, viewport={"width": 390, "height": 844}) as context:
        context.set_default_timeout(20_000)
        page, wrongs = context.new_page(), []
        page.on("console", lambda message: wrongs.append(message.text) if message.type in {"error", "warning"} else None)
        yield page
        assert wrongs == []


class Device:
    """openEO's client at a site, which waits in a thread until somebody lets it in."""

    def __init__(self, site, folder, pool):
        self.lake = Connection(f"{site.url}/openeo/1.2", refresh_token_store=RefreshTokenStore(folder / "refresh.json"))
        self._shown = queue.Queue()
        self._waits = pool.submit(self.lake.authenticate_oidc, display=self._shown.put, max_poll_time=60)
        told = self._shown.get(timeout=20)
        self.url = next(word for word in told.split() if "user_code=" in word).strip("`.")
        self.code = self.url.rpartition("=")[2]

    def come_in(self):
        self._waits.result(60)
        return self.lake


@contextmanager
def device(site, folder):
    with ThreadPoolExecutor(1) as pool:
        yield Device(site, folder, pool)


def sign_in(page, username, passwords):
    page.get_by_label("Username").fill(username)
    page.get_by_label("Password").fill(passwords[username])
    page.get_by_role("button", name="Sign in").click()


def sign_in_at(page, site, username, passwords, *, home):
    page.goto(f"{site.url}/sign-in")
    page.get_by_role("link", name=home).click()
    sign_in(page, username, passwords)
    page.wait_for_url(f"{site.url}/")


def let_in(page):
    page.get_by_role("button", name="Let it in").click()
    assert "The device is let in." in page.get_by_role("status").inner_text()


def test_who_has_an_account_at_central_lets_a_device_in_at_a_bridge_until_they_sign_out_there(federation, page, tmp_path):
    sites, passwords = federation
    central, climate = sites["central"], sites["climate"]
    with device(climate, tmp_path) as waiting:
        page.goto(waiting.url)
        assert page.get_by_role("heading", level=1).inner_text() == "Sign in to let a device in"
        assert page.get_by_text("With a token instead").count() == 0
        page.get_by_role("link", name="central").click()
        assert page.url.startswith(f"{central.url}/realms/desp/")
        sign_in(page, "alice", passwords)
        page.wait_for_url(waiting.url)

        asked = page.locator("form").inner_text()
        for said in (
            waiting.code,
            "Data access and processing",
            "alice",
            "whose account is at Twinlake central",
            "find data, get data, compute with openEO and run jobs",
        ):
            assert said in asked
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        let_in(page)
        lake = waiting.come_in()

    me = lake.describe_account()
    assert (me["name"], me["user_id"].partition(".")[0]) == ("alice", "central")
    lake.upload_file(__file__, "notes.py")
    assert [each.metadata["path"] for each in lake.list_files()] == ["notes.py"]
    assert lake.execute(ADD) == 3
    job = lake.create_job(ADD, title="By a visitor")
    assert [each["title"] for each in lake.list_jobs()] == ["By a visitor"]
    job.delete()
    again = Connection(lake.root_url, refresh_token_store=lake._refresh_token_store)
    again.authenticate_oidc(display=pytest.fail)
    assert again.describe_account()["user_id"] == me["user_id"]

    page.goto(f"{central.url}/sign-in")
    page.wait_for_url(f"{central.url}/")
    page.locator(".menu summary").click()
    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("status").wait_for()

    for each in (lake, again):
        with pytest.raises((OpenEoApiError, OidcException)):
            each.describe_account()
    page.goto(f"{climate.url}/")
    assert page.get_by_role("link", name="Sign in").is_visible()


def test_who_is_signed_in_at_the_bridge_already_is_asked_for_nothing_but_the_device(federation, page, tmp_path):
    sites, passwords = federation
    climate = sites["climate"]
    sign_in_at(page, climate, "alice", passwords, home="central")
    page.route("http://notebooks.test/", lambda route: route.fulfill(
        content_type="text/html", body=f'<a href="{waiting.url}">{waiting.url}</a>'
    ))  # fmt: skip
    with device(climate, tmp_path) as waiting:
        page.goto("http://notebooks.test/")
        page.get_by_role("link").click()
        page.get_by_role("button", name="Let it in").wait_for()
        assert "alice" in page.locator("form").inner_text()
        let_in(page)

        assert waiting.come_in().describe_account()["name"] == "alice"


def test_the_menu_leads_there_too(federation, page, tmp_path):
    sites, passwords = federation
    climate = sites["climate"]
    sign_in_at(page, climate, "alice", passwords, home="central")
    with device(climate, tmp_path) as waiting:
        page.locator(".menu summary").click()
        page.get_by_role("link", name="Let a device in").click()
        page.get_by_label("Code that the device shows").fill(waiting.code.lower())
        page.get_by_role("button", name="Go on").click()
        page.get_by_role("button", name="Refuse").click()

        assert "The device is refused." in page.get_by_role("status").inner_text()
        with pytest.raises(OidcException, match="access_denied"):
            waiting.come_in()


def test_an_account_of_the_bridge_itself_is_one_to_choose_and_can_be_changed_for_another(federation, page, tmp_path):
    sites, passwords = federation
    climate = sites["climate"]
    with device(climate, tmp_path) as waiting:
        page.goto(waiting.url)
        page.get_by_role("link", name="climate").click()
        sign_in(page, "bob", passwords)
        page.wait_for_url(waiting.url)
        asked = page.locator("form").inner_text()
        assert "bob" in asked
        assert "whose account is at" not in asked

        page.get_by_role("link", name="With another account").click()
        page.get_by_role("link", name="central").click()
        sign_in(page, "alice", passwords)
        page.wait_for_url(waiting.url)
        assert "alice" in page.locator("form").inner_text()
        page.get_by_role("link", name="With another account").click()
        page.get_by_role("link", name="climate").click()
        page.wait_for_url(waiting.url)
        assert "bob" in page.locator("form").inner_text()
        let_in(page)

        assert waiting.come_in().describe_account()["user_id"].startswith("climate.")


def test_where_all_have_their_account_nobody_is_asked_for_the_site(federation, page, tmp_path):
    sites, passwords = federation
    with device(sites["central"], tmp_path) as waiting:
        page.goto(waiting.url)
        sign_in(page, "alice", passwords)
        page.wait_for_url(waiting.url)
        assert page.get_by_role("link", name="With another account").count() == 0
        let_in(page)

        assert waiting.come_in().describe_account()["user_id"].startswith("central.")
