"""Durable inserts per second over HTTP from 8 clients, against what the disk's fdatasync allows.

``python -m benchmarks.inserts.http [--seconds N]``: a real ``twinlake serve`` on this disk; each client sends one STAC
item of about 5 kB after the other and waits for its 201. The bound is that of `benchmarks.inserts.engine`.
"""

import argparse
import http.client
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import orjson
from benchmarks.inserts.engine import CALLERS, measure_fdatasync
from benchmarks.site.process import BenchSite, new_site, serving

from twinlake.testing.generated_items import generated_collection, generated_items

_PROBE_SECONDS = 2.0


def _bodies(collection: str, client: int) -> Iterator[bytes]:
    for number, item in enumerate(generated_items(200)):
        item["collection"] = collection
        for copy in range(1000):
            item["id"] = f"{client}-{number}-{copy}"
            yield orjson.dumps(item)


def _insert(site: BenchSite, collection: str, client: int, until: float, counts: list[int]) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", site.port)
    headers = {"authorization": f"Bearer {site.token}", "content-type": "application/json"}
    for body in _bodies(collection, client):
        if time.perf_counter() > until:
            break
        connection.request("POST", f"/stac/v2/collections/{collection}/items", body, headers)
        answer = connection.getresponse()
        text = answer.read()
        if answer.status != 201:
            raise RuntimeError(f"{answer.status}: {text[:300]!r}")
        counts[client] += 1


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--dir", type=Path, default=None)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.dir) as name:
        folder = new_site(Path(name) / "site")
        with serving(folder) as site:
            collection = generated_collection("inserts")
            site.post("/stac/v2/collections", collection)
            counts = [0] * CALLERS
            before = site.cpu_seconds()
            began = time.perf_counter()
            threads = [
                threading.Thread(target=_insert, args=(site, "inserts", client, began + arguments.seconds, counts))
                for client in range(CALLERS)
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            seconds = time.perf_counter() - began
            used = site.cpu_seconds() - before
        sync = statistics.median(measure_fdatasync(Path(name), _PROBE_SECONDS))
    rate = sum(counts) / seconds
    print("| what | figure |\n|---|---|")
    print(f"| durable inserts over HTTP, {CALLERS} clients | {rate:.0f} items/s |")
    print(f"| CPU of the site | {used / sum(counts) * 1e3:.2f} ms per item |")
    print(f"| median fdatasync of this disk | {sync * 1e3:.2f} ms |")
    print(f"| ratio to {CALLERS}/fdatasync | {rate * sync / CALLERS:.3f} |")


if __name__ == "__main__":
    main()
