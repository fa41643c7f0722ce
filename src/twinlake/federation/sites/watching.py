"""What a serving site asks of its peers again and again: what they are, what this site is to them, how far they are.

A peer that does not answer changes nothing: the last good descriptor stays, is stale in time, and is shown to be.
"""

import asyncio

from structlog.typing import FilteringBoundLogger

from twinlake.core.clock import Clock
from twinlake.core.errors import TwinlakeError
from twinlake.core.randomness import Randomness
from twinlake.federation.errors import PeerAnswerError
from twinlake.federation.sites.breaking import Budget
from twinlake.federation.sites.calls import PeerClient, PeerQuestion, PeerTokens
from twinlake.federation.sites.errors import DescriptorRefusedError
from twinlake.federation.sites.hearing import hear_descriptor
from twinlake.federation.sites.joining import Joining
from twinlake.federation.sites.links import LinkBook
from twinlake.federation.sites.trust import Peer, PeerDirectory
from twinlake.identity.principals import ANONYMOUS

PROBE_PATH = "/federation/probe"
PROBE_BYTES = 256 << 10
_PROBE_SECONDS = 10.0
_JITTER = 0.2
_LEAST_SECONDS = 1e-6
"""No faster than this is measured: a clock of a test may stand still."""


class PeerWatch:
    """Goes round the peers until the site is closing."""

    def __init__(
        self,
        *,
        directory: PeerDirectory,
        joining: Joining,
        client: PeerClient,
        tokens: PeerTokens,
        links: LinkBook,
        clock: Clock,
        randomness: Randomness,
        every_seconds: float,
        closing: asyncio.Event,
        log: FilteringBoundLogger,
    ) -> None:
        self._directory = directory
        self._joining = joining
        self._client = client
        self._tokens = tokens
        self._links = links
        self._clock = clock
        self._randomness = randomness
        self._every_seconds = every_seconds
        self._closing = closing
        self._log = log

    async def run(self) -> None:
        """Go round until the site is closing; sites that started together do not ask together for long."""
        while not self._closing.is_set():
            await self.go_round()
            chance = int.from_bytes(self._randomness(4), "big") / (1 << 32)
            try:
                async with asyncio.timeout(self._every_seconds * (1 + _JITTER * (2 * chance - 1))):
                    await self._closing.wait()
            except TimeoutError:
                continue

    async def go_round(self) -> None:
        """Visit every peer once, all at a time."""
        await asyncio.gather(*(self.visit(peer) for peer in self._directory.list_peers()))

    async def visit(self, peer: Peer) -> None:
        """Ask one peer everything. One that our operator has not confirmed, or wants nothing of, is not called."""
        if peer.state not in {"invited", "trusted"}:
            return
        try:
            peer = await self._hear(peer)
            await self._joining.tell(peer)
            if self._directory.get(peer.id).state == "trusted":
                await self._measure(peer)
        except TwinlakeError as error:
            self._log.warning("a peer could not be visited", peer=peer.id, reason=error.message)

    async def _hear(self, peer: Peer) -> Peer:
        try:
            heard = await hear_descriptor(self._client, peer, clock=self._clock)
        except DescriptorRefusedError as error:
            await self._directory.note_refusal(peer.id, error)
            raise
        return await self._directory.note_heard(peer.id, heard)

    async def _measure(self, peer: Peer) -> None:
        token = await self._tokens.token_for(ANONYMOUS, peer)
        round_trip = await self._time(peer, token, 0)
        whole = await self._time(peer, token, PROBE_BYTES)
        # A way so short that both take as long by chance: then half of the time is taken to be the bytes'.
        moving = max(whole - round_trip, whole / 2, _LEAST_SECONDS)
        await self._links.add(peer.id, round_trip_seconds=round_trip, bytes_per_second=PROBE_BYTES / moving)

    async def _time(self, peer: Peer, token: str, size_bytes: int) -> float:
        """Return the seconds in which *size_bytes* came."""
        budget = Budget(clock=self._clock, seconds=_PROBE_SECONDS, size_bytes=PROBE_BYTES + 1)
        question = PeerQuestion(path=f"{PROBE_PATH}/{size_bytes}", token=token)
        started = self._clock.monotonic()
        body = await self._client.ask(peer, question, budget=budget)
        if len(body) != size_bytes:
            raise PeerAnswerError(f"{peer.id} sent {len(body)} bytes where {size_bytes} were asked for.")
        return self._clock.monotonic() - started
