"""Search and bulk load, ours against stac-fastapi-pgstac, in one run on one machine: ratios of CPU and of items per second.

``python -m benchmarks.search --items 100000``. CPU is that of the server's whole process tree, database included.
Both are asked each kind by turns, so that a change of the machine's mood meets both; the figures are medians of the turns.
"""

import argparse
import json
import math
import shutil
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from statistics import median

import orjson

from benchmarks.search import ours
from benchmarks.search.client import StacClient
from benchmarks.search.pgstac import is_possible, open_peer
from benchmarks.search.processes import cpu_seconds
from benchmarks.search.questions import KINDS, Body, questions
from twinlake.testing.generated_items import COLLECTIONS, generated_collection, generated_items

_TURNS = 5
_TURN_SECONDS = 0.5
_DEEP_LISTINGS = 4


@dataclass
class Contender:
    """One server, asked one kind."""

    client: StacClient
    roots: Sequence[int]
    bodies: Sequence[Body]
    cpu_ms: list[float] = field(default_factory=list)
    per_second: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._round = cycle(self.bodies)

    def warm_up(self) -> float:
        """Ask every body once; return the items per query."""
        self.client.reconnect()
        return sum(self.client.ask(body) for body in self.bodies) / len(self.bodies)

    def take_turn(self) -> None:
        """Ask one body after the other for a while, from where the turn before left off; all turns together ask each."""
        self.client.reconnect()
        asked = 0
        spent, started = cpu_seconds(self.roots), time.perf_counter()
        while time.perf_counter() - started < _TURN_SECONDS or asked * _TURNS < len(self.bodies):
            self.client.ask(next(self._round))
            asked += 1
        self.per_second.append(asked / (time.perf_counter() - started))
        self.cpu_ms.append((cpu_seconds(self.roots) - spent) / asked * 1000)


def bodies_for(client: StacClient, kind: str, queries: int, items: int) -> list[Body]:
    """Return the bodies of a kind; a deep page is reached by following `next` first."""
    bodies = questions(kind, queries, items)
    if "page_number" not in bodies[0]:
        return bodies
    client.reconnect()
    return [
        client.page({name: value for name, value in body.items() if name != "page_number"} | {"limit": 10}, 100)
        for body in bodies[:_DEEP_LISTINGS]
    ]


def compare(folder: Path, items: int, queries: int) -> dict[str, object]:
    """Load and ask both; return the figures."""
    shutil.rmtree(folder / "site", ignore_errors=True)
    collections = [generated_collection(name) for name in COLLECTIONS]
    site, port = ours.make_site(folder / "site")
    lines = folder / "items.ndjson"
    with lines.open("wb") as file:
        file.writelines(orjson.dumps(item) + b"\n" for item in generated_items(items))
    with lines.open("rb") as file:
        our_seconds = ours.load(site, f"http://127.0.0.1:{port}", collections, file)
    with ExitStack() as stack:
        peer = stack.enter_context(open_peer(folder / "peer"))
        peer_seconds = peer.load(collections, lines)
        print(
            f"{items} items. Bulk load, checked, indexes live: {items / our_seconds:.0f} items/s; "
            f"`pypgstac load` {items / peer_seconds:.0f}: ratio {peer_seconds / our_seconds:.2f}.\n",
            flush=True,
        )
        our_url, our_roots = stack.enter_context(ours.serve(site, port))
        peer_url, peer_roots = stack.enter_context(peer.serve())
        kinds = ask_both((our_url, our_roots), (peer_url, peer_roots), items, queries)
    lines.unlink()
    ratios = [float(kind["ratio"]) for kind in kinds.values()]
    mean = math.exp(sum(map(math.log, ratios)) / len(ratios))
    print(f"\nGeometric mean of the CPU ratios: {mean:.1f}, least {min(ratios):.1f}.")
    return {
        "items": items,
        "load": {"ours": items / our_seconds, "pgstac": items / peer_seconds, "ratio": peer_seconds / our_seconds},
        "kinds": kinds,
        "geometric_mean": mean,
    }


def ask_both(
    ours_at: tuple[str, list[int]], peer_at: tuple[str, list[int]], items: int, queries: int
) -> dict[str, dict[str, float]]:
    """Ask every kind at both; print and return the figures."""
    found: dict[str, dict[str, float]] = {}
    clients = StacClient(ours_at[0]), StacClient(peer_at[0])
    print("| kind | ours: CPU ms | req/s | pgstac: CPU ms | req/s | CPU ratio |\n|---|--:|--:|--:|--:|--:|")
    for kind in KINDS:
        mine, theirs = both = [
            Contender(client, roots, bodies_for(client, kind, queries, items))
            for client, (_, roots) in zip(clients, (ours_at, peer_at), strict=True)
        ]
        our_items, their_items = (each.warm_up() for each in both)
        if our_items != their_items:
            raise SystemExit(f"{kind}: the answers differ, {our_items} and {their_items} items per query")
        for _ in range(_TURNS):
            for each in both:
                each.take_turn()
        our_ms, their_ms = (median(each.cpu_ms) for each in both)
        ratio = their_ms / our_ms
        found[kind] = {"ours_ms": our_ms, "pgstac_ms": their_ms, "ratio": ratio}
        print(
            f"| {kind} | {our_ms:.2f} | {median(mine.per_second):.0f} | {their_ms:.2f} | {median(theirs.per_second):.0f} "
            f"| {ratio:.1f} |",
            flush=True,
        )
    return found


def main() -> None:
    """Compare, and write the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--queries", type=int, default=100)
    parser.add_argument("--dir", type=Path, default=Path("build/benchmarks/search"))
    options = parser.parse_args()
    if not is_possible():
        raise SystemExit("needs root and the package postgresql-15-postgis-3")
    options.dir.mkdir(parents=True, exist_ok=True)
    found = compare(options.dir, options.items, options.queries)
    (options.dir / "search.json").write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
