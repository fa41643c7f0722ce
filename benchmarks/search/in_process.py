"""Search without HTTP: CPU milliseconds per query of each kind, on the site's own database.

``python -m benchmarks.search.in_process --items 100000 --queries 200``; keeps the loaded database under ``--dir``.
"""

import argparse
import asyncio
import statistics
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson
import shapely

from benchmarks.search.questions import KINDS, Body, questions
from twinlake.core.clock import SystemClock
from twinlake.engines.database import SqliteDatabase
from twinlake.events import schema as events_schema
from twinlake.events.log import EventLog
from twinlake.holdings.catalogue import schema
from twinlake.holdings.catalogue.interfaces import ItemQuery, ItemText, SortKey, Visibility
from twinlake.holdings.catalogue.preparing_process import PreparingProcesses
from twinlake.holdings.catalogue.store import SqlCatalogue
from twinlake.standards import cql2
from twinlake.standards.rfc3339 import parse_instant
from twinlake.testing.generated_items import COLLECTIONS, generated_collection, generated_items

SEEN = Visibility(collections=frozenset(COLLECTIONS))


@asynccontextmanager
async def open_catalogue(path: Path, items: int, *, first: int = 0) -> AsyncGenerator[SqlCatalogue]:
    """Open a catalogue of *items* generated items from number *first*, loading it the first time."""
    is_new = await asyncio.to_thread(lambda: not path.exists())
    log = EventLog(clock=SystemClock())
    async with (
        SqliteDatabase(
            path,
            migrations=(*events_schema.MIGRATIONS, *schema.MIGRATIONS),
            prepare=(*cql2.PREPARE, *schema.PREPARE),
        ) as database,
        PreparingProcesses() as processes,
    ):
        catalogue = SqlCatalogue(
            database=database,
            processes=processes,
            events=log,
            clock=SystemClock(),
            site_id="bench",
            public_url="http://127.0.0.1:8700",
        )
        if is_new:
            await load(catalogue, items, first)
        yield catalogue


async def load(catalogue: SqlCatalogue, items: int, begin: int) -> None:
    """Load and print the speed; making the documents is not counted."""
    for collection in COLLECTIONS:
        await catalogue.put_collection(generated_collection(collection))
    seconds = 0.0
    for first in range(0, items, 20_000):
        texts = [ItemText(orjson.dumps(item)) for item in generated_items(min(20_000, items - first), first=begin + first)]
        started = time.perf_counter()
        report = await catalogue.load_items(texts)
        seconds += time.perf_counter() - started
        assert report.created == len(texts)
    print(f"load: {items / seconds:.0f} items/s")


def to_query(body: Body) -> ItemQuery:
    """Read a search body (the benchmark's own are right)."""
    members: dict[str, Any] = {}
    for name in ("collections", "ids", "bbox"):
        if name in body:
            members[name] = tuple(body[name])
    if "datetime" in body:
        members["start"], members["end"] = map(parse_instant, body["datetime"].split("/"))
    if "intersects" in body:
        members["intersects"] = shapely.from_geojson(orjson.dumps(body["intersects"]))
    if "filter" in body:
        members["filter"] = cql2.check_json(body["filter"])
    if "sortby" in body:
        members["sortby"] = tuple(SortKey(key["field"], key["direction"] == "desc") for key in body["sortby"])
    return ItemQuery(limit=body.get("limit", 10), **members)


async def ask(catalogue: SqlCatalogue, body: Body) -> int:
    """Ask one query; return the number of items."""
    if "item" in body:
        await catalogue.get_item(*body["item"], SEEN)
        return 1
    page = await catalogue.search(to_query(body), SEEN, deadline_seconds=30)
    return len(page.bodies)


async def with_key(catalogue: SqlCatalogue, body: Body) -> ItemQuery:
    """Return the query of page *page_number*, which stands for the token of the page before."""
    query = to_query(body)
    skipped = await catalogue.search(
        ItemQuery(collections=query.collections, limit=(body["page_number"] - 1) * query.limit), SEEN, deadline_seconds=60
    )
    return ItemQuery(collections=query.collections, limit=query.limit, after=skipped.after)


async def measure(catalogue: SqlCatalogue, kind: str, queries: int, items: int) -> None:
    """Print the CPU of a kind: every query once to warm, then once measured."""
    bodies = questions(kind, queries, items)
    if "page_number" in bodies[0]:
        deep = [await with_key(catalogue, body) for body in bodies[:20]]

        async def run() -> list[int]:
            return [len((await catalogue.search(query, SEEN, deadline_seconds=30)).bodies) for query in deep]
    else:

        async def run() -> list[int]:
            return [await ask(catalogue, body) for body in bodies]

    await run()
    times = []
    for _ in range(3):
        started = time.process_time()
        found = await run()
        times.append((time.process_time() - started) / len(found) * 1000)
    print(f"{kind:<42} {min(times):8.3f} ms CPU   {statistics.mean(found):6.1f} items")


async def measure_all(path: Path, items: int, queries: int, only: str) -> None:
    """Measure every kind whose name contains *only*."""
    async with open_catalogue(path, items) as catalogue:
        for kind in KINDS:
            if only in kind:
                await measure(catalogue, kind, queries, items)


def main() -> None:
    """Read the options and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--dir", type=Path, default=Path("build/benchmarks"))
    parser.add_argument("--kind", default="", help="only kinds whose name contains this")
    options = parser.parse_args()
    options.dir.mkdir(parents=True, exist_ok=True)
    path = options.dir / f"catalogue-{options.items}.db"
    asyncio.run(measure_all(path, options.items, options.queries, options.kind))


if __name__ == "__main__":
    main()
