"""Sites that know each other, in one process: everything of trust, with calls of functions for a network."""

from contextlib import AsyncExitStack
from dataclasses import dataclass, field

import pytest

from twinlake.core.errors import OverloadedError
from twinlake.core.randomness import SYSTEM_RANDOMNESS
from twinlake.engines.database import Database, MemoryDatabase
from twinlake.identity.audit import AuditLog
from twinlake.identity.grants import Grants, GrantStore
from twinlake.identity.issuer import schema as issuer_schema
from twinlake.identity.keys.jwt import sign
from twinlake.identity.keys.ring import KeyRing
from twinlake.identity.keys.sealing import Sealer
from twinlake.identity.principals import Caller, Principal, site_issuer
from twinlake.identity.schema import MIGRATIONS
from twinlake.identity.trust.assertions import AssertionReader, AssertionSigner
from twinlake.identity.trust.bearer import BearerTokens
from twinlake.identity.trust.delegations import Delegations
from twinlake.identity.trust.homes import Homes
from twinlake.identity.trust.keysets import KeySets
from twinlake.identity.trust.models import DESP_ALIAS, LOGOUT_EVENT, LOGOUT_TYPE, PeerRecord, TrustedIssuer
from twinlake.identity.trust.peer_tokens import PeerTokens
from twinlake.identity.trust.realm_tokens import RealmTokens
from twinlake.identity.trust.site_grants import JWT_BEARER, SiteGrants
from twinlake.identity.trust.subjects import SubjectReader
from twinlake.identity.trust.used import UsedIds
from twinlake.identity.trust.vault import SubjectVault
from twinlake.testing.clock import HandClock
from twinlake.testing.keys import open_ring

ROLE = "data-steward"


@dataclass
class Site:
    id: str
    clock: HandClock
    database: Database
    ring: KeyRing
    federation: "Federation"
    roles: dict[str, frozenset[str]] = field(default_factory=dict)
    blocked: set[str] = field(default_factory=set)
    ended: set[str] = field(default_factory=set)

    def __post_init__(self):
        self.issuer = site_issuer(self.id)
        self.dedl_url = f"https://{self.id}.example/auth/realms/dedl"
        self.desp_url = f"https://{self.id}.example/realms/desp"
        self.signer = AssertionSigner(site_id=self.id, ring=self.ring, clock=self.clock, randomness=SYSTEM_RANDOMNESS)
        self.used = UsedIds(database=self.database, clock=self.clock)
        self.reader = AssertionReader(site_id=self.id, peers=self, used=self.used, clock=self.clock)
        self.delegations = Delegations(
            database=self.database,
            clock=self.clock,
            randomness=SYSTEM_RANDOMNESS,
            audit=AuditLog(database=self.database, clock=self.clock),
        )
        self.site_grants = SiteGrants(
            dedl_url=self.dedl_url,
            ring=self.ring,
            signer=self.signer,
            reader=self.reader,
            peers=self,
            delegations=self.delegations,
            desp_tokens=self.realm_tokens("desp"),
            database=self.database,
            clock=self.clock,
            randomness=SYSTEM_RANDOMNESS,
        )
        sealer = Sealer(b"k" * 32, randomness=SYSTEM_RANDOMNESS)
        self.vault = SubjectVault(database=self.database, clock=self.clock, sealer=sealer)
        self.peer_tokens = PeerTokens(
            signer=self.signer, peers=self, endpoints=self.federation, subjects=self.vault, clock=self.clock
        )
        logouts = SubjectReader(
            site_id=self.id, issuers=self, keys=KeySets(fetch=self.federation.fetch, clock=self.clock), clock=self.clock
        )
        self.homes = Homes(
            peers=self, tokens=self.peer_tokens, vault=self.vault, logouts=logouts, sign_ins=self, clock=self.clock
        )
        self.bearer = BearerTokens(
            site_issuer=self.issuer,
            tokens=self.realm_tokens("dedl"),
            roles_of_issuer=self.roles_of_issuer,
            database=self.database,
            clock=self.clock,
            confirm=self.homes.confirm,
        )

    def realm_tokens(self, realm):
        url = self.desp_url if realm == "desp" else self.dedl_url
        return RealmTokens(realm=realm, url=url, ring=self.ring, sessions=self, clock=self.clock)

    async def is_alive(self, sid):
        return sid not in self.ended

    async def end(self, sid, *, request_id):
        self.ended.add(sid)

    def find_peer(self, issuer):
        site = self.federation.by_issuer.get(issuer)
        if site is None or site is self or site.id in self.blocked:
            return None
        keys = tuple(site.ring.public_keys("site"))
        return PeerRecord(
            id=site.id, issuer=issuer, token_url=site.dedl_url + "/token", keys=keys, roles=self.roles.get(site.id, frozenset())
        )

    def list_issuers(self):
        sites = [site for site in self.federation.by_issuer.values() if self.find_peer(site.issuer) is not None]
        return [
            TrustedIssuer(id=site.issuer, alias=DESP_ALIAS, url=site.desp_url, keys=tuple(site.ring.public_keys("desp")))
            for site in sites
        ]

    def roles_of_issuer(self, issuer):
        peer = self.find_peer(issuer)
        return None if peer is None else peer.roles

    async def grant(self, principal, *roles):
        audit = AuditLog(database=self.database, clock=self.clock)
        store = GrantStore(database=self.database, audit=audit, on_change=self.bearer.forget)
        await store.put(principal, Grants(roles=frozenset(roles)), by=Caller(principal=principal))

    def desp_token(self, subject, *, site, roles=(ROLE,), **changed):
        claims = {
            "iss": self.desp_url,
            "sub": subject,
            "typ": "Bearer",
            "sid": f"sid-{subject}",
            "iat": int(self.clock.now().timestamp()),
            "exp": int(self.clock.now().timestamp()) + 3600,
            "realm_access": {"roles": list(roles)},
            "preferred_username": subject,
            "twinlake:site": site,
        }
        return sign(claims | changed, self.ring.signing_key("desp"), typ="JWT")

    def logout_token(self, sid, *, typ=LOGOUT_TYPE, **changed):
        claims = {
            "iss": self.desp_url,
            "aud": "twinlake-console",
            "sid": sid,
            "iat": int(self.clock.now().timestamp()),
            "exp": int(self.clock.now().timestamp()) + 120,
            "events": {LOGOUT_EVENT: {}},
        }
        return sign(claims | changed, self.ring.signing_key("desp"), typ=typ)

    def dedl_token(self, principal, *, roles=(), **changed):
        claims = {
            "iss": self.dedl_url,
            "sub": principal.subject,
            "typ": "Bearer",
            "aud": ["hda-public", "account"],
            "sid": f"sid-{principal.subject}",
            "iat": int(self.clock.now().timestamp()),
            "exp": int(self.clock.now().timestamp()) + 3600,
            "realm_access": {"roles": list(roles)},
            "scope": "openid",
            "twinlake:principal": str(principal),
        }
        return sign(claims | changed, self.ring.signing_key("dedl"), typ="JWT")


class Federation:
    """All sites, and the network between them."""

    def __init__(self):
        self.by_issuer = {}
        self.requests = []
        self.is_cut = False

    async def fetch(self, url):
        raise AssertionError(url)

    async def post_form(self, peer, form):
        self.requests.append((peer.id, dict(form)))
        if self.is_cut:
            raise OverloadedError("Nobody answers.")
        grants = self.by_issuer[peer.issuer].site_grants
        return await (grants.redeem(form) if form["grant_type"] == JWT_BEARER else grants.exchange(form))


@pytest.fixture
async def federation():
    clock, made = HandClock(), Federation()
    async with AsyncExitStack() as stack:
        for name in ("central", "climate", "extremes"):
            database = await stack.enter_async_context(MemoryDatabase(migrations=(*MIGRATIONS, *issuer_schema.MIGRATIONS)))
            ring = await open_ring(database, clock, name=name)
            made.by_issuer[site_issuer(name)] = Site(name, clock, database, ring, made)
        yield made


@pytest.fixture
def clock(central):
    return central.clock


@pytest.fixture
def central(federation):
    return federation.by_issuer[site_issuer("central")]


@pytest.fixture
def climate(federation):
    return federation.by_issuer[site_issuer("climate")]


@pytest.fixture
def extremes(federation):
    return federation.by_issuer[site_issuer("extremes")]


@pytest.fixture
async def alice(central):
    principal = Principal(central.issuer, "alice")
    await central.grant(principal, ROLE)
    return principal
