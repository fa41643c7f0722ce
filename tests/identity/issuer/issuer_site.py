"""A site with an issuer and little else, that listens on a free port from a thread of its own."""

import asyncio
import socket
import threading
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import uvicorn
from starlette.responses import FileResponse, JSONResponse
from starlette.routing import Router

import twinlake
from twinlake.core.paging import TokenSeal
from twinlake.core.randomness import SYSTEM_RANDOMNESS
from twinlake.engines.database import MemoryDatabase, SqliteDatabase
from twinlake.engines.network.client import GuardedClient
from twinlake.engines.network.guard import DestinationGuard
from twinlake.identity import schema
from twinlake.identity.grants import Grants
from twinlake.identity.issuer import schema as issuer_schema
from twinlake.identity.issuer.accounts import NewAccount
from twinlake.identity.issuer.build import IssuerFacts, build_issuer
from twinlake.identity.keys.sealing import Sealer
from twinlake.identity.principals import Caller, Principal, site_issuer
from twinlake.identity.web import guarded
from twinlake.testing.bare_site import BareSite
from twinlake.testing.keys import open_ring

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


class IssuerSite(BareSite):
    async def add(self, username, *, password=PASSWORD, roles=(), **more):
        account = await self.issuer.accounts.add(NewAccount(username=username, **more), password, by=SYSTEM)
        if roles:
            principal = self.issuer.accounts.principal_of(account.subject)
            await self.grants.put(principal, Grants(roles=frozenset(roles)), by=SYSTEM)
        return account

    async def tell_site(self, site, logout_token):
        self.told.append((site, logout_token))

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
    database = database or MemoryDatabase(migrations=MIGRATIONS)
    clock = ShiftedClock()
    ring = await open_ring(database, clock, name=site_id)
    site = IssuerSite(database=database, clock=clock, ring=ring, site_id=site_id, url=url)
    site.peers, site.told = Peers(), []
    given = {"title": "Test lake", "has_desp": True, "stylesheet": f"{url}/style.css", "icon": f"{url}/icon.svg"} | facts
    site.issuer = build_issuer(
        IssuerFacts(site_id=site_id, public_url=url, **given),
        database=database,
        clock=clock,
        randomness=SYSTEM_RANDOMNESS,
        audit=site.audit,
        grants=site.grants,
        keys=site.ring,
        sealer=Sealer(b"o" * 32, randomness=SYSTEM_RANDOMNESS),
        seal=TokenSeal(b"f" * 32),
        post=GuardedClient(guard=DestinationGuard(allow=allow)).post,
        tell_site=site.tell_site,
        log=site.logger,
        peers=site.peers,
        other_subjects=other_subjects,
        clients=[_place(client, url) for client in clients],
    )
    site.serve(Router([
        *site.issuer.routes(),
        *(guarded(path, _landing, methods=["GET"], action="public") for path in ("/", "/stac", "/stac/v2", "/odata/v1/", "/callback")),
        guarded("/style.css", _style, methods=["GET"], action="public"),
        guarded("/icon.svg", _icon, methods=["GET"], action="public"),
    ], redirect_slashes=False), sign_ins=site.issuer.sessions)  # fmt: skip
    return site


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
