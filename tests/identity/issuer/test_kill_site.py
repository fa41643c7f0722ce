"""A site is killed while people sign in: what it has acknowledged holds afterwards, and what was spent stays spent."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Event

import httpx2
import pytest
from pysqlite3 import dbapi2

from identity.issuer.visiting import Person, granted
from twinlake.testing.site import run_twinlake, site_process

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


def go_on_until_killed(person, known, enough):
    """Sign in again and again; note what was answered, and tell *enough* once that is much."""
    try:
        while True:
            code = person.new_code()
            first = granted(person.redeem(code))
            known.spent.append(code)
            access = granted(person.exchange(first["access_token"]))["access_token"]
            known.access_tokens.append(access)
            known.refresh_tokens.append(granted(person.renew(first["refresh_token"]))["refresh_token"])
            other = granted(person.redeem(person.new_code()))
            access = granted(person.exchange(other["access_token"]))["access_token"]
            assert person.revoke(other["refresh_token"]).status_code == 200
            known.revoked.append((other["refresh_token"], access))
            if len(known.revoked) >= AT_LEAST:
                enough.set()
    except httpx2.TransportError:
        return
    finally:
        enough.set()


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with site_process(tmp_path_factory.mktemp("site")) as running:
        yield running


@pytest.fixture(scope="module")
def alice(site, tmp_path_factory):
    secret = tmp_path_factory.mktemp("secret") / "alice"
    done = run_twinlake("admin", "accounts", "add", "alice", "--write-to", secret, "--config", site.config)
    assert done.returncode == 0, done.stderr
    with Person(site.url, "alice", secret.read_text().strip()) as person:
        yield person


def test_what_was_acknowledged_holds_after_the_site_was_killed(site, alice):
    for _ in range(ROUNDS):
        known, unspent, enough = Acknowledged(), alice.new_code(), Event()
        with ThreadPoolExecutor() as pool:
            work = pool.submit(go_on_until_killed, alice, known, enough)
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
