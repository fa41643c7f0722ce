"""Sites are killed while they join: what was acknowledged holds, and what was cut is done again and ends in one record."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager

import httpx2
import pytest
from pysqlite3 import dbapi2

from federation.clients.lake import REALM
from federation.clients.test_attacks import ask_me, asserting
from twinlake.identity.principals import Principal, site_issuer
from twinlake.identity.trust.models import VerifiedSubject
from twinlake.identity.trust.site_grants import CLIENT_ASSERTION_TYPE, JWT_BEARER
from twinlake.site.layout import SiteFolder
from twinlake.testing import federation_sites
from twinlake.testing.site import SiteProcess, make_site

pytestmark = pytest.mark.slow

ROLE = "DPAD_Direct_Access"
DESCRIPTOR = "/.well-known/twinlake"


@pytest.fixture
def pair(tmp_path):
    """Sites that may call each other and have not joined."""
    central, climate = federation_sites.free_ports(2)
    settings = {
        "central": {"server.port": central, "federation.addresses": {"climate": f"http://127.0.0.1:{climate}"}},
        "climate": {
            "role": "bridge",
            "server.port": climate,
            "federation.addresses": {"central": f"http://127.0.0.1:{central}"},
        },
    }
    folders = {name: make_site(tmp_path / name, site_id=name) for name in settings}
    here, there = (
        SiteProcess(folders[name], settings={"federation.refresh_seconds": 1, **each}) for name, each in settings.items()
    )
    with here, there:
        yield here, there


@contextmanager
def no_writes(site):
    """Let no change of a site become durable: it waits with whatever it is about to write."""
    with closing(dbapi2.connect(SiteFolder(site.folder).database, isolation_level=None)) as database:
        database.execute("begin immediate")
        yield


def invite(site):
    with site.client() as client:
        return client.post("/api/federation/invites").json()["invite"]


def describe(site):
    """Have *site* write what it says of itself, which it then has at hand."""
    with site.anonymous() as client:
        assert client.get(DESCRIPTOR).is_success


def join(site, word):
    """Return what became of it: a status, or nothing where the site was killed."""
    try:
        with site.client() as client:
            return client.post("/api/federation/joins", json={"invite": word}).status_code
    except httpx2.TransportError:
        return None


def trust(site, peer):
    with site.client() as client:
        assert client.put(f"/api/federation/peers/{peer}/trust", json={"roles": [ROLE]}).is_success


def records(site):
    """Return what the other sites are to *site*, and the roles that they may assert."""
    with site.client() as client:
        return [(peer["id"], peer["state"], peer["roles"]) for peer in client.get("/api/federation/peers").json()["peers"]]


def wait_for(site, *expected):
    while records(site) != list(expected):
        pass


def test_a_join_that_the_joining_site_did_not_outlive_is_done_again(pair):
    """It had been admitted, and died before it could note that: the invite is still its own to use."""
    central, climate = pair
    word = invite(central)
    with ThreadPoolExecutor() as pool:
        with no_writes(climate):
            joined = pool.submit(join, climate, word)
            wait_for(central, ("climate", "pending", []))
            climate.kill()
        assert joined.result() is None
    climate.restart()
    assert records(climate) == []

    assert join(climate, word) == 202
    assert records(climate) == [("central", "invited", [])]
    trust(central, "climate")
    wait_for(climate, ("central", "trusted", []))
    assert records(central) == [("climate", "trusted", [ROLE])]


def test_a_join_that_the_inviting_site_did_not_outlive_is_done_again(pair):
    """It died before it could note who had come."""
    central, climate = pair
    word = invite(central)
    describe(central)
    asked = central.raw_log().count(DESCRIPTOR)
    with ThreadPoolExecutor() as pool:
        with no_writes(central):
            joined = pool.submit(join, climate, word)
            while central.raw_log().count(DESCRIPTOR) == asked:  # before it comes with the invite, it asks who this is
                pass
            central.kill()
        assert joined.result() == 502
    central.restart()
    assert (records(central), records(climate)) == ([], [])

    assert join(climate, word) == 202
    trust(central, "climate")
    central.kill()
    climate.kill()
    central.restart()
    climate.restart()
    assert records(central) == [("climate", "trusted", [ROLE])]
    wait_for(climate, ("central", "trusted", []))
    trust(climate, "central")
    climate.kill()
    climate.restart()
    assert records(climate) == [("central", "trusted", [ROLE])]


async def test_what_sites_signed_for_each_other_stays_used_up(pair):
    central, climate = pair
    federation_sites.join(central, climate)
    signer, _ = await asserting(climate)
    somebody = VerifiedSubject(principal=Principal(signer.issuer, "a-local-account"), roles=frozenset())

    def sign():
        audience = site_issuer("central")
        return signer.assert_subject(somebody, audience=audience), signer.authenticate(audience)

    def redeem(assertion, proof):
        form = {
            "grant_type": JWT_BEARER,
            "assertion": assertion,
            "client_assertion_type": CLIENT_ASSERTION_TYPE,
            "client_assertion": proof,
        }
        return httpx2.post(f"{central.url}{REALM}/token", data=form, timeout=30)

    assertion, proof = sign()
    first = redeem(assertion, proof)
    central.kill()
    central.restart()

    assert first.status_code == 200, first.text
    assert ask_me(central, first.json()["access_token"]).status_code == 200
    refused = [redeem(assertion, sign()[1]), redeem(sign()[0], proof)]
    assert [(answer.status_code, answer.json()["error"]) for answer in refused] == [
        (400, "invalid_grant"),
        (401, "invalid_client"),
    ]
    assert redeem(*sign()).status_code == 200
