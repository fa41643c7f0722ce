"""What lies at other sites of the federation: read by the right of who asks, as those sites know it."""

from collections.abc import Sequence
from typing import NoReturn

from twinlake.core.clock import Clock
from twinlake.core.errors import TwinlakeError
from twinlake.engines.network import DestinationRefusedError
from twinlake.federation.errors import ForwardingRefusedError, PeerRefusedError
from twinlake.federation.sites.breaking import Budget
from twinlake.federation.sites.calls import PeerClient, PeerQuestion, PeerTokens
from twinlake.federation.sites.destinations import path_at
from twinlake.federation.sites.trust import Peer, PeerDirectory
from twinlake.identity.principals import Caller
from twinlake.processing.openeo.loading.resolving.urls import NothingThereError, without_secrets
from twinlake.standards.openeo.errors import ProcessError

_SECONDS = 60.0
_ROOTS = ("/stac/v2/", "/openeo/", "/data/")
"""Of what a site has for everybody who may."""


class PeerReader:
    """Reads there (`urls.Peers`)."""

    def __init__(self, *, directory: PeerDirectory, client: PeerClient, tokens: PeerTokens, clock: Clock) -> None:
        self._directory = directory
        self._client = client
        self._tokens = tokens
        self._clock = clock

    async def read(self, url: str, caller: Caller, *, most_bytes: int) -> bytes | None:
        """Return what is at *url*; None where that is at no trusted peer. Raises as `UrlLoader.read` does."""
        found = self._find(url)
        if found is None:
            return None
        peer, path = found
        budget = Budget(clock=self._clock, seconds=_SECONDS, size_bytes=most_bytes)
        try:
            if caller.peer is not None:
                raise ForwardingRefusedError(f"What {peer.id} holds is to be asked of it.")
            question = PeerQuestion(path=path, token=await self._find_token(caller, peer))
            return await self._client.ask(peer, question, budget=budget)
        except TwinlakeError as error:
            _refuse(url, error)

    def find_collection(self, collection: str) -> Sequence[str]:
        """Return the addresses of *collection* at peers whose descriptors list it: what anybody may discover."""
        peers = [
            each for each in self._directory.list_trusted() if each.descriptor and collection in each.descriptor.collection_ids
        ]
        return [f"{each.public_url}/stac/v2/collections/{collection}" for each in peers]

    def _find(self, url: str) -> tuple[Peer, str] | None:
        for peer in self._directory.list_trusted():
            try:
                path = path_at(peer, url)
            except DestinationRefusedError:
                continue
            return (peer, path) if path.startswith(_ROOTS) else None
        return None

    async def _find_token(self, caller: Caller, peer: Peer) -> str | None:
        """Return a token that speaks for *caller*; None where there is none: addresses may be signed."""
        try:
            return await self._tokens.token_for(caller, peer)
        except TwinlakeError:
            return None


def _refuse(url: str, error: TwinlakeError) -> NoReturn:
    text = f"{without_secrets(url)} is not to be had: {error.message}"
    if isinstance(error, PeerRefusedError) and error.answered in {404, 410}:
        raise NothingThereError("UrlUnsupported", text) from error
    raise ProcessError("UrlUnsupported", text) from error
