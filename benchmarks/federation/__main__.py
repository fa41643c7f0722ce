"""Federated search over three sites, in process: CPU of the merging site against that of its own search alone.

``python -m benchmarks.federation --items 100000``. What the peers answer was recorded before, so that their CPU is not counted;
neither is that of HTTP. Then 50 sites, one of them slow, in simulated time.
"""

import argparse
import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from io import BytesIO
from pathlib import Path

import orjson

from benchmarks.search.in_process import SEEN, open_catalogue, to_query
from benchmarks.search.questions import questions
from twinlake.core.documents import JsonObject
from twinlake.core.paging import TokenSeal
from twinlake.engines.web.logs import new_logger
from twinlake.federation.search.answering import PeerAnswers
from twinlake.federation.search.hrefs import data_root
from twinlake.federation.search.interfaces import Budget, PeerSet
from twinlake.federation.search.service import FederatedSearch
from twinlake.federation.search.sources import LocalSource, PeerSource
from twinlake.federation.search.versions import Versions
from twinlake.holdings.catalogue.interfaces import ItemQuery, Visibility
from twinlake.identity.principals import ANONYMOUS, Caller
from twinlake.testing.federation.loop import run_simulated
from twinlake.testing.generated_items import COLLECTIONS, generated_item

_KINDS = ("newest first", "newest first, limit 100", "collection + bbox + 1 year", "CQL2 (cloud cover, platform) + 3 months")
_SITES = ("central", "climate", "extremes")
_BUDGET = Budget(seconds=2.0, size_bytes=64 << 20)
_TURNS = 7
_LOG = new_logger(BytesIO(), site="bench")
_MANY = 50


async def _sees(_: Caller) -> Visibility:
    return SEEN


async def _nothing() -> frozenset[str]:
    return frozenset()


@dataclass
class RecordedCalls:
    """Answers as the peer did when it was asked the same before."""

    answers: dict[str, PeerAnswers]
    recorded: dict[tuple[str, bytes], bytes] = field(default_factory=dict)

    async def call(self, peer: str, path: str, body: JsonObject, *, caller: Caller, budget: Budget) -> bytes:
        _ = path, budget
        message = orjson.dumps(body)
        if (peer, message) not in self.recorded:
            self.recorded[peer, message] = await self.answers[peer].search(message, caller)
        return self.recorded[peer, message]


@dataclass(frozen=True)
class FixedPeers:
    """The peers never change."""

    peers: PeerSet

    def current(self) -> PeerSet:
        return self.peers

    def judge(self, peer, *, believed):
        """Nobody is left alone here."""


def peer_source(name: str, calls: object) -> PeerSource:
    """Return a peer that lists all collections."""
    return PeerSource(
        peer=name,
        asker=_SITES[0],
        collections=frozenset(COLLECTIONS),
        calls=calls,  # type: ignore[arg-type]
        stac_root=f"https://{name}.example/stac/v2",
        own_stac_root="https://central.example/stac/v2",
        data_root=data_root(f"https://{name}.example", name),
        own_data_root=data_root("https://central.example", name),
    )


async def cpu_ms(ask: Callable[[ItemQuery], Awaitable[object]], queries: Sequence[ItemQuery]) -> float:
    """Return the CPU of one query: the least of several turns, after one that warms."""
    times = []
    for _ in range(_TURNS + 1):
        started = time.process_time()
        for query in queries:
            await ask(query)
        times.append((time.process_time() - started) / len(queries) * 1000)
    return min(times[1:])


async def measure(folder: Path, items: int, queries: int) -> None:
    """Print the CPU of each kind, alone and merged."""
    async with AsyncExitStack() as stack:
        local = {}
        answers = {}
        for number, name in enumerate(_SITES):
            path = folder / f"{name}-{items}.db"
            catalogue = await stack.enter_async_context(open_catalogue(path, items, first=number * items))
            local[name] = LocalSource(site_id=name, catalogue=catalogue, visibility_of=_sees)
            versions = Versions(catalogue=catalogue, visibility_of=_sees, budget=_BUDGET)
            answers[name] = PeerAnswers(
                local=local[name],
                versions=versions,
                budget=_BUDGET,
                closed=_nothing,
                data_root=data_root(f"https://{name}.example", name),
            )
        calls = RecordedCalls(answers)
        peers = FixedPeers(PeerSet(version="1", sources=tuple(peer_source(name, calls) for name in _SITES[1:])))
        own = local[_SITES[0]]
        federated = FederatedSearch(local=own, peers=peers, seal=TokenSeal(b"key"), own=_BUDGET, remote=_BUDGET, log=_LOG)
        print(f"3 sites of {items} items each, CPU ms per query of the site that is asked:\n")
        print("| kind | its own search | federated | per remote | ratio |\n|---|--:|--:|--:|--:|")
        for kind in _KINDS:
            asked = [to_query(body) for body in questions(kind, queries, items)]
            alone = await cpu_ms(lambda query: own.search(query, fields=None, caller=ANONYMOUS, budget=_BUDGET), asked)
            merged = await cpu_ms(lambda query: federated.search(ANONYMOUS, query), asked)
            remote = (merged - alone) / (len(_SITES) - 1)
            print(f"| {kind} | {alone:.2f} | {merged:.2f} | {remote:.2f} | {merged / alone:.1f} |", flush=True)


class UnevenCalls:
    """All peers answer the same ten items after 50 ms, the last one never."""

    def __init__(self) -> None:
        features = sorted((generated_item(number) for number in range(10)), key=lambda item: item["properties"]["datetime"])
        page = {"features": features[::-1], "more": False, "matched": len(features)}
        self._answer = orjson.dumps(page)

    async def call(self, peer: str, path: str, body: JsonObject, *, caller: Caller, budget: Budget) -> bytes:
        _ = path, body, caller
        await asyncio.sleep(0.05 if peer != f"peer-{_MANY - 1}" else budget.seconds * 1000)
        return self._answer


async def wait_for_many() -> None:
    """Print how long the site waits for 50 peers of which one is slow, and what merging them costs."""
    calls = UnevenCalls()
    sources = [peer_source(f"peer-{number}", calls) for number in range(_MANY)]
    peers = FixedPeers(PeerSet(version="1", sources=tuple(sources[1:])))
    federated = FederatedSearch(local=sources[0], peers=peers, seal=TokenSeal(b"key"), own=_BUDGET, remote=_BUDGET, log=_LOG)
    loop = asyncio.get_running_loop()
    started, cpu = loop.time(), time.process_time()
    page = await federated.search(ANONYMOUS, replace(ItemQuery(), limit=10))
    waited, spent = loop.time() - started, time.process_time() - cpu
    assert waited <= _BUDGET.seconds + 0.001
    assert list(page.completeness.missing) == [f"peer-{_MANY - 1}"]
    print(
        f"\n{_MANY} sites, one of them slow: {waited:.3f} s of simulated time at a budget of {_BUDGET.seconds:.1f} s, the slow "
        f"one named; CPU {spent * 1000:.1f} ms, {spent * 1000 / _MANY:.2f} ms per site."
    )


def main() -> None:
    """Read the options and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--queries", type=int, default=100)
    parser.add_argument("--dir", type=Path, default=Path("build/benchmarks/federation"))
    options = parser.parse_args()
    options.dir.mkdir(parents=True, exist_ok=True)
    asyncio.run(measure(options.dir, options.items, options.queries))
    run_simulated(wait_for_many())


if __name__ == "__main__":
    main()
