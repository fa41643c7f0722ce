"""A network that delays, drops, doubles, cuts, slows, and peers that lie or crash: all by one source of chance."""

import asyncio
import random
from dataclasses import dataclass, field
from typing import Literal, get_args

import orjson

from twinlake.core.documents import JsonObject
from twinlake.core.errors import TwinlakeError
from twinlake.federation.errors import PeerUnreachableError
from twinlake.federation.search.answering import PeerAnswers
from twinlake.federation.search.interfaces import Budget
from twinlake.identity.principals import Caller
from twinlake.testing.federation.lies import LIES, MISSHAPEN, write_lie

Fault = Literal["drop", "slow", "cut", "lie", "crash", "double"]
FAULTS: tuple[Fault, ...] = get_args(Fault)
HARMLESS: frozenset[Fault] = frozenset({"double"})
"""What a site must bear without a loss."""
_LATENCY_SECONDS = (0.001, 0.4)


@dataclass(slots=True)
class Network:
    """Carries calls to the sites that have been added to it.

    Parameters
    ----------
    chance
        Of delays and faults.
    fault_rate
        Share of calls that go wrong, or are sent twice.
    """

    chance: random.Random
    fault_rate: float
    sites: dict[str, PeerAnswers] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    """What went wrong since it was last cleared, by site."""
    misshapen: dict[str, list[JsonObject]] = field(default_factory=dict)
    """Where that was an item that no site could hold: the item before and after."""
    down: set[str] = field(default_factory=set)
    """Sites that have crashed; one comes back with a later call."""

    async def call(self, peer: str, path: str, body: JsonObject, *, caller: Caller, budget: Budget) -> bytes:
        """Do what `PeerCalls` demands, unless chance has it otherwise."""
        fault = self._draw(peer)
        await asyncio.sleep(self.chance.uniform(*_LATENCY_SECONDS))
        if fault == "crash":
            raise PeerUnreachableError("The connection was refused.")
        if fault == "drop":
            await asyncio.sleep(budget.seconds * 1000)
        answer = await self._handle(peer, path, body, caller)
        if fault == "double":
            answer = await self._handle(peer, path, body, caller)
        if fault == "slow":
            await asyncio.sleep(budget.seconds + self.chance.uniform(0.1, 10))
        await asyncio.sleep(self.chance.uniform(*_LATENCY_SECONDS))
        if fault == "cut":
            return answer[: self.chance.randrange(len(answer))]
        if fault == "lie":
            name, lie = self.chance.choice(LIES)
            lying = lie(orjson.loads(answer), body, self.chance)
            if lying is None:  # there is nothing to lie about so
                del self.failed[peer]
                return answer
            self.failed[peer] = f"lie: {name}"
            if name in MISSHAPEN:
                self.misshapen[peer] = _differing(orjson.loads(answer), lying)
            return write_lie(lying)
        return answer

    def forget(self) -> None:
        """Begin to note anew what goes wrong."""
        self.failed.clear()
        self.misshapen.clear()

    def _draw(self, peer: str) -> Fault | None:
        if peer in self.down:
            if self.chance.random() < 0.5:
                self.failed[peer] = "crash"
                return "crash"
            self.down.discard(peer)
        if self.chance.random() >= self.fault_rate:
            return None
        fault = self.chance.choice(FAULTS)
        if fault not in HARMLESS:
            self.failed[peer] = fault
        if fault == "crash":
            self.down.add(peer)
        return fault

    async def _handle(self, peer: str, path: str, body: JsonObject, caller: Caller) -> bytes:
        site = self.sites[peer]
        handlers = {"/federation/search": site.search, "/federation/aggregate": site.aggregate}
        try:
            return await handlers[path](orjson.dumps(body), caller)
        except TwinlakeError as error:
            raise PeerUnreachableError(f"It answered {error.status}: {error.message}") from error


def _differing(answer: JsonObject, lying: JsonObject) -> list[JsonObject]:
    pairs = zip(answer["features"], lying["features"], strict=True)
    return [feature for pair in pairs if pair[0] != pair[1] for feature in pair]
