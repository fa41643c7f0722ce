"""The trusted sites as federated search asks them."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import orjson

from twinlake.core.clock import Clock
from twinlake.core.documents import JsonObject
from twinlake.discovery.data.app import API_PATH
from twinlake.federation.search.hrefs import data_root
from twinlake.federation.search.interfaces import Budget, PeerSet
from twinlake.federation.search.sources import PeerSource
from twinlake.federation.sites.breaking import Budget as PeerBudget
from twinlake.federation.sites.calls import PeerClient, PeerQuestion
from twinlake.federation.sites.errors import PeerNotFoundError
from twinlake.federation.sites.trust import Peer, PeerDirectory
from twinlake.identity.principals import Caller
from twinlake.identity.trust.peer_tokens import PeerTokens

if TYPE_CHECKING:
    from twinlake.federation.sites.descriptor import Descriptor


@dataclass(frozen=True, slots=True)
class TokensForPeers:
    """Tokens with which this site asks its peers."""

    tokens: PeerTokens

    async def token_for(self, caller: Caller, peer: Peer) -> str:
        """Return a token that speaks for *caller* at *peer*; raises as `PeerTokens.token_for` does."""
        return await self.tokens.token_for(caller, peer.issuer)


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerQuestions:
    """Calls of federated search, over the one client of peers (`PeerCalls`)."""

    directory: PeerDirectory
    client: PeerClient
    tokens: TokensForPeers
    clock: Clock

    async def call(self, peer: str, path: str, body: JsonObject, *, caller: Caller, budget: Budget) -> bytes:
        """POST *body* and return the answer; raises `TwinlakeError`, whose code is the reason that is told."""
        site = self.directory.find(peer)
        if site is None or site.state != "trusted":
            raise PeerNotFoundError(peer)
        token = await self.tokens.token_for(caller, site)
        question = PeerQuestion(path=path, method="POST", body=orjson.dumps(body), token=token, is_safe=True)
        cost = PeerBudget(clock=self.clock, seconds=budget.seconds, size_bytes=budget.size_bytes)
        return await self.client.ask(site, question, budget=cost)


class SearchedPeers:
    """The trusted peers as `PeerSet`s, made anew when one of them is another or says something else."""

    def __init__(self, *, directory: PeerDirectory, calls: PeerQuestions, site_id: str, public_url: str) -> None:
        self._directory = directory
        self._calls = calls
        self._site_id = site_id
        self._public_url = public_url
        self._heard: tuple[tuple[str, Descriptor | None], ...] = ()
        self._set = PeerSet(version=directory.version, sources=())

    def current(self) -> PeerSet:
        """Return the peers of now."""
        trusted = self._directory.list_trusted()
        heard = tuple((peer.public_url, peer.descriptor) for peer in trusted)
        if heard != self._heard or self._set.version != self._directory.version:
            sources = tuple(
                PeerSource(
                    peer=peer.id,
                    asker=self._site_id,
                    collections=frozenset() if peer.descriptor is None else peer.descriptor.collection_ids,
                    is_listed=peer.descriptor is None or peer.descriptor.unlisted == 0,
                    calls=self._calls,
                    stac_root=peer.public_url + API_PATH,
                    own_stac_root=self._public_url + API_PATH,
                    data_root=data_root(peer.public_url, peer.id),
                    own_data_root=data_root(self._public_url, peer.id),
                )
                for peer in trusted
            )
            self._heard, self._set = heard, PeerSet(version=self._directory.version, sources=sources)
        return self._set

    def judge(self, peer: str, *, believed: bool) -> None:
        """Count for or against *peer*."""
        if (site := self._directory.find(peer)) is not None:
            self._calls.client.breaker_of(site).judge(believed=believed)
