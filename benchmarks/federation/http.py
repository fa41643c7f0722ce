"""Federated search over three real sites: CPU of the site that is asked, and how long an answer takes.

``python -m benchmarks.federation.http --items 100000`` (per site). The limits beside it: the same search at that site alone, and
the slowest peer's own answer. One client, one connection, warm tokens.
"""

import argparse
import asyncio
import statistics
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import httpx2
import orjson
import psutil

from twinlake.holdings.catalogue.interfaces import ItemText
from twinlake.site.build import open_services
from twinlake.site.layout import SiteFolder
from twinlake.site.settings import SiteSettings
from twinlake.testing.federation_sites import federated_sites, wait_until_whole
from twinlake.testing.generated_items import COLLECTIONS, generated_collection, generated_items
from twinlake.testing.site import SiteProcess

_ROUNDS = 400
_WARM = 40
_REFRESH_SECONDS = 60
"""As sites do by default: what they hear of each other beside searches is no part of these."""
_KINDS: Mapping[str, dict[str, object]] = {
    "newest first, limit 10": {"limit": 10},
    "newest first in a year, limit 10": {"limit": 10, "datetime": "2020-01-01T00:00:00Z/2020-12-31T23:59:59Z"},
}


async def _load(site: SiteProcess, *, first: int, items: int) -> None:
    folder = SiteFolder.of(site.config)
    async with open_services(SiteSettings.read(site.config), folder) as services:
        for name in COLLECTIONS:
            await services.catalogue.put_collection(generated_collection(name))
        await services.catalogue.load_items(ItemText(orjson.dumps(item)) for item in generated_items(items, first=first))


def _measure(site: SiteProcess, body: Mapping[str, object]) -> tuple[float, float]:
    """Return CPU milliseconds of the site per search, and the median of milliseconds until it was answered."""
    process = psutil.Process(site.process_id)
    with httpx2.Client(base_url=site.url) as client:
        taken = []
        for number in range(_WARM + _ROUNDS):
            if number == _WARM:
                before = sum(process.cpu_times()[:2])
            began = time.perf_counter()
            answer = client.post("/stac/v2/search", json=body)
            taken.append(time.perf_counter() - began)
            if answer.json().get("federation:missing"):
                raise RuntimeError(f"Not all sites answered: {answer.text[-300:]}")
    used = sum(process.cpu_times()[:2]) - before
    return used / _ROUNDS * 1000, statistics.median(taken[_WARM:]) * 1000


def _report(sites: Mapping[str, SiteProcess]) -> None:
    print("| search | CPU at the site that is asked, alone | of all three | per remote (goal 0.8 ms) | ratio |", end="")
    print(" answered alone | slowest peer alone | of all three | beyond the slowest (goal 10 ms) |")
    print("|---|--:|--:|--:|--:|--:|--:|--:|--:|")
    central, *others = sites.values()
    for kind, body in _KINDS.items():
        here = body | {"federation:local": True}
        alone, answered = _measure(central, here)
        slowest = max(_measure(peer, here)[1] for peer in others)
        together, all_answered = _measure(central, body)
        per_remote = (together - alone) / len(others)
        print(f"| {kind} | {alone:.2f} ms | {together:.2f} ms | {per_remote:.2f} ms | {together / alone:.1f} |", end="")
        beyond = all_answered - max(slowest, answered)
        print(f" {answered:.1f} ms | {slowest:.1f} ms | {all_answered:.1f} ms | {beyond:.1f} ms |")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=100_000, help="of each site")
    items = parser.parse_args().items
    with tempfile.TemporaryDirectory() as name, federated_sites(Path(name), refresh_seconds=_REFRESH_SECONDS) as sites:
        for number, site in enumerate(sites.values()):
            site.stop()
            asyncio.run(_load(site, first=number * items, items=items))
            site.restart()
        wait_until_whole(sites["central"])
        _report(sites)


if __name__ == "__main__":
    main()
