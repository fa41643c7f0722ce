"""A site is killed while people sign in: what it has acknowledged holds afterwards, and what was spent stays spent."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Event

import httpx2
import pytest
from pysqlite3 import dbapi2

from identity.issuer.browsing import ACCESS, EXCHANGE, action_of
from twinlake.testing.site import run_twinlake, site_process

DESP, DEDL = (f"{path}/protocol/openid-connect" for path in ("/realms/desp", "/auth/realms/dedl"))
CLIENT = "dedl-hda"
ROUNDS, AT_LEAST = 2, 5

pytestmark = pytest.mark.slow


@dataclass
class Acknowledged:
    """What a client was answered, and holds in its hands."""

    spent: list[str] = field(default_factory=list)
    """Codes."""
    refresh_tokens: list[str] = field(default_factory=list)
    """The last of each chain."""
    access_tokens: list[str] = field(default_factory=list)
    """Of realm dedl."""
    revoked: list[tuple[str, str]] = field(default_factory=list)
    """Refresh token, and the access token that ended with it."""


class Person:
    """Somebody who has signed in once, in a browser that stays open while the site is killed."""

    def __init__(self, site, password):
        self._site = site
        self._redirect = f"{site.url}/stac/v2"
        self._browser = site.anonymous()
        page = self._browser.get(f"{DESP}/auth", params=self._asked())
        answer = self._browser.post(action_of(page), data={"username": "alice", "password": password})
        assert answer.status_code == 302, answer.text

    def close(self):
        self._browser.close()

    def _asked(self):
        return {"client_id": CLIENT, "redirect_uri": self._redirect, "response_type": "code", "scope": "openid"}

    def new_code(self):
        answer = self._browser.get(f"{DESP}/auth", params=self._asked())
        assert answer.status_code == 302, answer.text
        return httpx2.URL(answer.headers["location"]).params["code"]

    def redeem(self, code):
        form = {"grant_type": "authorization_code", "client_id": CLIENT, "redirect_uri": self._redirect, "code": code}
        return self._browser.post(f"{DESP}/token", data=form)

    def renew(self, token):
        form = {"grant_type": "refresh_token", "client_id": CLIENT, "refresh_token": token}
        return self._browser.post(f"{DESP}/token", data=form)

    def revoke(self, token):
        return self._browser.post(f"{DESP}/revoke", data={"client_id": CLIENT, "token": token})

    def exchange(self, token):
        form = {
            "grant_type": EXCHANGE,
            "subject_token": token,
            "subject_issuer": "desp-oidc",
            "subject_token_type": ACCESS,
            "client_id": "hda-public",
            "audience": "hda-public",
        }
        return self._browser.post(f"{DEDL}/token", data=form)

    def me(self, token):
        return self._browser.get("/api/me", headers={"authorization": f"Bearer {token}"}).status_code

    def go_on_until_killed(self, known, enough):
        """Sign in again and again; note what was answered, and tell *enough* once that is much."""
        try:
            while True:
                code = self.new_code()
                first = granted(self.redeem(code))
                known.spent.append(code)
                access = granted(self.exchange(first["access_token"]))["access_token"]
                known.access_tokens.append(access)
                known.refresh_tokens.append(granted(self.renew(first["refresh_token"]))["refresh_token"])
                other = granted(self.redeem(self.new_code()))
                access = granted(self.exchange(other["access_token"]))["access_token"]
                assert self.revoke(other["refresh_token"]).status_code == 200
                known.revoked.append((other["refresh_token"], access))
                if len(known.revoked) >= AT_LEAST:
                    enough.set()
        except httpx2.TransportError:
            return
        finally:
            enough.set()


def granted(answer):
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with site_process(tmp_path_factory.mktemp("site")) as running:
        yield running


@pytest.fixture(scope="module")
def alice(site, tmp_path_factory):
    secret = tmp_path_factory.mktemp("secret") / "alice"
    done = run_twinlake("admin", "accounts", "add", "alice", "--write-to", secret, "--config", site.config)
    assert done.returncode == 0, done.stderr
    person = Person(site, secret.read_text().strip())
    yield person
    person.close()


def test_what_was_acknowledged_holds_after_the_site_was_killed(site, alice):
    for _ in range(ROUNDS):
        known, unspent, enough = Acknowledged(), alice.new_code(), Event()
        with ThreadPoolExecutor() as pool:
            work = pool.submit(alice.go_on_until_killed, known, enough)
            enough.wait()
            site.kill()
            work.result()
        site.restart()

        assert len(known.revoked) >= AT_LEAST
        assert [alice.redeem(unspent).status_code for _ in range(2)] == [200, 400]
        assert {alice.me(token) for token in known.access_tokens} == {200}
        assert {alice.renew(token).status_code for token in known.refresh_tokens} == {200}
        for token, access in known.revoked:
            assert (alice.renew(token).status_code, alice.me(access)) == (400, 401)
        assert {alice.redeem(code).status_code for code in known.spent} == {400}
        # Whoever comes with a spent code has a copy: what was given for it has ended.
        assert {alice.me(token) for token in known.access_tokens} == {401}


def test_a_refresh_token_that_was_replaced_is_refused_after_a_restart(site, alice):
    """The half minute for clients that lost an answer is over: the row is made older while the site is down."""
    old = granted(alice.redeem(alice.new_code()))["refresh_token"]
    new = granted(alice.renew(old))["refresh_token"]
    site.kill()
    with dbapi2.connect(site.folder / "state" / "site.db") as database:
        database.execute("update issuer_refresh_token set replaced_at = replaced_at - 31000000")
    database.close()
    site.restart()

    assert alice.renew(old).status_code == 400
    assert alice.renew(new).status_code == 400
