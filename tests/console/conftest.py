"""One filled site per worker, in a process of its own; one Chromium per module."""

import json
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest

_SCRIPT = Path(__file__).with_name("console_site.py")
_HTML = {"accept": "text/html"}


@dataclass(frozen=True)
class ConsoleSite:
    url: str
    folder: Path

    @property
    def token(self):
        return (self.folder / "admin.token").read_text().strip()

    @property
    def bearer(self):
        return {"authorization": f"Bearer {self.token}"}

    def get(self, path, *, headers=None, **more):
        """Ask for a page as a browser does."""
        return httpx2.get(self.url + path, headers=_HTML | (headers or {}), **more)


@contextmanager
def run_site(folder, extra=0):
    """Serve a site in *folder* with *extra* collections; -1 leaves it empty."""
    log = folder / "site.log"
    with log.open("wb") as errors:
        process = subprocess.Popen(
            [sys.executable, str(_SCRIPT), str(folder), str(extra)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors
        )
    with process:
        line = process.stdout.readline()
        assert line, log.read_text()[-3000:]
        try:
            yield ConsoleSite(json.loads(line)["url"], folder)
        finally:
            process.stdin.close()
            process.wait(timeout=30)


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    with run_site(tmp_path_factory.mktemp("console")) as site:
        yield site


@pytest.fixture(scope="module")
def browser(need_command):
    executable = need_command("chromium", "chromium fonts-dejavu-core")
    from playwright.sync_api import sync_playwright

    switches = ["--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
    with sync_playwright() as playwright, playwright.chromium.launch(executable_path=executable, args=switches) as browser:
        yield browser


class Visit:
    """A browser's tab that notes whatever a page does wrong."""

    def __init__(self, context, site):
        self.site = site
        self.page = context.new_page()
        self.wrongs = []
        self.responses = []
        self.page.on("console", self._note_message)
        self.page.on("pageerror", lambda error: self.wrongs.append(f"script: {error}"))
        self.page.on("request", self._note_request)
        self.page.on("response", self._note_response)

    def _note_message(self, message):
        # That the answer is an error is what some pages are about.
        if message.type in {"error", "warning"} and "the server responded with a status of 40" not in message.text:
            self.wrongs.append(f"{message.type}: {message.text}")

    def _note_request(self, request):
        if not request.url.startswith((self.site.url, "data:", "blob:")):
            self.wrongs.append(f"foreign: {request.url}")

    def _note_response(self, response):
        self.responses.append(response)

    def go(self, path):
        """Load a page, its map included."""
        self.page.goto(self.site.url + path)
        self.wait_for_map()
        return self.page

    def wait_for_map(self):
        if self.page.locator("#map").count():
            self.page.wait_for_selector("#map[data-ready]")

    def sign_in(self):
        self.page.goto(f"{self.site.url}/sign-in")
        self.page.get_by_text("With a token instead").click()
        self.page.get_by_label("Token").fill(self.site.token)
        self.page.get_by_role("button", name="Sign in with this token").click()
        self.page.wait_for_url(f"{self.site.url}/")


@contextmanager
def visiting(browser, site):
    """Open a tab on *site*; what went wrong on its pages fails the test at the end."""
    with browser.new_context(viewport={"width": 1280, "height": 720}, accept_downloads=True) as context:
        context.set_default_timeout(30_000)
        visit = Visit(context, site)
        yield visit
        assert visit.wrongs == []
        assert not visit.page.evaluate("window.hacked")


@pytest.fixture
def visit(browser, site):
    """A tab on the site that all tests read and none may change."""
    with visiting(browser, site) as visit:
        yield visit


@pytest.fixture
def visit_of_own(browser, tmp_path):
    """A tab on an empty site that the test may change."""
    folder = tmp_path / "site"
    folder.mkdir()
    with run_site(folder, extra=-1) as site, visiting(browser, site) as visit:
        yield visit
