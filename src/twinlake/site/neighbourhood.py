"""The sites of the federation as this site knows them."""

from collections.abc import Sequence

from twinlake.discovery.services.models import Site
from twinlake.site.health import HealthWatch
from twinlake.site.settings import SiteSettings


class Neighbourhood:
    """Lists this site with what it offers."""

    def __init__(self, *, settings: SiteSettings, health: HealthWatch) -> None:
        self._settings = settings
        self._health = health

    async def list_sites(self) -> Sequence[Site]:
        """Return the sites, this one first."""
        found = await self._health.examine()
        own = Site(
            id=self._settings.id,
            title=self._settings.title,
            url=self._settings.base_url,
            status="ok" if found.ok else "degraded",
            since=self._health.since,
            offers=list_offers(self._settings.base_url),
        )
        return (own,)


def list_offers(url: str) -> dict[str, str]:
    """Return where a site at *url* offers what it offers."""
    return {
        "dedl-hda": f"{url}/stac/v2",
        "dedl-notification": f"{url}/events",
        "dedl-jobs": f"{url}/jobs",
    }
