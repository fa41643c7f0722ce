"""Where this site calls its peers: at exact origins, resolved once.

A peer's public URL must be https on the public internet. Any other address is one that this site's own settings name;
https is left out on the loopback interface only. Nothing that a user or a peer says opens another door.
"""

from collections.abc import Mapping

from twinlake.engines.network import Destination, DestinationGuard, DestinationRefusedError, Resolve, resolve_by_system
from twinlake.federation.sites.trust import Peer


class PeerDestinations:
    """Finds where to connect for a peer.

    Parameters
    ----------
    addresses
        Of peers by id, from this site's settings, each as exact ``scheme://host:port``.

    Raises
    ------
    InvalidInputError
        One of them is not of this form.
    """

    def __init__(self, addresses: Mapping[str, str], *, resolve: Resolve = resolve_by_system) -> None:
        self._configured = DestinationGuard(resolve=resolve, allow=tuple(addresses.values()))
        self._public = DestinationGuard(resolve=resolve)
        self._pinned: dict[tuple[str | None, str], Destination] = {}

    def check_public(self, text: str) -> None:
        """Check that *text* may be a peer's public URL, without the network.

        Raises
        ------
        DestinationRefusedError
            It is not https, or spells out an address that is not public.
        """
        self._public.parse(text)

    async def find(self, peer: Peer) -> Destination:
        """Return where *peer* is called: the addresses found first are kept until `forget`.

        Raises
        ------
        DestinationRefusedError
            Its address may not be called.
        DestinationUnreachableError
            Its name has no address.
        """
        pinned = self._pinned.get(_pin(peer))
        if pinned is None:
            pinned = self._pinned[_pin(peer)] = await self._resolve(peer)
        return pinned

    def forget(self, peer: Peer) -> None:
        """Resolve the peer's name again before the next call: it did not answer where it was."""
        self._pinned.pop(_pin(peer), None)

    async def _resolve(self, peer: Peer) -> Destination:
        if peer.address is None:
            return await self._public.check(peer.public_url)
        destination = await self._configured.check(peer.address)
        if destination.url.scheme != "https" and not all(address.is_loopback for address in destination.addresses):
            raise DestinationRefusedError(
                f"The address of {peer.id!r} in the settings is not https.", remedy="Use https off the loopback interface."
            )
        return destination


def _pin(peer: Peer) -> tuple[str | None, str]:
    """Name what was checked: an address of the settings opens no door to a peer that calls itself so."""
    return peer.address, peer.public_url


def path_at(peer: Peer, text: str) -> str:
    """Return path and query of the URL *text*, which the peer has given, below its own address.

    Raises
    ------
    DestinationRefusedError
        It does not begin, letter by letter, with one of the peer's own addresses.
    """
    for home in (peer.public_url, peer.base_url):
        if text.startswith(f"{home}/"):
            return text[len(home) :]
    raise DestinationRefusedError(f"{text[:200]!r} is not at {peer.id!r}.")
