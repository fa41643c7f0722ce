"""The sites of the federation as this site knows them."""

from collections.abc import Sequence
from datetime import datetime

from twinlake.core.clock import Clock
from twinlake.discovery.data.app import API_PATH
from twinlake.discovery.refusals import Refusals
from twinlake.discovery.services.models import Site, Status
from twinlake.federation.sites.calls import PeerClient
from twinlake.federation.sites.trust import Peer, PeerDirectory
from twinlake.holdings.visibility import CollectionPolicy
from twinlake.identity.principals import ANONYMOUS
from twinlake.site.health import HealthWatch
from twinlake.site.settings import SiteSettings


class Neighbourhood:
    """Lists this site and its peers with what they offer."""

    def __init__(
        self,
        *,
        settings: SiteSettings,
        health: HealthWatch,
        collections: CollectionPolicy,
        directory: PeerDirectory,
        client: PeerClient,
        refusals: Refusals,
        clock: Clock,
    ) -> None:
        self._settings = settings
        self._health = health
        self._collections = collections
        self._directory = directory
        self._client = client
        self._refusals = refusals
        self._clock = clock

    async def list_sites(self) -> Sequence[Site]:
        """Return the sites, this one first."""
        found = await self._health.examine()
        own = Site(
            id=self._settings.id,
            title=self._settings.title,
            url=self._settings.base_url,
            status="ok" if found.ok else "degraded",
            since=self._health.since,
            heard_at=None,
            role=self._settings.role,
            place=self._settings.federation.place,
            operator=self._settings.federation.operator,
            collections=await self._count_own(),
            offers=list_offers(self._settings),
        )
        return (own, *(self._describe(peer, self._clock.now()) for peer in self._directory.list_trusted()))

    async def _count_own(self) -> int:
        """Count what everybody may discover here."""
        return len((await self._collections.visibility_of(ANONYMOUS)).collections)

    def _describe(self, peer: Peer, now: datetime) -> Site:
        said, (status, since) = peer.descriptor, self._judge(peer, now)
        return Site(
            id=peer.id,
            title=peer.title,
            url=peer.public_url,
            status=status,
            since=since,
            heard_at=peer.fetched_at,
            role="" if said is None else said.role,
            place="" if said is None else said.place,
            operator="" if said is None else said.operator_name,
            collections=None if said is None else len(said.collections) + said.unlisted,
            offers={} if said is None else dict(said.services),
        )

    def _judge(self, peer: Peer, now: datetime) -> tuple[Status, datetime]:
        """Return how a peer is, and since when."""
        said, breaker = peer.descriptor, self._client.breaker_of(peer)
        if breaker.state != "closed":
            return "unreachable", breaker.since
        if breaker.failing_since is not None:
            return "unreachable", breaker.failing_since
        if (refuses_since := self._refusals.since(peer.id)) is not None:
            return "refusing", refuses_since
        if peer.refusal is not None or said is None:
            return "degraded", peer.fetched_at or peer.changed_at
        if peer.is_stale(now):
            return "degraded", said.expires_at
        return "ok", max(breaker.since, peer.changed_at)


def list_offers(settings: SiteSettings) -> dict[str, str]:
    """Return where a site offers what it offers."""
    url = settings.base_url
    return {
        "dedl-hda": f"{url}{API_PATH}",
        "dedl-identity": f"{url}/realms/desp" if settings.signs_in_for_others else f"{url}/auth/realms/dedl",
        "dedl-notification": f"{url}/events",
        "dedl-jobs": f"{url}/jobs",
    }
