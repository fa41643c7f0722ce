"""The use cases of finding services."""

from collections.abc import Sequence
from dataclasses import dataclass

from twinlake.core.errors import NotFoundError
from twinlake.discovery.freetext import fold, parse_free_text
from twinlake.discovery.services.known import KNOWN
from twinlake.discovery.services.models import Service, Site, Sites


class ServiceNotFoundError(NotFoundError):
    """No site offers a service of this id."""

    code = "service-not-found"


@dataclass(frozen=True, slots=True)
class Offered:
    """A service with the sites that offer it."""

    service: Service
    sites: Sequence[Site]

    @property
    def begin(self) -> str:
        """Code with which a user begins at the first site."""
        first = self.sites[0]
        return self.service.begin.replace("{url}", first.offers[self.service.id]).replace("{site}", first.url)


@dataclass(frozen=True, slots=True)
class ServiceDiscovery:
    """Finds services over all sites; what a site offers that is not known here is left out."""

    sites: Sites

    async def list_sites(self) -> Sequence[Site]:
        """Return all sites, this one first."""
        return await self.sites.list_sites()

    async def search(self, q: str = "") -> list[Offered]:
        """Return the services that are offered and match the free text *q*, in the order of their importance.

        Raises
        ------
        InvalidInputError
            *q* cannot be read.
        """
        matches = parse_free_text(q)
        sites = await self.sites.list_sites()
        offered = [Offered(service, [site for site in sites if service.id in site.offers]) for service in KNOWN.values()]
        return [each for each in offered if each.sites and (matches is None or matches(_text_of(each)))]

    async def get(self, service_id: str) -> Offered:
        """Return one service.

        Raises
        ------
        ServiceNotFoundError
            No site offers one of this id.
        """
        for each in await self.search():
            if each.service.id == service_id:
                return each
        raise ServiceNotFoundError(f"No site offers a service {service_id[:80]!r}.", remedy="See /services for those there are.")


def _text_of(offered: Offered) -> str:
    words = [offered.service.id, offered.service.title, offered.service.description]
    words += [name for site in offered.sites for name in (site.id, site.title)]
    return "\n".join(map(fold, words))
