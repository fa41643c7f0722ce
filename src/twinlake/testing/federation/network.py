"""A network that delays, drops, doubles, cuts, slows, and peers that lie or crash: all by one source of chance."""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import orjson

from twinlake.core.documents import JsonObject
from twinlake.core.errors import TwinlakeError
from twinlake.federation.search.answering import PeerAnswers
from twinlake.federation.search.errors import PeerCallError
from twinlake.federation.search.interfaces import Budget
from twinlake.identity.principals import Caller

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
    down: set[str] = field(default_factory=set)
    """Sites that have crashed; one comes back with a later call."""

    async def call(self, peer: str, path: str, body: JsonObject, *, caller: Caller, budget: Budget) -> bytes:
        """Do what `PeerCalls` demands, unless chance has it otherwise."""
        fault = self._draw(peer)
        await asyncio.sleep(self.chance.uniform(*_LATENCY_SECONDS))
        if fault == "crash":
            raise PeerCallError("The connection was refused.")
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
            return orjson.dumps(lying)
        return answer

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
            raise PeerCallError(f"It answered {error.status}: {error.message}") from error


Lie = Callable[[dict[str, Any], JsonObject, random.Random], dict[str, Any] | None]


def _twice(answer: dict[str, Any], _: JsonObject, chance: random.Random) -> dict[str, Any] | None:
    features = answer.get("features")
    return {**answer, "features": [*features, chance.choice(features)]} if features else None


def _out_of_order(answer: dict[str, Any], _: JsonObject, __: random.Random) -> dict[str, Any] | None:
    features = answer.get("features") or []
    return {**answer, "features": features[::-1]} if len(features) > 1 else None


def _wrong_count(answer: dict[str, Any], _: JsonObject, __: random.Random) -> dict[str, Any] | None:
    matched = answer.get("matched")
    return None if matched is None else {**answer, "matched": matched + 1} if not answer["more"] else {**answer, "matched": 0}


def _endless(answer: dict[str, Any], _: JsonObject, __: random.Random) -> dict[str, Any] | None:
    return {**answer, "features": [], "more": True} if "features" in answer else None


def _foreign(answer: dict[str, Any], body: JsonObject, _: random.Random) -> dict[str, Any] | None:
    features = answer.get("features")
    if not features or body["query"]["collections"] is None:
        return None
    return {**answer, "features": [{**features[0], "collection": "nobody's"}, *features[1:]]}


def _old(answer: dict[str, Any], body: JsonObject, _: random.Random) -> dict[str, Any] | None:
    """Send the item of the key itself once more; in the one order in which its key tells all of its values."""
    features, query = answer.get("features"), body["query"]
    if not features or query["after"] is None or query["sortby"] != [["id", True]]:
        return None
    return {**answer, "features": [{**features[0], "id": query["after"][0], "collection": query["after"][1]}, *features[1:]]}


def _nameless(answer: dict[str, Any], _: JsonObject, __: random.Random) -> dict[str, Any] | None:
    features = answer.get("features")
    return {**answer, "features": [{**features[0], "id": 7}, *features[1:]]} if features else None


LIES: tuple[tuple[str, Lie], ...] = (
    ("twice", _twice),
    ("out of order", _out_of_order),
    ("wrong count", _wrong_count),
    ("endless", _endless),
    ("foreign collection", _foreign),
    ("sent before", _old),
    ("no item", _nameless),
)
"""Each makes another answer of a true one, or None where it cannot."""
