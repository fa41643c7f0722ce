"""Peers that answer, but refuse what this site asks: they blocked it, for instance."""

from datetime import datetime

from twinlake.core.clock import Clock
from twinlake.federation.search.models import Completeness
from twinlake.identity.principals import Caller, site_issuer

_REFUSALS = frozenset({"peer-refused", "invalid-token"})


class Refusals:
    """Remembers since when each peer has refused this site the list of its collections, which holds nothing of a user's own.

    Parameters
    ----------
    site_id
        For people who are at home elsewhere a peer hears their home, too: what it says then tells nothing of this site.
    """

    def __init__(self, *, site_id: str, clock: Clock) -> None:
        self._issuer = site_issuer(site_id)
        self._clock = clock
        self._since: dict[str, datetime] = {}

    def note(self, caller: Caller, completeness: Completeness) -> None:
        """Take note of who answered, and who did not, when the collections were asked for."""
        if caller.principal is not None and caller.principal.issuer != self._issuer:
            return
        for peer, reason in completeness.missing.items():
            if reason in _REFUSALS:
                self._since.setdefault(peer, self._clock.now())
        for peer in completeness.backends:
            self._since.pop(peer, None)

    def since(self, peer: str) -> datetime | None:
        """Return since when *peer* refuses; None where it does not, as far as is known."""
        return self._since.get(peer)
