"""A site with an issuer and little else, that listens on a free port from a thread of its own."""

import asyncio
import io
import socket
import threading
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import uvicorn
from prometheus_client import CollectorRegistry
from starlette.responses import FileResponse, JSONResponse
from starlette.routing import Router

import twinlake
from twinlake.core.paging import TokenSeal
from twinlake.core.randomness import SYSTEM_RANDOMNESS
from twinlake.engines.database import Database, MemoryDatabase, SqliteDatabase
from twinlake.engines.network.client import GuardedClient
from twinlake.engines.network.guard import DestinationGuard
from twinlake.engines.web.logs import new_logger
from twinlake.engines.web.metrics import RequestMetrics
from twinlake.engines.web.stack import wrap_site
from twinlake.identity import schema
from twinlake.identity.attempts import AttemptLimit
from twinlake.identity.audit import AuditLog
from twinlake.identity.authenticator import Authenticator
from twinlake.identity.credentials import Credentials
from twinlake.identity.grants import Grants, GrantStore
from twinlake.identity.issuer import schema as issuer_schema
from twinlake.identity.issuer.accounts import NewAccount
from twinlake.identity.issuer.build import IssuerFacts, build_issuer
from twinlake.identity.issuer.door import RealmDoor
from twinlake.identity.keys.ring import KeyRing
from twinlake.identity.keys.sealing import Sealer
from twinlake.identity.policy.cedar import CedarRules
from twinlake.identity.policy.service import Policy
from twinlake.identity.principals import Caller, Principal, site_issuer
from twinlake.identity.sessions import SessionStore
from twinlake.identity.tokens import TokenStore
from twinlake.identity.trust.bearer import BearerTokens
from twinlake.identity.trust.realm_tokens import RealmTokens
from twinlake.identity.web import guarded

SYSTEM = Caller(principal=Principal(site_issuer("central"), "system"), request_id="test")
MIGRATIONS = (*schema.MIGRATIONS, *issuer_schema.MIGRATIONS)
PASSWORD = "correct horse battery"
_STATIC = Path(twinlake.__file__).parent / "console/static"


class ShiftedClock:
    """The machine's clock, which tests move on: clients of other people's look at the machine's."""

    def __init__(self):
        self.later = timedelta()

    def now(self):
        return datetime.now(UTC) + self.later

    def monotonic(self):
        return self.now().timestamp()

    def advance(self, **step):
        self.later += timedelta(**step)


class Peers:
    """Redirect URIs of other sites."""

    def __init__(self):
        self.owners = {}
        self.left_to = set()

    def owner_of(self, client_id, redirect_uri):
        return self.owners.get((client_id, redirect_uri))

    def may_leave_to(self, client_id, redirect_uri):
        return (client_id, redirect_uri) in self.left_to


@dataclass
class IssuerSite:
    url: str
    clock: ShiftedClock
    database: Database
    audit: AuditLog
    grants: GrantStore
    keys: KeyRing
    issuer: object
    peers: Peers
    log: io.BytesIO
    metrics: RequestMetrics
    router: Router
    app: object

    async def add(self, username, *, password=PASSWORD, roles=(), **more):
        account = await self.issuer.accounts.add(NewAccount(username=username, **more), password, by=SYSTEM)
        if roles:
            principal = self.issuer.accounts.principal_of(account.subject)
            await self.grants.put(principal, Grants(roles=frozenset(roles)), by=SYSTEM)
        return account

    def realm(self, name="desp"):
        return next(realm for realm in self.issuer.realms if realm.name == name)


async def _landing(request):
    return JSONResponse({"type": "Catalog", "id": "test"})


async def _style(request):
    return FileResponse(_STATIC / "console.css")


async def _icon(request):
    return FileResponse(_STATIC / "icon.svg")


async def build_site(url, *, site_id="central", clients=(), allow=(), database=None, other_subjects=None, **facts):
    """Build a site whose users reach it at *url*."""
    clock, log = ShiftedClock(), io.BytesIO()
    database = database or MemoryDatabase(migrations=MIGRATIONS)
    audit = AuditLog(database=database, clock=clock)
    tokens = TokenStore(database=database, clock=clock, randomness=SYSTEM_RANDOMNESS, audit=audit)
    grants = GrantStore(database=database, audit=audit, on_change=tokens.forget)
    keys = KeyRing(database=database, clock=clock, sealer=Sealer(b"k" * 32, randomness=SYSTEM_RANDOMNESS))
    await _bring_keys(keys, database)
    logger, peers = new_logger(log, site=site_id), Peers()
    given = {"title": "Test lake", "has_desp": True, "stylesheet": f"{url}/style.css", "icon": f"{url}/icon.svg"} | facts
    issuer = build_issuer(
        IssuerFacts(site_id=site_id, public_url=url, **given),
        database=database,
        clock=clock,
        randomness=SYSTEM_RANDOMNESS,
        audit=audit,
        grants=grants,
        keys=keys,
        sealer=Sealer(b"o" * 32, randomness=SYSTEM_RANDOMNESS),
        seal=TokenSeal(b"f" * 32),
        post=GuardedClient(guard=DestinationGuard(allow=allow)).post,
        log=logger,
        peers=peers,
        other_subjects=other_subjects,
        clients=[_place(client, url) for client in clients],
    )  # fmt: skip
    dedl = RealmTokens(realm="dedl", url=f"{url}/auth/realms/dedl", ring=keys, sessions=issuer.sessions, clock=clock)
    own = site_issuer(site_id)
    bearers = BearerTokens(site_issuer=own, tokens=dedl, roles_of_issuer=lambda _: None, database=database, clock=clock)
    sessions = SessionStore(
        database=database,
        clock=clock,
        randomness=SYSTEM_RANDOMNESS,
        tokens=tokens,
        bearers=bearers,
        sealer=Sealer(b"s" * 32, randomness=SYSTEM_RANDOMNESS),
        attempts=AttemptLimit(clock=clock),
        site_id=site_id,
        secure=False,
    )
    policy = Policy(rules=CedarRules.built_in(), listener=audit.note_decision)
    router = Router([
        *issuer.routes(),
        *(guarded(path, _landing, methods=["GET"], action="public") for path in ("/", "/stac", "/stac/v2", "/odata/v1/", "/callback")),
        guarded("/style.css", _style, methods=["GET"], action="public"),
        guarded("/icon.svg", _icon, methods=["GET"], action="public"),
    ], redirect_slashes=False)  # fmt: skip
    metrics = RequestMetrics(CollectorRegistry())
    app = wrap_site(
        router,
        authenticate=lambda inner: RealmDoor(
            Authenticator(
                inner,
                credentials=Credentials(tokens=tokens, bearers=bearers),
                sessions=sessions,
                policy=policy,
                public_url=url,
            ),
            inside=inner,
            policy=policy,
        ),
        clock=clock,
        randomness=SYSTEM_RANDOMNESS,
        log=logger,
        metrics=metrics,
        trusted_proxies=["127.0.0.1"],
        cors_origins=["*"],
        max_body_bytes=1 << 20,
        on_finished=lambda trace: None,
    )
    return IssuerSite(url, clock, database, audit, grants, keys, issuer, peers, log, metrics, router, app)


_KEYS = []
"""Sealed keys of the first site of this process: to make them takes longer than most tests."""


async def _bring_keys(keys, database):
    if _KEYS:
        insert = "insert into identity_key(kid, use, algorithm, sealed, signs_from) values (?, ?, ?, ?, ?)"
        await database.write(lambda tx: tx.executemany(insert, _KEYS) and None)
    await keys.keep_up()
    if not _KEYS:
        query = "select kid, use, algorithm, sealed, signs_from from identity_key"
        _KEYS.extend(await database.read(lambda tx: tx.execute(query).fetchall()))


def _place(client, url):
    """Let the client's addresses begin at the site that is built."""
    return replace(client, redirect_uris=frozenset(uri.replace("{url}", url) for uri in client.redirect_uris))


class RunningIssuer:
    """A site that listens, used from another thread than its own."""

    def __init__(self, site, loop):
        self.site = site
        self.url = site.url
        self._loop = loop

    def run(self, work):
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    def add(self, username, **more):
        return self.run(self.site.add(username, **more))


@contextmanager
def running_issuer(folder, *, host="127.0.0.1", **options):
    """Serve a new site, whose database is in *folder*, on a free port of *host* until the block ends."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.bind((host, 0))
    listener.listen()
    started, held, servers = threading.Event(), [], []

    async def serve():
        async with SqliteDatabase(folder / "site.db", migrations=MIGRATIONS) as database:
            await serve_on(database)

    async def serve_on(database):
        site = await build_site(f"http://{host}:{listener.getsockname()[1]}", database=database, **options)
        config = uvicorn.Config(
            site.app, http="httptools", lifespan="off", access_log=False, log_config=None, proxy_headers=False
        )
        servers.append(uvicorn.Server(config))
        held.append(RunningIssuer(site, asyncio.get_running_loop()))
        started.set()
        await servers[0].serve(sockets=[listener])

    def run():
        try:
            asyncio.run(serve())
        finally:
            started.set()

    thread = threading.Thread(target=run, name="issuer-site")
    thread.start()
    started.wait()
    try:
        yield held[0]
    finally:
        if servers:
            servers[0].should_exit = True
        thread.join()
        listener.close()
