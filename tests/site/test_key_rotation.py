"""A site's signing keys follow each other while people are signed in: nobody notices."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import timedelta
from threading import Event

import jwt
import pytest

from identity.issuer.issuer_site import ShiftedClock
from identity.issuer.visiting import Person, granted
from twinlake.identity.issuer.accounts import NewAccount
from twinlake.identity.keys.jwt import sign
from twinlake.identity.principals import Caller, Principal, site_issuer
from twinlake.testing.clock import HandClock
from twinlake.testing.site import local_site
from twinlake.testing.stac_site import running_stac_site

REALM = "/auth/realms/dedl/protocol/openid-connect"
CLIENT = "dedl-stack-public-client"
PASSWORD = "correct horse battery"
SYSTEM = Caller(principal=Principal(site_issuer("central"), "system"), request_id="test")


@pytest.fixture
def clock():
    return HandClock()


@pytest.fixture
async def site(tmp_path, clock):
    async with local_site(tmp_path, clock=clock) as opened:
        yield opened


@pytest.fixture
async def client(site):
    await site.services.federation.issuer.accounts.add(NewAccount(username="alice"), PASSWORD, by=SYSTEM)
    async with site.client() as client:
        yield client


async def grant(client, **form):
    answer = await client.post(f"{REALM}/token", data={"client_id": CLIENT, **form})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def published(client):
    return [key["kid"] for key in (await client.get(f"{REALM}/certs")).json()["keys"]]


async def standing(client, token):
    return (await client.get("/api/me", headers={"authorization": f"Bearer {token}"})).status_code


def key_of(token):
    return jwt.get_unverified_header(token)["kid"]


async def test_tokens_live_on_when_another_key_takes_over(site, client, clock):
    first = await grant(client, grant_type="password", username="alice", password=PASSWORD)
    [old] = await published(client)

    await site.services.ring.rotate("dedl")
    new, still = await published(client)
    early = await grant(client, grant_type="refresh_token", refresh_token=first["refresh_token"])
    clock.advance(minutes=16)
    late = await grant(client, grant_type="refresh_token", refresh_token=early["refresh_token"])

    assert still == old == key_of(first["access_token"]) == key_of(early["access_token"])
    assert key_of(late["access_token"]) == new != old
    assert [await standing(client, each["access_token"]) for each in (first, early, late)] == [200, 200, 200]


async def test_a_key_that_was_followed_verifies_nothing_after_a_day(site, client, clock):
    token = (await grant(client, grant_type="password", username="alice", password=PASSWORD))["access_token"]
    [old] = await published(client)
    await site.services.ring.rotate("dedl")

    clock.advance(hours=26)

    assert old not in await published(client)
    assert await standing(client, token) == 401


class BusyClient:
    """Renews, exchanges and uses tokens without end, and keeps the site's key set for as long as is promised to be enough."""

    def __init__(self, person, clock):
        self._person = person
        self._clock = clock
        self._refresh_token = granted(person.redeem(person.new_code()))["refresh_token"]
        self._certs, self._fetched_at = person.certs(), clock.now()
        self.tokens = []

    def live(self, stop):
        while not stop.is_set():
            self.go_round()

    def go_round(self):
        renewed = granted(self._person.renew(self._refresh_token))
        self._refresh_token = renewed["refresh_token"]
        token = granted(self._person.exchange(renewed["access_token"]))["access_token"]
        self.tokens.append(token)
        assert [self._person.me(each) for each in (self.tokens[0], token)] == [200, 200]
        if self._clock.now() - self._fetched_at >= timedelta(minutes=10):
            self._certs, self._fetched_at = self._person.certs(), self._clock.now()
        jwt.decode(
            token,
            jwt.PyJWK(self._certs[key_of(token)]).key,
            algorithms=["RS256"],
            audience="account",
            options={"verify_exp": False, "verify_iat": False},  # by the machine's clock
        )


@pytest.mark.slow
def test_nobody_is_refused_while_keys_follow_each_other_under_load(tmp_path):
    clock = ShiftedClock()
    with ExitStack() as stack:
        site = stack.enter_context(running_stac_site(tmp_path, clock=clock))

        def sign_in():
            return stack.enter_context(Person(site.public_url, "alice", PASSWORD))

        pool = stack.enter_context(ThreadPoolExecutor())
        ring, accounts = site.services.ring, site.services.federation.issuer.accounts
        site.run(accounts.add(NewAccount(username="alice"), PASSWORD, by=SYSTEM))
        clients, stop = [BusyClient(sign_in(), clock) for _ in range(4)], Event()
        working = [pool.submit(client.live, stop) for client in clients]

        def let_all_go_round():
            until = [len(client.tokens) + 2 for client in clients]
            while any(len(client.tokens) < enough for client, enough in zip(clients, until, strict=True)):
                assert not [work.exception() for work in working if work.done()]

        followed = []
        try:
            for _ in range(2):
                followed.append(ring.signing_key("dedl"))
                for realm in ("desp", "dedl"):
                    site.run(ring.rotate(realm))
                for _ in range(4):
                    let_all_go_round()
                    clock.advance(minutes=5)
                let_all_go_round()
        finally:
            stop.set()
        for work in working:
            work.result()

        now = ring.signing_key("dedl")
        order = [each.kid for each in (*followed, now)]
        for client in clients:
            assert list(dict.fromkeys(map(key_of, client.tokens))) == order

        clock.advance(hours=26)
        alice = sign_in()
        late = BusyClient(alice, clock)
        late.go_round()
        claims = jwt.decode(late.tokens[0], options={"verify_signature": False})
        assert [alice.me(sign(claims, key, typ="JWT")) for key in (*followed, now)] == [401, 401, 200]
        assert list(alice.certs()) == [now.kid]
