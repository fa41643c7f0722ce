"""A site that does no more than let people in: everything of identity, and the whole stack before routes of a test."""

from collections.abc import Iterable, Sequence
from io import BytesIO
from typing import Any

import httpx2
from prometheus_client import CollectorRegistry
from starlette.routing import Router
from starlette.types import ASGIApp

from twinlake.core.clock import Clock
from twinlake.core.randomness import SYSTEM_RANDOMNESS
from twinlake.engines.database import Database
from twinlake.engines.web.logs import new_logger
from twinlake.engines.web.metrics import RequestMetrics
from twinlake.engines.web.stack import wrap_site
from twinlake.identity.attempts import AttemptLimit
from twinlake.identity.audit import AuditLog
from twinlake.identity.authenticator import Authenticator
from twinlake.identity.credentials import Credentials
from twinlake.identity.grants import Grants, GrantStore
from twinlake.identity.issuer.door import RealmDoor
from twinlake.identity.keys.ring import KeyRing
from twinlake.identity.keys.sealing import Sealer
from twinlake.identity.policy.cedar import CedarRules
from twinlake.identity.policy.service import Policy
from twinlake.identity.principals import Caller, Principal, site_issuer
from twinlake.identity.sessions import SessionStore
from twinlake.identity.tokens import NewToken, TokenStore
from twinlake.identity.trust.bearer import BearerTokens
from twinlake.identity.trust.realm_tokens import RealmTokens, Sessions
from twinlake.identity.usage import UsageLedger

_ASKED_AT = "http://site.test"


class LastingSignIns:
    """Sign-ins that never end."""

    async def is_alive(self, sid: str) -> bool:
        _ = sid
        return True


class BareSite:
    """What routes are built of; `serve` then puts them behind the stack.

    Parameters
    ----------
    database
        With the schema of identity.
    url
        Where users reach it; clients of `client` ask at another address, as a proxy does.
    """

    sessions: SessionStore
    router: Router
    app: ASGIApp

    def __init__(
        self, *, database: Database, clock: Clock, ring: KeyRing, site_id: str = "test", url: str = "https://lake.example"
    ) -> None:
        self.id = site_id
        self.url = url
        self.urn = site_issuer(site_id)
        self.dedl_url = f"{url}/auth/realms/dedl"
        self.clock = clock
        self.database = database
        self.ring = ring
        self.log = BytesIO()
        self.logger = new_logger(self.log, site=site_id)
        self.metrics = RequestMetrics(CollectorRegistry())
        self.audit = AuditLog(database=database, clock=clock)
        self.usage = UsageLedger(database=database, clock=clock)
        self.tokens = TokenStore(database=database, clock=clock, randomness=SYSTEM_RANDOMNESS, audit=self.audit)
        self.grants = GrantStore(database=database, audit=self.audit, on_change=self.tokens.forget)
        self.policy = Policy(rules=CedarRules.built_in(), listener=self.audit.note_decision)

    def serve(
        self,
        router: Router,
        *,
        sign_ins: Sessions | None = None,
        cors_origins: Sequence[str] = ("*",),
        max_body_bytes: int = 1 << 20,
    ) -> None:
        """Put the routes behind everything that stands before those of a whole site.

        Parameters
        ----------
        sign_ins
            Of the site's issuer; without one they never end.
        """
        dedl = RealmTokens(
            realm="dedl", url=self.dedl_url, ring=self.ring, sessions=sign_ins or LastingSignIns(), clock=self.clock
        )
        bearers = BearerTokens(
            site_issuer=self.urn, tokens=dedl, roles_of_issuer=lambda _: None, database=self.database, clock=self.clock
        )
        self.sessions = SessionStore(
            database=self.database,
            clock=self.clock,
            randomness=SYSTEM_RANDOMNESS,
            tokens=self.tokens,
            bearers=bearers,
            sealer=Sealer(b"s" * 32, randomness=SYSTEM_RANDOMNESS),
            attempts=AttemptLimit(clock=self.clock),
            site_id=self.id,
            secure=False,
        )
        self.router = router
        self.app = wrap_site(
            router,
            authenticate=lambda inner: RealmDoor(
                Authenticator(
                    inner,
                    credentials=Credentials(tokens=self.tokens, bearers=bearers),
                    sessions=self.sessions,
                    policy=self.policy,
                    public_url=self.url,
                ),
                inside=inner,
                policy=self.policy,
            ),
            clock=self.clock,
            randomness=SYSTEM_RANDOMNESS,
            log=self.logger,
            metrics=self.metrics,
            trusted_proxies=["127.0.0.1"],
            cors_origins=cors_origins,
            max_body_bytes=max_body_bytes,
            on_finished=self.usage.note_request,
        )

    async def token(self, subject: str, *, roles: Iterable[str] = (), scopes: Iterable[str] = ("search", "read")) -> str:
        """Return a new token of *subject*, who is given *roles*."""
        owner, by = Principal(self.urn, subject), Caller(principal=Principal(self.urn, "system"))
        await self.grants.put(owner, Grants(roles=frozenset(roles)), by=by)
        new = NewToken(owner=owner, name=subject, roles=frozenset(roles), scopes=frozenset(scopes))
        return (await self.tokens.create(new, by=by))[0]

    def client(self, token: str | None = None, **options: Any) -> httpx2.AsyncClient:
        """Return a client of the site that needs no port."""
        headers = {} if token is None else {"authorization": f"Bearer {token}"}
        transport = httpx2.ASGITransport(app=self.app)
        return httpx2.AsyncClient(transport=transport, base_url=_ASKED_AT, headers=headers, **options)
