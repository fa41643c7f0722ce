"""What a caller may know of the event log: the visibility of collections, as domains of events."""

from collections import OrderedDict

from twinlake.events.models import COLLECTION_DOMAIN, Audience
from twinlake.holdings.catalogue.interfaces import Visibility
from twinlake.holdings.visibility import CollectionPolicy
from twinlake.identity.principals import Caller

_OVERSEERS = frozenset({"operator", "administrator"})
_PRINCIPAL_DOMAIN = "principal:"
_REMEMBERED = 2000


class Audiences:
    """Derives the audience of a caller from their visibility, once per visibility."""

    def __init__(self, *, collections: CollectionPolicy) -> None:
        self._collections = collections
        self._known: OrderedDict[str, tuple[Visibility, Audience]] = OrderedDict()

    async def audience_of(self, caller: Caller) -> Audience:
        """Return what *caller* may know of now: collections that they discover, and what concerns themselves.

        Operators also know of everybody's jobs and of the site's own events.
        """
        visibility = await self._collections.visibility_of(caller)
        known = self._known.get(caller.key)
        if known is not None and known[0] is visibility:
            return known[1]
        audience = _make_audience(caller, visibility)
        self._known[caller.key] = visibility, audience
        if len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        return audience


def _make_audience(caller: Caller, visibility: Visibility) -> Audience:
    oversees = bool(caller.roles & _OVERSEERS)
    own = None if caller.principal is None else f"{_PRINCIPAL_DOMAIN}{caller.principal}"

    def sees(domain: str) -> bool:
        if domain.startswith(COLLECTION_DOMAIN):
            return visibility.everything or domain[len(COLLECTION_DOMAIN) :] in visibility.collections
        return oversees or domain == own

    horizons = {f"{COLLECTION_DOMAIN}{name}": horizon for name, horizon in visibility.horizons.items()}
    return Audience(sees, horizons)
