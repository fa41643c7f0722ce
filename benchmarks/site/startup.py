"""From ``twinlake serve`` to the first answer with many items; memory when idle; weight of the home page.

``python -m benchmarks.site.startup [--items N | --site FOLDER]``. The physical limit beside it: starting Python and importing
what a gateway needs.
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


def _get(site: BenchSite, path: str, accept: str) -> bytes:
    connection = http.client.HTTPConnection("127.0.0.1", site.port)
    connection.request("GET", path, headers={"accept": accept})
    answer = connection.getresponse()
    body = answer.read()
    if answer.status != 200:
        raise RuntimeError(f"{path}: {answer.status}")
    return body


def _measure(folder: SiteFolder) -> None:
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import twinlake.site.serve"], check=True)
    imports = time.perf_counter() - began
    began = time.perf_counter()
    with serving(folder) as site:
        found = orjson.loads(_get(site, "/stac/v2/search?limit=10", "application/json"))
        first = time.perf_counter() - began
        page = len(_get(site, "/", "text/html"))
        idle = site.private_bytes(without="site.db")
    print("| what | figure |\n|---|---|")
    print(f"| `serve` to the first search answered, {found['numberMatched']:,} items | {first:.2f} s |")
    print(f"| Python and imports alone | {imports:.2f} s (ratio {first / imports:.2f}) |")
    print(f"| idle memory (PSS) without the mapped database | {idle / 1e6:.0f} MB |")
    print(f"| home page (HTML) | {page / 1e3:.1f} kB |")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=1_000_000, help="to load into a new site first")
    parser.add_argument("--site", type=Path, help="a loaded site, such as that of the search benchmark; none is made then")
    arguments = parser.parse_args()
    if arguments.site is not None:
        _measure(SiteFolder(arguments.site.resolve()))
        return
    with tempfile.TemporaryDirectory() as name:
        folder = new_site(Path(name) / "site")
        asyncio.run(_load(folder, arguments.items))
        _measure(folder)


if __name__ == "__main__":
    main()
