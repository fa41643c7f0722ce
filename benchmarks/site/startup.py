"""From ``twinlake serve`` to the first answer with many items; memory when idle; weight of the home page.

``python -m benchmarks.site.startup [--items N]``. The physical limit beside it: starting Python and importing what a
gateway needs.
"""

import argparse
import asyncio
import http.client
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import orjson
from benchmarks.site.process import BenchSite, new_site, serving

from twinlake.holdings.catalogue.interfaces import ItemText
from twinlake.site.build import open_services
from twinlake.site.layout import SiteFolder
from twinlake.site.settings import SiteSettings
from twinlake.testing.generated_items import COLLECTIONS, generated_collection, generated_items


async def _load(folder: SiteFolder, items: int) -> None:
    async with open_services(SiteSettings.read(folder.config), folder) as services:
        for name in COLLECTIONS:
            await services.catalogue.put_collection(generated_collection(name))
        await services.catalogue.load_items(ItemText(orjson.dumps(item)) for item in generated_items(items))


def _get(site: BenchSite, path: str, accept: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", site.port)
    connection.request("GET", path, headers={"accept": accept})
    answer = connection.getresponse()
    size = len(answer.read())
    if answer.status != 200:
        raise RuntimeError(f"{path}: {answer.status}")
    return size


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=1_000_000)
    parser.add_argument("--dir", type=Path, default=None)
    arguments = parser.parse_args()
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import twinlake.site.serve"], check=True)
    imports = time.perf_counter() - began
    with tempfile.TemporaryDirectory(dir=arguments.dir) as name:
        folder = new_site(Path(name) / "site")
        asyncio.run(_load(folder, arguments.items))
        began = time.perf_counter()
        with serving(folder) as site:
            _get(site, "/stac/v2/search?limit=10", "application/json")
            first = time.perf_counter() - began
            page = _get(site, "/", "text/html")
            idle = site.private_bytes(without="site.db")
    print("| what | figure |\n|---|---|")
    print(f"| `serve` to the first search answered, {arguments.items:,} items | {first:.2f} s |")
    print(f"| Python and imports alone | {imports:.2f} s (ratio {first / imports:.2f}) |")
    print(f"| idle memory (PSS) without the mapped database | {idle / 1e6:.0f} MB |")
    print(f"| home page (HTML) | {page / 1e3:.1f} kB |")


if __name__ == "__main__":
    main()
