"""Bytes that another site holds: that site decides, for the caller for whom this one asks, and says where they are to be got."""

import asyncio
from dataclasses import dataclass

import msgspec
import orjson

from twinlake.access.delivery.errors import BackendNotFoundError, SiteAwayError, SiteLateError, refused_elsewhere
from twinlake.core.clock import Clock
from twinlake.engines.network import DestinationRefusedError
from twinlake.federation.errors import ForwardingRefusedError, PeerDeadlineError, PeerRefusedError, PeerUnavailableError
from twinlake.federation.search.hrefs import data_root
from twinlake.federation.sites.breaking import Budget
from twinlake.federation.sites.calls import PeerClient, PeerQuestion, PeerTokens
from twinlake.federation.sites.trust import Peer, PeerDirectory
from twinlake.identity.principals import Caller

LINK, PICTURE = "/federation/link", "/federation/picture"
"""Where sites ask each other for a signed URL of an asset, and for a picture itself."""
PICTURE_BYTES = 4 << 20
_LINK_BYTES = 64 << 10
_LONGEST_URL = 8000


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetName:
    """An asset, wherever it is."""

    backend: str
    """Id of the site that holds it."""
    collection: str
    item: str
    asset: str


class _Link(msgspec.Struct):
    url: str


_read_link = msgspec.json.Decoder(_Link).decode


class Elsewhere:
    """Asks trusted peers for assets that they hold, each time within a few seconds.

    Parameters
    ----------
    site_id
        Of this site.
    seconds
        Longest that somebody waits for a peer.
    """

    def __init__(
        self, *, site_id: str, directory: PeerDirectory, client: PeerClient, tokens: PeerTokens, clock: Clock, seconds: float
    ) -> None:
        self._site_id = site_id
        self._directory = directory
        self._client = client
        self._tokens = tokens
        self._clock = clock
        self._seconds = seconds

    async def find_url(self, caller: Caller, name: AssetName) -> str:
        """Return a URL at the peer's public address, at which whoever has it gets the bytes for some minutes.

        Raises
        ------
        BackendNotFoundError
            No trusted peer is named so.
        ForwardingRefusedError
            A peer asks: it must ask the other one itself.
        UnauthenticatedError, ForbiddenError, NotFoundError
            What the peer answered.
        SiteAwayError, SiteLateError
            It did not answer, or nonsense, or not in time.
        """
        peer = self._find(name.backend)
        answer = await self._ask(caller, peer, name, path=LINK, size_bytes=_LINK_BYTES)
        try:
            url = _read_link(answer).url
        except msgspec.MsgspecError:
            raise SiteAwayError(peer.id) from None
        root = data_root(peer.public_url, peer.id)
        if not url.startswith(root) or len(url) > _LONGEST_URL or not url.isascii() or not url.isprintable() or "\\" in url:
            raise SiteAwayError(peer.id)  # it leads astray
        return url

    async def get_picture(self, caller: Caller, name: AssetName) -> bytes:
        """Return the bytes of a picture, at most `PICTURE_BYTES`; raises as `find_url`."""
        return await self._ask(caller, self._find(name.backend), name, path=PICTURE, size_bytes=PICTURE_BYTES)

    def _find(self, backend: str) -> Peer:
        peer = self._directory.find(backend)
        if peer is None or peer.state != "trusted":
            raise BackendNotFoundError(backend, self._site_id)
        return peer

    async def _ask(self, caller: Caller, peer: Peer, name: AssetName, *, path: str, size_bytes: int) -> bytes:
        if caller.peer is not None:
            raise ForwardingRefusedError(f"What {peer.id} holds is to be asked of it.")
        body = {"chain": [self._site_id], "collection": name.collection, "item": name.item, "asset": name.asset}
        try:
            async with asyncio.timeout(self._seconds):
                token = await self._tokens.token_for(caller, peer)
                question = PeerQuestion(path=path, method="POST", body=orjson.dumps(body), token=token, is_safe=True)
                budget = Budget(clock=self._clock, seconds=self._seconds, size_bytes=size_bytes)
                return await self._client.ask(peer, question, budget=budget)
        except PeerRefusedError as error:
            raise refused_elsewhere(peer.id, error.answered, error.message) from None
        except (TimeoutError, PeerDeadlineError):
            raise SiteLateError(peer.id) from None
        except (PeerUnavailableError, DestinationRefusedError) as error:
            raise SiteAwayError(peer.id) from error
