"""A site that does nothing but keep and announce events, behind the real stack and a real server."""

import asyncio
import contextlib
import io
import os
import socket

import aiohttp
import orjson
import pytest
import uvicorn
from prometheus_client import CollectorRegistry
from starlette.routing import Router

from twinlake.core.clock import SystemClock
from twinlake.engines.database import SqliteDatabase
from twinlake.engines.web.logs import new_logger
from twinlake.engines.web.metrics import RequestMetrics
from twinlake.engines.web.stack import wrap_site
from twinlake.events import schema as events_schema
from twinlake.events.interfaces import NewEvent
from twinlake.events.log import EventLog
from twinlake.events.models import Audience
from twinlake.events.rendering import EventIds, EventRenderer
from twinlake.identity.policy.cedar import CedarRules
from twinlake.identity.policy.service import Policy
from twinlake.identity.principals import ANONYMOUS, Caller, Principal
from twinlake.notification.routes import routes
from twinlake.notification.stream import EventStreams
from twinlake.notification.tail import EventTail

ITEM_CREATED = "org.ogc.api.collection.item.create"
SCOPES = frozenset({"search", "read", "subscribe"})


def caller_named(name):
    scopes = frozenset() if name == "powerless" else SCOPES
    return Caller(principal=Principal("urn:twinlake:site:test", name), scopes=scopes)


class NameIsToken:
    """Believes whoever says a name as the bearer token."""

    def __init__(self, app, policy):
        self.app = app
        self._policy = policy

    async def __call__(self, scope, receive, send):
        name = dict(scope["headers"]).get(b"authorization", b"").removeprefix(b"Bearer ").decode()
        scope["state"] |= {"caller": caller_named(name) if name else ANONYMOUS, "policy": self._policy}
        await self.app(scope, receive, send)


class Site:
    """Database, log, streams and server; `hidden` holds the domains that only insiders see."""

    def __init__(self, database, clock):
        self.closing = asyncio.Event()
        self.database = database
        self.clock = clock
        self.log = EventLog(clock=clock)
        self.ids = EventIds(key=bytes(range(32)), randomness=os.urandom)
        self.renderer = EventRenderer(source="urn:twinlake:site:test", ids=self.ids)
        self.tail = EventTail(database=database, log=self.log, renderer=self.renderer, ids=self.ids, closing=self.closing)
        self.streams = EventStreams(
            database=database, log=self.log, renderer=self.renderer, ids=self.ids, tail=self.tail,
            audience_of=self.audience_of, clock=clock,
        )  # fmt: skip
        self.hidden = set()
        self.horizons = {}
        self.policy = Policy(rules=CedarRules.built_in(), listener=lambda *_: None)
        self.logged = io.BytesIO()
        self.logger = new_logger(self.logged, site="test", level="warning")
        self.url = ""

    async def audience_of(self, caller):
        if caller.principal is not None and caller.principal.subject == "insider":
            return Audience(lambda _: True)
        return Audience(lambda domain: domain not in self.hidden, dict(self.horizons))

    async def announce(self, *names, domain="collection:c", kind=ITEM_CREATED, **rest):
        events = [NewEvent(type=kind, subject=name, domain=domain, **rest) for name in names]
        await self.database.write(lambda tx: self.log.append(tx, events))

    @contextlib.asynccontextmanager
    async def serving(self, more_routes=()):
        app = wrap_site(
            Router([*routes(self.streams), *more_routes]),
            authenticate=lambda app: NameIsToken(app, self.policy),
            clock=SystemClock(),
            randomness=os.urandom,
            log=self.logger,
            metrics=RequestMetrics(CollectorRegistry()),
            max_body_bytes=1 << 20,
            on_finished=lambda _: None,
        )
        config = uvicorn.Config(
            app, http="httptools", loop="asyncio", lifespan="off", log_config=None, access_log=False, timeout_graceful_shutdown=5
        )
        server = uvicorn.Server(config)
        server.capture_signals = contextlib.nullcontext
        listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        tail = asyncio.create_task(self.tail.run())
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            yield
        finally:
            self.closing.set()
            server.should_exit = True
            await serving
            await tail
            listener.close()


@pytest.fixture
async def site(tmp_path):
    async with SqliteDatabase(tmp_path / "site.db", migrations=events_schema.MIGRATIONS) as database:
        site = Site(database, SystemClock())
        async with site.serving():
            yield site
        assert site.logged.getvalue() == b""


@pytest.fixture
async def http():
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        yield session


class Follower:
    """A Server-Sent Events client by the letter of the standard."""

    def __init__(self, response):
        self.response = response
        self.last_id = ""
        self.comments = 0

    async def read(self, count):
        """Return the next *count* events."""
        async with asyncio.timeout(60):
            return [await self._next() for _ in range(count)]

    async def subjects(self, count):
        return [event["subject"] for event in await self.read(count)]

    async def _next(self):
        data, last_id = [], self.last_id
        while True:
            line = await self.response.content.readline()
            if not line:
                raise EOFError
            name, _, value = line.decode().rstrip("\n").partition(":")
            match name, value.removeprefix(" "):
                case "", "" if line == b"\n":
                    self.last_id = last_id
                    if data:
                        return orjson.loads("\n".join(data))
                case "", _:
                    self.comments += 1
                case "data", text:
                    data.append(text)
                case "id", text:
                    last_id = text


@pytest.fixture
def follow(site, http):
    """Open a stream and wait for its first word."""

    @contextlib.asynccontextmanager
    async def open_stream(last_id=None, name=None, **query):
        headers = {"Last-Event-ID": last_id} if last_id else {}
        if name:
            headers["Authorization"] = f"Bearer {name}"
        async with http.get(f"{site.url}/events", headers=headers, params=query) as response:
            assert response.status == 200, await response.text()
            assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
            follower = Follower(response)
            assert (await response.content.readline()).startswith(b"retry: ")
            line = await response.content.readline()
            follower.last_id = line.decode().removeprefix("id: ").strip()
            yield follower

    return open_stream
