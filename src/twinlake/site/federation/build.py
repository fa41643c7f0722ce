"""Issuer, trust, peers and the search over all sites, put together."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from structlog.typing import FilteringBoundLogger

from twinlake.access.delivery.elsewhere import Elsewhere
from twinlake.console.static_files import own_static_files
from twinlake.core.clock import Clock
from twinlake.core.paging import TokenSeal
from twinlake.core.randomness import Randomness
from twinlake.engines.database import Database
from twinlake.engines.network.client import GuardedClient
from twinlake.engines.network.guard import DestinationGuard, origin_of
from twinlake.federation.search.answering import PeerAnswers
from twinlake.federation.search.hrefs import data_root
from twinlake.federation.search.interfaces import Budget
from twinlake.federation.search.service import FederatedSearch
from twinlake.federation.search.sources import LocalSource
from twinlake.federation.search.versions import Versions
from twinlake.federation.sites.opening import Sites, open_sites
from twinlake.federation.sites.own import SiteFacts
from twinlake.federation.sites.watching import PeerWatch
from twinlake.holdings.catalogue.store import SqlCatalogue
from twinlake.holdings.visibility import CollectionPolicy
from twinlake.identity.audit import AuditLog
from twinlake.identity.credentials import Credentials
from twinlake.identity.grants import GrantStore
from twinlake.identity.issuer.build import Issuer, IssuerFacts, build_issuer
from twinlake.identity.issuer.models import TOKEN_EXCHANGE, Realm
from twinlake.identity.keys.ring import KeyRing
from twinlake.identity.keys.sealing import Sealer
from twinlake.identity.principals import site_issuer
from twinlake.identity.relying import SignIn
from twinlake.identity.tokens import TokenStore
from twinlake.identity.trust.assertions import AssertionReader, AssertionSigner
from twinlake.identity.trust.bearer import BearerTokens
from twinlake.identity.trust.delegations import Delegations
from twinlake.identity.trust.homes import Homes
from twinlake.identity.trust.keysets import IssuerPages, KeySets
from twinlake.identity.trust.peer_tokens import PeerTokens
from twinlake.identity.trust.realm_tokens import RealmTokens
from twinlake.identity.trust.site_grants import JWT_BEARER, SiteGrants
from twinlake.identity.trust.subjects import SubjectReader
from twinlake.identity.trust.used import UsedIds
from twinlake.identity.trust.vault import SubjectVault
from twinlake.identity.visitors import VisitorTokens
from twinlake.site.federation.clients import configured_clients, console_clients
from twinlake.site.federation.endpoints import Endings, SiteEndpoints
from twinlake.site.federation.grants import exchange_grant, redeeming_grant
from twinlake.site.federation.searching import PeerQuestions, SearchedPeers, TokensForPeers
from twinlake.site.federation.trusted import TrustedSites
from twinlake.site.layout import SECOND_FACTORS, SiteFolder
from twinlake.site.neighbourhood import list_offers
from twinlake.site.settings import SiteSettings

_PEER_BYTES = 16 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Federation:
    """Accounts and other sites."""

    issuer: Issuer
    grants: GrantStore
    bearers: BearerTokens
    credentials: Credentials
    sign_in: SignIn
    delegations: Delegations
    homes: Homes
    sites: Sites
    tokens: TokensForPeers
    search: FederatedSearch
    answers: PeerAnswers
    elsewhere: Elsewhere
    watch: PeerWatch


@asynccontextmanager
async def open_federation(
    settings: SiteSettings,
    folder: SiteFolder,
    *,
    ring: KeyRing,
    database: Database,
    catalogue: SqlCatalogue,
    collections: CollectionPolicy,
    tokens: TokenStore,
    audit: AuditLog,
    seal: TokenSeal,
    clock: Clock,
    randomness: Randomness,
    closing: asyncio.Event,
    log: FilteringBoundLogger,
) -> AsyncGenerator[Federation]:
    """Build it; the connections to peers are closed on exit, and the watch over them ends when the site is *closing*."""
    desp, dedl = Realm("desp", settings.base_url), Realm("dedl", settings.base_url)
    facts = SiteFacts(
        id=settings.id,
        role=settings.role,
        operator=settings.federation.operator,
        place=settings.federation.place,
        title=settings.title,
        url=settings.base_url,
        token_url=dedl.endpoint("token"),
        services=list_offers(settings),
        signs_in_for_others=settings.signs_in_for_others,
    )
    async with open_sites(
        facts=facts,
        addresses=settings.federation.addresses,
        keys=ring,
        holdings=catalogue,
        visibilities=collections,
        database=database,
        audit=audit,
        clock=clock,
        randomness=randomness,
    ) as sites:
        changed: list[Callable[[], None]] = [tokens.forget]
        grants = GrantStore(database=database, audit=audit, on_change=lambda: _call_all(changed))
        trusted = TrustedSites(settings=settings, directory=sites.directory, clock=clock)
        subjects = SubjectReader(
            site_id=settings.id, issuers=trusted, keys=KeySets(fetch=_issuer_pages(settings).fetch, clock=clock), clock=clock
        )
        vault = SubjectVault(
            database=database, clock=clock, sealer=Sealer(folder.derive_key("subject tokens"), randomness=randomness)
        )
        console_secret = folder.derive_key("console client").hex()
        issuer = build_issuer(
            IssuerFacts(
                site_id=settings.id,
                title=settings.title,
                public_url=settings.base_url,
                has_desp=settings.signs_in_for_others,
                terms_url=settings.identity.terms_url,
                stylesheet=f"{settings.base_url}/static/{own_static_files().version}/console.css",
                icon=f"{settings.base_url}/static/{own_static_files().version}/icon.svg",
            ),
            database=database,
            clock=clock,
            randomness=randomness,
            audit=audit,
            grants=grants,
            keys=ring,
            sealer=Sealer(folder.derive_key(SECOND_FACTORS), randomness=randomness),
            seal=TokenSeal(folder.derive_key("sign-in forms")),
            post=GuardedClient(guard=DestinationGuard()).post,
            tell_site=Endings(directory=sites.directory, client=sites.client, clock=clock).tell,
            log=log,
            peers=trusted,
            clients=(*configured_clients(settings), *console_clients(settings, console_secret)),
            other_subjects=subjects,
            visitors=VisitorTokens(vault=vault, reader=subjects),
        )
        signer = AssertionSigner(site_id=settings.id, ring=ring, clock=clock, randomness=randomness)
        delegations = Delegations(database=database, clock=clock, randomness=randomness, audit=audit)
        site_grants = SiteGrants(
            dedl_url=dedl.url,
            ring=ring,
            signer=signer,
            reader=AssertionReader(site_id=settings.id, peers=trusted, used=UsedIds(database=database, clock=clock), clock=clock),
            peers=trusted,
            delegations=delegations,
            desp_tokens=(
                RealmTokens(realm="desp", url=desp.url, ring=ring, sessions=issuer.sessions, clock=clock)
                if settings.signs_in_for_others
                else None
            ),
            database=database,
            clock=clock,
            randomness=randomness,
        )
        people = issuer.grants[TOKEN_EXCHANGE]
        issuer.grants[TOKEN_EXCHANGE] = exchange_grant(people=people, sites=site_grants, vault=vault, own_url=desp.url)
        issuer.grants[JWT_BEARER] = redeeming_grant(site_grants)
        endpoints = SiteEndpoints(
            site_id=settings.id,
            directory=sites.directory,
            client=sites.client,
            issuer=issuer,
            console_secret=console_secret,
            clock=clock,
        )
        peer_tokens = PeerTokens(signer=signer, peers=trusted, endpoints=endpoints, subjects=vault, clock=clock)
        homes = Homes(peers=trusted, tokens=peer_tokens, vault=vault, logouts=subjects, sign_ins=issuer.sessions, clock=clock)
        bearers = BearerTokens(
            site_issuer=site_issuer(settings.id),
            tokens=RealmTokens(realm="dedl", url=dedl.url, ring=ring, sessions=issuer.sessions, clock=clock),
            roles_of_issuer=trusted.roles_of_issuer,
            database=database,
            clock=clock,
            confirm=homes.confirm,
        )
        changed += [bearers.forget, peer_tokens.forget]
        sites.directory.on_change.append(bearers.forget)
        for_peers = TokensForPeers(peer_tokens)
        local = LocalSource(site_id=settings.id, catalogue=catalogue, visibility_of=collections.visibility_of)
        own = Budget(seconds=settings.catalogue.deadline_seconds, size_bytes=_PEER_BYTES)
        calls = PeerQuestions(directory=sites.directory, client=sites.client, tokens=for_peers, clock=clock)
        yield Federation(
            issuer=issuer,
            grants=grants,
            bearers=bearers,
            credentials=Credentials(tokens=tokens, bearers=bearers),
            sign_in=SignIn(
                site_id=settings.id,
                public_url=settings.base_url,
                homes=trusted,
                realms=endpoints,
                sign_ins=issuer.sessions,
                sealer=Sealer(folder.derive_key("sign-ins"), randomness=randomness),
                clock=clock,
                randomness=randomness,
            ),
            delegations=delegations,
            homes=homes,
            sites=sites,
            tokens=for_peers,
            search=FederatedSearch(
                local=local,
                peers=SearchedPeers(directory=sites.directory, calls=calls, site_id=settings.id, public_url=settings.base_url),
                seal=seal,
                own=own,
                remote=Budget(seconds=settings.federation.peer_seconds, size_bytes=_PEER_BYTES),
                log=log,
            ),
            answers=PeerAnswers(
                local=local,
                versions=Versions(catalogue=catalogue, visibility_of=collections.visibility_of, budget=own),
                budget=own,
                closed=collections.list_closed,
                data_root=data_root(settings.base_url, settings.id),
            ),
            elsewhere=Elsewhere(
                site_id=settings.id,
                directory=sites.directory,
                client=sites.client,
                tokens=for_peers,
                clock=clock,
                seconds=settings.federation.peer_seconds,
            ),
            watch=PeerWatch(
                directory=sites.directory,
                joining=sites.joining,
                client=sites.client,
                tokens=for_peers,
                links=sites.links,
                clock=clock,
                randomness=randomness,
                every_seconds=settings.federation.refresh_seconds,
                closing=closing,
                log=log,
            ),
        )


def _issuer_pages(settings: SiteSettings) -> IssuerPages:
    """Return what gets the key sets of the external issuers that the settings name, and of nobody else."""
    origins = [origin_of(issuer.url) for issuer in settings.identity.issuers.values()]
    return IssuerPages(GuardedClient(guard=DestinationGuard(allow=origins)))


def _call_all(listeners: list[Callable[[], None]]) -> None:
    for listener in listeners:
        listener()
