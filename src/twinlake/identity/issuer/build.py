"""Builds the issuer of a site."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from starlette.routing import BaseRoute
from structlog.typing import FilteringBoundLogger

from twinlake.core.clock import Clock
from twinlake.core.paging import TokenSeal
from twinlake.core.randomness import Randomness
from twinlake.engines.database import Connection, Database
from twinlake.identity.audit import AuditLog
from twinlake.identity.grants import GrantStore
from twinlake.identity.issuer import page_routes, protocol_routes
from twinlake.identity.issuer.account_pages import AccountPages
from twinlake.identity.issuer.accounts import AccountStore
from twinlake.identity.issuer.attempts import GuessLimit
from twinlake.identity.issuer.authorizing import Authorizing
from twinlake.identity.issuer.clients import ClientRegistry, legacy_clients
from twinlake.identity.issuer.codes import CodeStore
from twinlake.identity.issuer.device_pages import DevicePages, Visitors
from twinlake.identity.issuer.devices import DeviceStore
from twinlake.identity.issuer.flow import Flows
from twinlake.identity.issuer.forms import FormTokens
from twinlake.identity.issuer.granting import Granting
from twinlake.identity.issuer.logout import BackChannelLogout, Post, TellSite
from twinlake.identity.issuer.minting import TokenMint
from twinlake.identity.issuer.models import Client, GrantHandler, Realm, RedirectOwners, SubjectTokens, VisitorSubjects
from twinlake.identity.issuer.pages import IssuerPages
from twinlake.identity.issuer.passwords import PasswordHasher
from twinlake.identity.issuer.protocol_routes import Protocol
from twinlake.identity.issuer.proving import Proof
from twinlake.identity.issuer.refresh_tokens import RefreshTokens
from twinlake.identity.issuer.second_factor import SecondFactors
from twinlake.identity.issuer.service_accounts import ServiceAccounts
from twinlake.identity.issuer.sessions import BrowserCookies, IssuerSessions
from twinlake.identity.issuer.sign_in import SignIn
from twinlake.identity.issuer.sign_out import SignOut
from twinlake.identity.issuer.subjects import OwnDespTokens, OwnSubjects
from twinlake.identity.keys.ring import KeyRing
from twinlake.identity.keys.sealing import Sealer
from twinlake.identity.principals import Principal, site_issuer


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuerFacts:
    """What the issuer says of the site, and which realms it has."""

    site_id: str
    title: str
    public_url: str
    """Without a trailing slash."""
    has_desp: bool
    """Whether people of the whole federation sign in here."""
    stylesheet: str
    icon: str
    terms_url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Issuer:
    """An issuer, built."""

    realms: tuple[Realm, ...]
    accounts: AccountStore
    factors: SecondFactors
    services: ServiceAccounts
    sessions: IssuerSessions
    """Also the `SessionRegistry` of the site."""
    subjects: OwnSubjects
    clients: ClientRegistry
    mint: TokenMint
    grants: dict[str, GrantHandler]
    """By ``grant_type``; whoever has more of them adds theirs, or wraps one, before requests come."""
    protocol: Protocol
    proof: Proof
    """Shared by everything that takes passwords, for its limits count for all of it."""
    pages: AccountPages
    sign_out: SignOut

    @property
    def knows(self) -> tuple[Callable[[Connection, Principal], bool], ...]:
        """What tells, within a transaction, that somebody has an account here, or is signed in with one of another site."""
        return self.accounts.knows, self.sessions.knows

    def routes(self, visitors: Visitors | None = None) -> list[BaseRoute]:
        """Return the routes of all realms; they stand behind a `RealmDoor`.

        Parameters
        ----------
        visitors
            Knows who signed in over another site; None where nobody does.
        """
        pages = DevicePages(
            sign_in=self.pages.sign_in,
            clients=self.clients,
            devices=self.protocol.devices,
            forms=self.pages.forms,
            visitors=visitors,
        )
        return [
            route
            for realm in self.realms
            for route in (
                *protocol_routes.routes(realm, self.protocol),
                *page_routes.routes(realm, self.pages, pages, self.sign_out),
            )
        ]


def build_issuer(
    facts: IssuerFacts,
    *,
    database: Database,
    clock: Clock,
    randomness: Randomness,
    audit: AuditLog,
    grants: GrantStore,
    keys: KeyRing,
    sealer: Sealer,
    seal: TokenSeal,
    post: Post,
    tell_site: TellSite,
    log: FilteringBoundLogger,
    peers: RedirectOwners,
    clients: Sequence[Client] = (),
    other_subjects: SubjectTokens | None = None,
    visitors: VisitorSubjects | None = None,
) -> Issuer:
    """Build the issuer.

    Parameters
    ----------
    sealer
        Of the secrets of second factors.
    seal
        Of sign-ins and forms; a key for nothing else.
    post
        Sends to addresses that the settings name (back-channel logout).
    tell_site
        Brings other sites word of sessions that ended.
    clients
        Those of the settings, beside the ones of the real service.
    other_subjects
        Verifies tokens of other issuers that are exchanged; None takes this site's own desp tokens only.
    visitors
        Knows who signed in with one of another site; None where nobody does.
    """
    issuer = site_issuer(facts.site_id)
    dedl, desp = Realm("dedl", facts.public_url), Realm("desp", facts.public_url)
    realms = (desp, dedl) if facts.has_desp else (dedl,)
    registry = ClientRegistry([*legacy_clients(facts.site_id, facts.public_url), *clients], peers=peers)
    mint = TokenMint(keys=keys, clock=clock, randomness=randomness, issuer=issuer)
    channel = BackChannelLogout(
        site_id=facts.site_id, realms=realms, clients=registry, mint=mint, post=post, tell_site=tell_site, log=log
    )
    sessions = IssuerSessions(
        database=database, clock=clock, randomness=randomness, audit=audit, issuer=issuer, on_end=channel.tell
    )
    accounts = AccountStore(
        database=database,
        clock=clock,
        randomness=randomness,
        audit=audit,
        passwords=PasswordHasher(randomness=randomness),
        issuer=issuer,
        on_end=sessions.forget,
    )
    factors = SecondFactors(
        database=database, clock=clock, randomness=randomness, sealer=sealer, accounts=accounts, title=facts.title
    )
    services = ServiceAccounts(database=database, clock=clock, randomness=randomness, accounts=accounts, on_end=sessions.forget)
    subjects = OwnSubjects(accounts=accounts, grants=grants, issuer=issuer)
    proof = Proof(accounts=accounts, factors=factors, limit=GuessLimit(clock=clock), audit=audit)
    refresh_tokens = RefreshTokens(database=database, randomness=randomness, sessions=sessions)
    codes = CodeStore(database=database, randomness=randomness, sessions=sessions, refresh_tokens=refresh_tokens)
    devices = DeviceStore(database=database, clock=clock, randomness=randomness, sessions=sessions, refresh_tokens=refresh_tokens)
    own = OwnDespTokens(
        realm=desp,
        keys=keys,
        clock=clock,
        sessions=sessions,
        subjects=subjects,
        issuer=issuer,
        site_id=facts.site_id,
        others=other_subjects,
    )
    granting = Granting(
        database=database,
        clients=registry,
        sessions=sessions,
        refresh_tokens=refresh_tokens,
        codes=codes,
        devices=devices,
        services=services,
        subjects=subjects,
        subject_tokens=own,
        visitors=visitors,
        proof=proof,
        mint=mint,
        site_id=facts.site_id,
        asks_for_terms=facts.terms_url is not None,
    )
    handlers = granting.handlers()
    sign_in = SignIn(
        authorizing=Authorizing(clients=registry, codes=codes),
        flows=Flows(seal=seal, clock=clock),
        pages=IssuerPages(title=facts.title, public_url=facts.public_url, stylesheet=facts.stylesheet, icon=facts.icon),
        cookies=BrowserCookies(site_id=facts.site_id, secure=facts.public_url.startswith("https:"), randomness=randomness),
        sessions=sessions,
        accounts=accounts,
        proof=proof,
        site_id=facts.site_id,
        terms_url=facts.terms_url,
    )
    forms = FormTokens(seal=seal)
    return Issuer(
        realms=realms,
        accounts=accounts,
        factors=factors,
        services=services,
        sessions=sessions,
        subjects=subjects,
        clients=registry,
        mint=mint,
        grants=handlers,
        protocol=Protocol(
            keys=keys,
            clock=clock,
            clients=registry,
            sessions=sessions,
            refresh_tokens=refresh_tokens,
            devices=devices,
            subjects=subjects,
            grants=handlers,
            issuer=issuer,
        ),
        proof=proof,
        pages=AccountPages(realms=realms, sign_in=sign_in, clients=registry, factors=factors, seal=seal, forms=forms),
        sign_out=SignOut(sign_in=sign_in, clients=registry, refresh_tokens=refresh_tokens, keys=keys, forms=forms),
    )
