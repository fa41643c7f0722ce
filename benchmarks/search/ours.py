"""Ours: a site made, loaded and served as an operator would."""

import asyncio
import sys
import time
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from pathlib import Path

from benchmarks.search.processes import free_port, running, wait_for
from twinlake.core.clock import SystemClock
from twinlake.core.documents import JsonObject
from twinlake.core.randomness import SYSTEM_RANDOMNESS
from twinlake.engines.database import SqliteDatabase
from twinlake.events.log import EventLog
from twinlake.holdings.catalogue.interfaces import ItemText
from twinlake.holdings.catalogue.preparing_process import PreparingProcesses
from twinlake.holdings.catalogue.store import SqlCatalogue
from twinlake.site.layout import SiteFolder
from twinlake.site.schema import MIGRATIONS
from twinlake.site.setup import init_site
from twinlake.site.storage import PREPARE


def make_site(folder: Path) -> tuple[SiteFolder, int]:
    """Make a site that listens on a free port."""
    port = free_port()
    made = asyncio.run(init_site(folder, site_id="bench", port=port, clock=SystemClock(), randomness=SYSTEM_RANDOMNESS))
    return made, port


def load(site: SiteFolder, url: str, collections: Iterable[JsonObject], lines: Iterable[bytes]) -> float:
    """Load everything into a stopped site; return the wall seconds that the items took, parsing and checking included."""

    async def run() -> float:
        site.database.parent.mkdir(parents=True, exist_ok=True)
        async with (
            SqliteDatabase(site.database, migrations=MIGRATIONS, prepare=PREPARE) as database,
            PreparingProcesses() as processes,
        ):
            events, clock = EventLog(clock=SystemClock()), SystemClock()
            catalogue = SqlCatalogue(
                database=database, events=events, clock=clock, processes=processes, site_id="bench", public_url=url
            )
            for collection in collections:
                await catalogue.put_collection(collection)
            started = time.perf_counter()
            report = await catalogue.load_items(map(ItemText, lines))
            seconds = time.perf_counter() - started
            if report.refused:
                raise RuntimeError(f"refused: {report.refused[0]}")
            return seconds

    return asyncio.run(run())


@contextmanager
def serve(site: SiteFolder, port: int) -> Generator[tuple[str, list[int]]]:
    """Serve the site; yield the address of its STAC API and the processes to measure."""
    command = [str(Path(sys.executable).with_name("twinlake")), "serve", "--config", str(site.config)]
    with running(command, log=site.path / "serve.log") as process:
        url = f"http://127.0.0.1:{port}/stac/v2"
        wait_for(url)
        yield url, [process]
