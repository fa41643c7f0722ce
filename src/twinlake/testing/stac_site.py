"""A site that serves its catalogue as a STAC API on a free port: the real stack, in a thread of its own."""

import asyncio
import socket
import sys
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import uvicorn
from prometheus_client import CollectorRegistry
from starlette.routing import BaseRoute, Router
from starlette.types import ASGIApp

from twinlake.core.clock import SystemClock
from twinlake.core.documents import JsonObject
from twinlake.core.paging import TokenSeal
from twinlake.core.randomness import SYSTEM_RANDOMNESS
from twinlake.discovery.data.app import API_PATH, mount
from twinlake.discovery.data.editing import DataEditing
from twinlake.discovery.data.service import DataDiscovery
from twinlake.engines.database import SqliteDatabase
from twinlake.engines.web.logs import new_logger
from twinlake.engines.web.metrics import RequestMetrics
from twinlake.engines.web.observer import RequestListener
from twinlake.engines.web.stack import wrap_site
from twinlake.engines.web.trace import RequestTrace
from twinlake.engines.web.zerocopy import ZeroCopyHttpToolsProtocol
from twinlake.events import schema as events_schema
from twinlake.events.log import EventLog
from twinlake.holdings.catalogue import schema as catalogue_schema
from twinlake.holdings.catalogue.interfaces import CollectionAccess, ItemDraft
from twinlake.holdings.catalogue.preparing_process import PreparingProcesses
from twinlake.holdings.catalogue.store import SqlCatalogue
from twinlake.holdings.visibility import CollectionPolicy
from twinlake.identity import schema as identity_schema
from twinlake.identity.attempts import AttemptLimit
from twinlake.identity.audit import AuditLog
from twinlake.identity.authenticator import Authenticator
from twinlake.identity.grants import Grants, GrantStore
from twinlake.identity.policy.cedar import CedarRules
from twinlake.identity.policy.service import Policy
from twinlake.identity.principals import Caller, Principal
from twinlake.identity.sessions import SessionStore
from twinlake.identity.tokens import NewToken, TokenStore
from twinlake.standards import cql2

T = TypeVar("T")
_ISSUER = "urn:twinlake:site:test"
_SCOPES = frozenset({"search", "read", "write", "admin"})
_MIGRATIONS = (*events_schema.MIGRATIONS, *identity_schema.MIGRATIONS, *catalogue_schema.MIGRATIONS)
_PREPARE = (*cql2.PREPARE, *catalogue_schema.PREPARE)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Parts:
    app: ASGIApp
    catalogue: SqlCatalogue
    tokens: TokenStore
    grants: GrantStore


class StacSite:
    """A running site, used from another thread than its own."""

    def __init__(self, *, public_url: str, parts: _Parts, loop: asyncio.AbstractEventLoop) -> None:
        self.public_url = public_url
        self.url = f"{public_url}{API_PATH}"
        """Of the landing page."""
        self._parts = parts
        self._loop = loop

    @property
    def app(self) -> ASGIApp:
        """What is served, middleware and all."""
        return self._parts.app

    @property
    def catalogue(self) -> SqlCatalogue:
        """The catalogue; its coroutines go through `run`."""
        return self._parts.catalogue

    def run(self, work: Awaitable[T]) -> T:
        """Wait for *work* on the site's own event loop."""

        async def wait() -> T:
            return await work

        return asyncio.run_coroutine_threadsafe(wait(), self._loop).result()

    def put(self, documents: Sequence[JsonObject], *, access: CollectionAccess | None = None) -> None:
        """Put collections and items, in this order, past the API."""
        for document in documents:
            if document["type"] == "Collection":
                self.run(self.catalogue.put_collection(document, access=access))
        drafts = [ItemDraft(document=document) for document in documents if document["type"] == "Feature"]
        if drafts:
            self.run(self.catalogue.put_items(drafts))

    def token(self, subject: str, *, roles: Sequence[str] = (), scopes: Sequence[str] = tuple(_SCOPES)) -> str:
        """Return a new token of *subject*, who has *roles*."""
        return self.run(_make_token(self._parts, subject, frozenset(roles), frozenset(scopes)))


MoreRoutes = Callable[[SqlCatalogue, CollectionPolicy, str], Sequence[BaseRoute]]
"""Makes routes beside the API's from the catalogue, its policy and the public URL."""


def _no_more_routes(_catalogue: SqlCatalogue, _collections: CollectionPolicy, _public_url: str) -> Sequence[BaseRoute]:
    return ()


def _ignore(_trace: RequestTrace) -> None:
    return


@contextmanager
def running_stac_site(
    directory: Path,
    *,
    deadline_seconds: float = 5.0,
    more_routes: MoreRoutes = _no_more_routes,
    on_finished: RequestListener = _ignore,
) -> Generator[StacSite]:
    """Serve a new, empty site whose database is in *directory*, until the block ends."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    public_url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    started = threading.Event()
    held: list[StacSite] = []
    server: list[uvicorn.Server] = []

    async def serve() -> None:
        async with _open_parts(directory, public_url, deadline_seconds, more_routes, on_finished) as parts:
            config = uvicorn.Config(
                parts.app, http=ZeroCopyHttpToolsProtocol, loop="asyncio", lifespan="off", access_log=False, log_config=None
            )
            server.append(uvicorn.Server(config))
            held.append(StacSite(public_url=public_url, parts=parts, loop=asyncio.get_running_loop()))
            started.set()
            await server[0].serve(sockets=[listener])

    thread = threading.Thread(target=lambda: _run_then(serve, started), name="stac-site")
    thread.start()
    started.wait()
    try:
        yield held[0]
    finally:
        if server:
            server[0].should_exit = True
        thread.join()
        listener.close()


def _run_then(serve: Callable[[], Awaitable[None]], started: threading.Event) -> None:
    async def run() -> None:
        await serve()

    try:
        asyncio.run(run())
    finally:
        started.set()


@asynccontextmanager
async def _open_parts(
    directory: Path, public_url: str, deadline_seconds: float, more_routes: MoreRoutes, on_finished: RequestListener
) -> AsyncGenerator[_Parts]:
    clock = SystemClock()
    async with SqliteDatabase(directory / "site.db", migrations=_MIGRATIONS, prepare=_PREPARE) as database:
        catalogue = SqlCatalogue(
            processes=PreparingProcesses(),
            database=database,
            events=EventLog(clock=clock),
            clock=clock,
            site_id="test",
            public_url=public_url,
            api_path=API_PATH,
        )
        audit = AuditLog(database=database, clock=clock)
        policy = Policy(rules=CedarRules.built_in(), listener=audit.note_decision)
        collections = CollectionPolicy(policy=policy, catalogue=catalogue, clock=clock)
        discovery = DataDiscovery(
            catalogue=catalogue,
            visibility_of=collections.visibility_of,
            seal=TokenSeal(SYSTEM_RANDOMNESS(32)),
            deadline_seconds=deadline_seconds,
        )
        editing = DataEditing(catalogue=catalogue, collections=collections)
        api = mount(discovery=discovery, editing=editing, public_url=public_url, site_id="test", title="Test site")
        tokens = TokenStore(database=database, clock=clock, randomness=SYSTEM_RANDOMNESS, audit=audit)
        sessions = SessionStore(
            database=database,
            clock=clock,
            randomness=SYSTEM_RANDOMNESS,
            tokens=tokens,
            attempts=AttemptLimit(clock=clock),
            site_id="test",
            secure=False,
        )
        app = wrap_site(
            Router([api, *more_routes(catalogue, collections, public_url)]),
            authenticate=lambda inner: Authenticator(
                inner, tokens=tokens, sessions=sessions, policy=policy, public_url=public_url
            ),
            clock=clock,
            randomness=SYSTEM_RANDOMNESS,
            log=new_logger(sys.stderr.buffer, site="test", level="error"),
            metrics=RequestMetrics(CollectorRegistry()),
            cors_origins=("*",),
            max_body_bytes=32 << 20,
            on_finished=on_finished,
        )
        grants = GrantStore(database=database, audit=audit, on_change=tokens.forget)
        yield _Parts(app=app, catalogue=catalogue, tokens=tokens, grants=grants)


async def _make_token(parts: _Parts, subject: str, roles: frozenset[str], scopes: frozenset[str]) -> str:
    owner = Principal(_ISSUER, subject)
    by = Caller(principal=owner)
    await parts.grants.put(owner, Grants(roles=roles), by=by)
    text, _ = await parts.tokens.create(NewToken(owner=owner, name=subject, roles=roles, scopes=scopes), by=by)
    return text
