"""Webhooks: subscribed over HTTP, delivered to a real receiver."""

import asyncio
import contextlib
import os
from datetime import UTC, datetime, timedelta

import pytest

from notification.conftest import Site, caller_named
from notification.webhook_receiver import Receiver
from twinlake.core.clock import SystemClock
from twinlake.engines.database import SqliteDatabase
from twinlake.engines.network import DestinationGuard, GuardedClient
from twinlake.events import schema as events_schema
from twinlake.notification import schema as notification_schema
from twinlake.notification.webhooks import dispatcher as dispatching
from twinlake.notification.webhooks.dispatcher import RETRY_AFTER, WebhookDispatcher
from twinlake.notification.webhooks.routes import routes
from twinlake.notification.webhooks.service import Webhooks
from twinlake.notification.webhooks.signing import WebhookSigner

pytestmark = pytest.mark.slow
MIGRATIONS = (*events_schema.MIGRATIONS, *notification_schema.MIGRATIONS)


class ShiftedClock(SystemClock):
    """The machine's clock, moved ahead by hand."""

    def __init__(self):
        self.ahead = timedelta(0)

    def now(self):
        return super().now() + self.ahead


class WebhookSite(Site):
    """A site with webhooks; `expelled` are owners that may no longer be told anything."""

    def __init__(self, database, clock, receivers):
        super().__init__(database, clock)
        self.expelled = set()
        client = GuardedClient(guard=DestinationGuard(allow=[receiver.origin for receiver in receivers]), timeout_seconds=5)
        shared = {
            "database": database, "log": self.log, "ids": self.ids, "renderer": self.renderer, "client": client,
            "signer": WebhookSigner(key=bytes(range(32))), "clock": clock, "randomness": os.urandom,
        }  # fmt: skip
        self.webhooks = Webhooks(**shared)
        self.dispatcher = WebhookDispatcher(
            **shared, audience_of=self.audience_of, caller_of=self.caller_of, closing=self.closing, logger=self.logger
        )

    async def caller_of(self, principal):
        return None if principal.subject in self.expelled else caller_named(principal.subject)

    @contextlib.asynccontextmanager
    async def serving(self):
        async with super().serving(more_routes=routes(self.webhooks, self.ids)):
            delivering = asyncio.create_task(self.dispatcher.run())
            try:
                yield
            finally:
                self.closing.set()
                await delivering


@pytest.fixture
async def receiver():
    async with Receiver() as receiver:
        yield receiver


@pytest.fixture
async def other_receiver():
    async with Receiver() as receiver:
        yield receiver


@pytest.fixture
def clock():
    return ShiftedClock()


@pytest.fixture
async def site(tmp_path, receiver, other_receiver, clock, monkeypatch):
    monkeypatch.setattr(dispatching, "_PAUSE_SECONDS", 0.005)
    async with SqliteDatabase(tmp_path / "site.db", migrations=MIGRATIONS) as database:
        site = WebhookSite(database, clock, [receiver, other_receiver])
        async with site.serving():
            yield site
        assert site.logged.getvalue() == b""


@pytest.fixture
def call(site, http):
    """Send a request as *name*; return status and document."""

    async def call(method, path, name="ada", **rest):
        headers = {"Authorization": f"Bearer {name}"} if name else {}
        async with http.request(method, f"{site.url}{path}", headers=headers, **rest) as response:
            return response.status, await response.json(content_type=None)

    return call


@pytest.fixture
def subscribe(call):
    async def subscribe(receiver, **asked):
        status, webhook = await call("POST", "/webhooks", json={"url": receiver.url, **asked})
        assert status == 201, webhook
        receiver.secret = webhook["secret"]
        return webhook

    return subscribe


async def test_events_are_delivered_signed_and_in_order(site, receiver, subscribe):
    await site.announce("before")
    await subscribe(receiver)
    for n in range(0, 120, 10):
        await site.announce(*map(str, range(n, n + 10)))
    await receiver.wait_for(120)

    assert receiver.subjects() == list(map(str, range(120)))
    assert receiver.messages[0]["id"] == site.ids.of(2)


async def test_a_subscription_may_begin_with_an_id_and_be_filtered(site, receiver, other_receiver, subscribe):
    await site.announce("a", "b", data={"bbox": [0, 0, 1, 1]})
    await site.announce("c", domain="collection:d")
    await site.announce("e", kind="other", data={"bbox": [50, 50, 51, 51]})

    await subscribe(receiver, from_id=site.ids.of(1), collections=["c"], bbox=[-1, -1, 2, 2])
    await subscribe(other_receiver, from_id=site.ids.position(0), types=["other"])
    await receiver.wait_for(1)
    await other_receiver.wait_for(1)

    assert receiver.subjects() == ["b"]
    assert other_receiver.subjects() == ["e"]


async def test_a_receiver_that_fails_is_tried_again_later_and_misses_nothing(site, receiver, subscribe, clock, call):
    webhook = await subscribe(receiver)
    receiver.secret = None  # its library refuses times that are ahead
    receiver.answers = [500, 302, 404, 204]
    await site.announce("a", "b")
    for attempt in range(1, 4):
        await receiver.wait_for(attempt, "attempts")
        await until_failures(call, webhook, attempt)
        _, found = await call("GET", f"/webhooks/{webhook['id']}")
        wait = datetime.fromisoformat(found["next_attempt_at"]) - clock.now()
        assert RETRY_AFTER[attempt - 1] - timedelta(seconds=30) < wait <= RETRY_AFTER[attempt - 1] * 1.2
        site.dispatcher.wake()
        clock.ahead += wait + timedelta(seconds=1)
        site.dispatcher.wake()
    await receiver.wait_for(2)

    assert [event["subject"] for event in receiver.attempts] == ["a", "a", "a", "a", "b"]
    assert len({event["id"] for event in receiver.attempts}) == 2
    _, found = await call("GET", f"/webhooks/{webhook['id']}")
    assert [(entry["attempt"], entry["status"]) for entry in found["deliveries"]][-4:] == [(4, 204), (3, 404), (2, 302), (1, 500)]
    assert found["failures"] == 0


async def test_after_the_last_attempt_a_webhook_is_disabled_and_its_owner_told(site, receiver, subscribe, clock, call, follow):
    webhook = await subscribe(receiver)
    receiver.secret = None
    receiver.answers = [503] * 100
    async with follow(name="ada") as follower:
        await site.announce("a")
        for attempt in range(1, len(RETRY_AFTER) + 2):
            await until_failures(call, webhook, attempt)
            clock.ahead += timedelta(days=2)
            site.dispatcher.wake()
        first, told = await follower.read(2)

    assert (first["subject"], told["subject"]) == ("a", f"webhooks/{webhook['id']}")
    assert told["type"] == "eu.twinlake.webhook.disabled"
    _, found = await call("GET", f"/webhooks/{webhook['id']}")
    assert found["state"] == "disabled"
    assert "503" in found["reason"]
    assert len(receiver.attempts) == len(RETRY_AFTER) + 1


async def test_a_receiver_that_is_gone_is_left_alone_at_once_and_taken_up_by_a_new_subscription(site, receiver, subscribe, call):
    webhook = await subscribe(receiver)
    receiver.answers = [204, 410]
    await site.announce("a", "b", "c")
    await receiver.wait_for(2, "attempts")
    await until_failures(call, webhook, 1)
    _, found = await call("GET", f"/webhooks/{webhook['id']}")
    assert found["state"] == "disabled"

    receiver.secret = None  # the new one is in use before its subscriber knows it
    await subscribe(receiver, from_id=found["continue_from_id"], types=["org.ogc.api.collection.item.create"])
    await receiver.wait_for(3)
    assert receiver.subjects() == ["a", "b", "c"]


async def test_one_failing_receiver_does_not_hold_up_another(site, receiver, other_receiver, subscribe):
    receiver.answers = [500] * 100
    await subscribe(receiver)
    await subscribe(other_receiver)
    await site.announce("a", "b")
    await other_receiver.wait_for(2)

    assert receiver.messages == []


async def test_nobody_is_told_what_they_may_not_know_though_they_might_when_they_subscribed(site, receiver, subscribe):
    await subscribe(receiver)
    await site.announce("a")
    await receiver.wait_for(1)
    site.hidden.add("collection:c")
    site.horizons["collection:d"] = 10
    await site.announce("b")
    await site.announce("late", domain="collection:d", starts_at=11)
    await site.announce("early", domain="collection:d", starts_at=10)
    await receiver.wait_for(2)

    assert receiver.subjects() == ["a", "early"]
    assert "sequence" not in receiver.messages[1]


async def test_an_owner_who_is_expelled_is_told_nothing_more(site, receiver, subscribe, call):
    webhook = await subscribe(receiver)
    site.expelled.add("ada")
    await site.announce("a")
    async with asyncio.timeout(30):
        while (await call("GET", f"/webhooks/{webhook['id']}"))[1]["state"] == "active":  # noqa: ASYNC110 - over HTTP
            await asyncio.sleep(0.01)

    assert receiver.attempts == []


async def test_a_deleted_webhook_gets_nothing_more(site, receiver, other_receiver, subscribe, call):
    webhook = await subscribe(receiver)
    await subscribe(other_receiver)
    assert await call("DELETE", f"/webhooks/{webhook['id']}") == (204, None)
    await site.announce("a")
    await other_receiver.wait_for(1)

    assert receiver.attempts == []
    assert (await call("DELETE", f"/webhooks/{webhook['id']}"))[0] == 404


async def test_dropped_events_are_told_as_a_gap(site, receiver, subscribe, call):
    receiver.answers = [500]
    webhook = await subscribe(receiver)
    await site.announce("a", "b")
    await until_failures(call, webhook, 1)
    await site.database.write(lambda tx: site.log.drop_before(tx, datetime.max.replace(tzinfo=UTC), limit=10))
    site.clock.ahead += timedelta(minutes=1)
    receiver.secret = None
    await site.announce("c")
    await receiver.wait_for(2)

    assert receiver.messages[0]["type"] == "eu.twinlake.events.gap"
    assert receiver.subjects() == [None, "c"]


async def test_webhooks_are_ones_own(site, receiver, subscribe, call):
    webhook = await subscribe(receiver)

    assert (await call("GET", "/webhooks"))[1]["webhooks"][0]["id"] == webhook["id"]
    assert (await call("GET", "/webhooks", name="eve"))[1] == {"webhooks": []}
    for method in ("GET", "DELETE"):
        assert (await call(method, f"/webhooks/{webhook['id']}", name="eve"))[0] == 404
    for name, status in (("", 401), ("powerless", 403)):
        for method, path in (("GET", "/webhooks"), ("POST", "/webhooks"), ("GET", "/webhooks/x"), ("DELETE", "/webhooks/x")):
            assert (await call(method, path, name=name))[0] == status


async def test_the_secret_is_told_once_and_stands_nowhere(site, receiver, subscribe, call, tmp_path):
    webhook = await subscribe(receiver)
    await site.announce("a")
    await receiver.wait_for(1)

    assert webhook["secret"].startswith("whsec_")
    for path in ("/webhooks", f"/webhooks/{webhook['id']}"):
        assert "secret" not in str(await call("GET", path))
    await site.database.backup(tmp_path / "copy.db")
    assert webhook["secret"].removeprefix("whsec_").encode() not in (tmp_path / "copy.db").read_bytes()


@pytest.mark.parametrize("challenge", ["echo", 404, 204, 302])
async def test_a_receiver_must_show_that_it_wants_the_events(receiver, call, challenge):
    receiver.challenge = challenge

    status, problem = await call("POST", "/webhooks", json={"url": receiver.url})

    assert (status, problem["code"]) == (400, "webhook-challenge-failed")
    assert (await call("GET", "/webhooks"))[1] == {"webhooks": []}


async def test_what_is_wrong_is_refused(call, receiver):
    for url in (
        "http://127.0.0.1:1/",
        "https://127.0.0.1/",
        "https://169.254.169.254/latest",
        "https://user@example.org/",
        "nonsense",
    ):
        status, problem = await call("POST", "/webhooks", json={"url": url})
        assert (status, problem["code"]) == (400, "destination-refused")
    good = {"url": receiver.url}
    for wrong in (
        {}, {"url": 1}, good | {"colour": "red"}, good | {"types": "x"}, good | {"types": [""]}, good | {"bbox": [1, 2, 3]},
        good | {"bbox": [0, 50, 1, 40]}, good | {"from_id": "x"}, good | {"collections": ["c"] * 101}, [], None, 5,
    ):  # fmt: skip
        status, problem = await call("POST", "/webhooks", json=wrong)
        assert (status, problem["code"]) == (400, "invalid-input"), wrong
    for body in (b"", b"{", b"\xff", b"[" * 10000):
        assert (await call("POST", "/webhooks", data=body))[0] == 400
    assert (await call("POST", "/webhooks", data=b"x" * 70_000))[0] == 413


async def test_nobody_has_more_webhooks_than_one_may(receiver, subscribe, call):
    for _ in range(10):
        await subscribe(receiver)

    assert (await call("POST", "/webhooks", json={"url": receiver.url}))[1]["code"] == "too-many-webhooks"


async def until_failures(call, webhook, count):
    async with asyncio.timeout(30):
        while (await call("GET", f"/webhooks/{webhook['id']}"))[1]["failures"] < count:  # noqa: ASYNC110 - over HTTP
            await asyncio.sleep(0.005)
