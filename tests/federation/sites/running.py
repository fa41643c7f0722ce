"""Sites of one federation that listen on loopback, each with its own store and keys, in the loop of the test."""

import asyncio
import socket
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import httpx2
import uvicorn
from starlette.routing import Mount, Router

from twinlake.core.clock import Clock, SystemClock
from twinlake.core.randomness import SYSTEM_RANDOMNESS
from twinlake.engines.network import Resolve, resolve_by_system
from twinlake.engines.web.api import new_api
from twinlake.engines.web.stack import wrap_site
from twinlake.engines.web.zerocopy import ZeroCopyHttpToolsProtocol
from twinlake.federation.sites.api import declare_routes
from twinlake.federation.sites.opening import Sites, open_sites
from twinlake.federation.sites.own import SiteFacts
from twinlake.federation.sites.routes import routes
from twinlake.federation.sites.watching import PeerWatch
from twinlake.identity.answering import AuditBeforeAnswer
from twinlake.identity.attempts import AttemptLimit
from twinlake.identity.authenticator import Authenticator
from twinlake.identity.issuer.models import Realm
from twinlake.identity.keys.jwt import sign
from twinlake.identity.keys.ring import KeyRing
from twinlake.identity.keys.sealing import Sealer
from twinlake.identity.principals import Caller, Principal, site_issuer
from twinlake.identity.trust.bearer import PEER_AUDIENCE
from twinlake.testing.shaped_proxy import ShapedProxy
from twinlake.testing.site import LocalSite, local_site

OPERATOR = Caller(principal=Principal("urn:twinlake:site:test", "operator"), request_id="request-of-a-test")


@dataclass(frozen=True, slots=True, kw_only=True)
class FederatedSite:
    """One of them."""

    local: LocalSite
    url: str
    keys: KeyRing
    sites: Sites
    watch: PeerWatch
    clock: Clock
    app: object
    wan: ShapedProxy
    """Over which the others call it."""

    @property
    def id(self) -> str:
        return self.sites.own.facts.id

    def peer(self, other: "FederatedSite"):
        """Return what *other* is to this one."""
        return self.sites.directory.get(other.id)

    def client(self, token: str | None = None) -> httpx2.AsyncClient:
        headers = {} if token is None else {"authorization": f"Bearer {token}"}
        return httpx2.AsyncClient(base_url=self.url, headers=headers, timeout=30)


class TokensOfPeers:
    """Lets a site be known at the others by peer tokens, which they sign without asking for proof."""

    def __init__(self, asker: str, known: dict[str, FederatedSite]) -> None:
        self._asker = asker
        self._known = known

    async def token_for(self, caller, peer) -> str:
        return peer_token(self._known[peer.id].local.services, peer=self._asker)


def peer_token(services, *, peer):
    """Return a token with which the site *peer* may ask the site of *services* for itself."""
    settings, now = services.settings, int(services.clock.now().timestamp())
    claims = {
        "iss": Realm("dedl", settings.base_url).url, "sub": "site", "aud": [PEER_AUDIENCE], "typ": "Bearer", "iat": now,
        "exp": now + 300, "scope": "read search", "realm_access": {"roles": []},
        "twinlake:principal": f"{site_issuer(settings.id)}|site", "twinlake:peer": peer,
    }  # fmt: skip
    return sign(claims, services.ring.signing_key("dedl"), typ="JWT")


@asynccontextmanager
async def federation(
    directory: Path,
    ids: Sequence[str],
    *,
    clock: Clock | None = None,
    named: bool = True,
    beside: Mapping[str, str] = MappingProxyType({}),
    resolve: Resolve = resolve_by_system,
) -> AsyncGenerator[list[FederatedSite]]:
    """Serve sites that do not know each other yet.

    Parameters
    ----------
    named
        Let the settings of each say where the others are.
    beside
        Addresses of more peers, by id, which every settings say.
    """
    clock = clock or SystemClock()
    known: dict[str, FederatedSite] = {}
    async with AsyncExitStack() as stack:
        listeners = {site_id: stack.enter_context(_listen()) for site_id in ids}
        wans = {
            site_id: await stack.enter_async_context(ShapedProxy(listener.getsockname()[1]))
            for site_id, listener in listeners.items()
        }
        for site_id, listener in listeners.items():
            addresses = {**beside, **{peer: wan.url for peer, wan in wans.items() if peer != site_id and named}}
            serving = _serve(directory, site_id, listener, addresses, clock, known, wans[site_id], resolve)
            known[site_id] = await stack.enter_async_context(serving)
        yield list(known.values())


def _listen() -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    return listener


@asynccontextmanager
async def _serve(directory, site_id, listener, addresses, clock, known, wan, resolve) -> AsyncGenerator[FederatedSite]:
    settings = {"server": {"port": listener.getsockname()[1]}}
    async with AsyncExitStack() as stack:
        local = await stack.enter_async_context(local_site(directory, site_id=site_id, clock=clock, settings=settings))
        services = local.services
        url = services.settings.base_url
        sealer = Sealer(services.folder.derive_key("signing keys"), randomness=SYSTEM_RANDOMNESS)
        keys = KeyRing(database=services.database, clock=clock, sealer=sealer)
        await keys.keep_up()
        sites = await stack.enter_async_context(
            open_sites(
                facts=SiteFacts(
                    id=site_id,
                    role="bridge",
                    operator=f"Operator of {site_id}",
                    place="Here",
                    url=url,
                    token_url=f"{url}/auth/realms/dedl/protocol/openid-connect/token",
                    services={"stac": f"{url}/stac/v2"},
                ),
                addresses=addresses,
                keys=keys,
                holdings=services.catalogue,
                visibilities=services.collections,
                database=services.database,
                audit=services.audit,
                clock=clock,
                randomness=SYSTEM_RANDOMNESS,
                resolve=resolve,
            )
        )
        watch = PeerWatch(
            directory=sites.directory,
            joining=sites.joining,
            client=sites.client,
            tokens=TokensOfPeers(site_id, known),
            links=sites.links,
            clock=clock,
            randomness=SYSTEM_RANDOMNESS,
            every_seconds=60,
            closing=services.closing,
            log=services.log,
        )
        app = _app(services, sites, watch, clock)
        config = uvicorn.Config(
            app, http=ZeroCopyHttpToolsProtocol, loop="asyncio", lifespan="off", access_log=False, log_config=None
        )
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            yield FederatedSite(local=local, url=url, keys=keys, sites=sites, watch=watch, clock=clock, app=app, wan=wan)
        finally:
            server.should_exit = True
            await serving


def _app(services, sites, watch, clock):
    api = new_api(title="test", version="0")
    declare_routes(api, sites=sites, watch=watch, clock=clock)
    stacked = wrap_site(
        Router([*routes(sites, attempts=AttemptLimit(clock=clock)), Mount("/api", api)], redirect_slashes=False),
        authenticate=lambda app: Authenticator(
            app,
            credentials=services.federation.credentials,
            sessions=services.sessions,
            policy=services.policy,
            public_url=services.settings.base_url,
        ),
        clock=clock,
        randomness=SYSTEM_RANDOMNESS,
        log=services.log,
        metrics=services.metrics,
        trusted_proxies=(),
        cors_origins=("*",),
        max_body_bytes=1 << 20,
        on_finished=services.usage.note_request,
    )
    return AuditBeforeAnswer(stacked, audit=services.audit)
