"""A small site: everything of identity in memory, and a few routes."""

import io
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import httpx2
import pytest
from prometheus_client import CollectorRegistry
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Router

from twinlake.core.paging import TokenSeal
from twinlake.core.randomness import SYSTEM_RANDOMNESS
from twinlake.engines.database import MemoryDatabase
from twinlake.engines.web.api import new_api
from twinlake.engines.web.logs import new_logger
from twinlake.engines.web.metrics import RequestMetrics
from twinlake.engines.web.stack import wrap_site
from twinlake.identity.accounts import Accounts
from twinlake.identity.attempts import AttemptLimit
from twinlake.identity.audit import AuditLog
from twinlake.identity.authenticator import Authenticator
from twinlake.identity.credentials import Credentials
from twinlake.identity.grants import Grants, GrantStore
from twinlake.identity.keys.jwt import sign
from twinlake.identity.keys.ring import KeyRing
from twinlake.identity.keys.sealing import Sealer
from twinlake.identity.policy.cedar import CedarRules
from twinlake.identity.policy.service import Policy
from twinlake.identity.principals import Caller, Principal, site_issuer
from twinlake.identity.routes import declare_routes
from twinlake.identity.schema import MIGRATIONS
from twinlake.identity.sessions import SessionStore, require_form_token
from twinlake.identity.tokens import NewToken, TokenStore
from twinlake.identity.trust.bearer import BearerTokens
from twinlake.identity.trust.realm_tokens import RealmTokens
from twinlake.identity.usage import UsageLedger
from twinlake.identity.web import guarded
from twinlake.testing.keys import open_ring

ISSUER = site_issuer("test")
DEDL_URL = "http://site.test/auth/realms/dedl"
SYSTEM = Caller(principal=Principal(ISSUER, "system"))
START = datetime(2026, 1, 1, tzinfo=UTC)


class Clock:
    def __init__(self):
        self.instant = START

    def now(self):
        return self.instant

    def monotonic(self):
        return (self.instant - START).total_seconds()

    def advance(self, **step):
        self.instant += timedelta(**step)


async def _hello(request):
    return JSONResponse({"caller": str(request.state.caller.principal), "form_token": request.state.form_token})


async def _form(request):
    require_form_token(request.state.form_token, await request.form())
    return Response(status_code=204)


async def _fail(request):
    raise RuntimeError("the secret of the house is tl_0123456789abcdef." + "S" * 43)


@dataclass
class Site:
    clock: Clock
    database: MemoryDatabase
    ring: KeyRing
    tokens: TokenStore
    grants: GrantStore
    sessions: SessionStore
    policy: Policy
    audit: AuditLog
    usage: UsageLedger
    metrics: RequestMetrics
    log: io.BytesIO
    router: Router
    app: object

    async def token(self, subject, *, roles=(), scopes=("search", "read")):
        owner = Principal(ISSUER, subject)
        await self.grants.put(owner, Grants(roles=frozenset(roles)), by=SYSTEM)
        new = NewToken(owner=owner, name=subject, roles=frozenset(roles), scopes=frozenset(scopes))
        return (await self.tokens.create(new, by=SYSTEM))[0]

    def access_token(self, subject, **changed):
        now = int(self.clock.now().timestamp())
        claims = {
            "iss": DEDL_URL,
            "sub": subject,
            "typ": "Bearer",
            "aud": ["hda-public", "account"],
            "sid": f"sid-{subject}",
            "iat": now,
            "exp": now + 36_000,
            "realm_access": {"roles": []},
            "scope": "openid",
            "twinlake:principal": f"{ISSUER}|{subject}",
        }
        return sign(claims | changed, self.ring.signing_key("dedl"), typ="JWT")

    def client(self, token=None, **options):
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        transport = httpx2.ASGITransport(app=self.app)
        return httpx2.AsyncClient(transport=transport, base_url="http://site.test", headers=headers, **options)


@pytest.fixture
async def site():
    async with MemoryDatabase(migrations=MIGRATIONS) as database:
        clock = Clock()
        yield _build(database, clock, await open_ring(database, clock))


class _Sessions:
    async def is_alive(self, sid):
        return True


def _build(database, clock, ring):
    log = io.BytesIO()
    audit = AuditLog(database=database, clock=clock)
    tokens = TokenStore(database=database, clock=clock, randomness=SYSTEM_RANDOMNESS, audit=audit)
    grants = GrantStore(database=database, audit=audit, on_change=tokens.forget)
    dedl = RealmTokens(realm="dedl", url=DEDL_URL, ring=ring, sessions=_Sessions(), clock=clock)
    bearers = BearerTokens(site_issuer=ISSUER, tokens=dedl, roles_of_issuer=lambda _: None, database=database, clock=clock)
    sessions = SessionStore(
        database=database,
        clock=clock,
        randomness=SYSTEM_RANDOMNESS,
        tokens=tokens,
        bearers=bearers,
        sealer=Sealer(b"s" * 32, randomness=SYSTEM_RANDOMNESS),
        attempts=AttemptLimit(clock=clock),
        site_id="test",
        secure=False,
    )
    policy = Policy(rules=CedarRules.built_in(), listener=audit.note_decision)
    usage = UsageLedger(database=database, clock=clock)
    api = new_api(title="Test", version="0")
    accounts = Accounts(tokens=tokens, grants=grants, policy=policy)
    declare_routes(api, accounts=accounts, policy=policy, audit=audit, usage=usage, seal=TokenSeal(b"k" * 32))
    router = Router([
        guarded("/", _hello, methods=["GET", "POST"], action="public"),
        guarded("/form", _form, methods=["POST"], action="public"),
        guarded("/fail", _fail, methods=["GET"], action="public"),
        guarded("/data/{collection}/{item}", _hello, methods=["GET"], action="read"),
        guarded("/items", _hello, methods=["POST"], action="write"),
        guarded("/jobs", _hello, methods=["GET", "POST"], action="run"),
        guarded("/collections", _hello, methods=["POST"], action="create_collection"),
        Mount("/api", api),
    ])  # fmt: skip
    metrics = RequestMetrics(CollectorRegistry())
    app = wrap_site(
        router,
        authenticate=lambda inner: Authenticator(
            inner,
            credentials=Credentials(tokens=tokens, bearers=bearers),
            sessions=sessions,
            policy=policy,
            public_url="https://lake.example",
        ),
        clock=clock,
        randomness=SYSTEM_RANDOMNESS,
        log=new_logger(log, site="test"),
        metrics=metrics,
        trusted_proxies=["127.0.0.1"],
        cors_origins=["https://map.example"],
        max_body_bytes=1000,
        on_finished=usage.note_request,
    )
    return Site(clock, database, ring, tokens, grants, sessions, policy, audit, usage, metrics, log, router, app)
