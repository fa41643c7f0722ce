"""Durable inserts per second of the database engine, against what the disk's fdatasync allows.

Run: ``python benchmarks/inserts/engine.py [--dir FOLDER] [--seconds N]``. FOLDER lies on the disk to measure.

With one fdatasync per change and caller, 8 callers that never share one could not do more than 8 changes per 8
fdatasyncs in a row, that is 1/fdatasync; with group commit all 8 ride on one, that is 8/fdatasync: the bound.
"""

import argparse
import asyncio
import os
import statistics
import tempfile
import time
from pathlib import Path

from twinlake.core.clock import SystemClock
from twinlake.engines.database import SqliteDatabase
from twinlake.events.interfaces import NewEvent
from twinlake.events.log import EventLog
from twinlake.events.schema import MIGRATIONS

CALLERS = 8
BLOCK = bytes(4096 + 24)


def measure_fdatasync(folder: Path, seconds: float) -> list[float]:
    """Time appends of one write-ahead frame with fdatasync, in seconds each."""
    times = []
    descriptor = os.open(folder / "probe", os.O_CREAT | os.O_WRONLY)
    try:
        os.write(descriptor, BLOCK * 1000)
        os.lseek(descriptor, 0, os.SEEK_SET)
        os.fdatasync(descriptor)
        until = time.perf_counter() + seconds
        while time.perf_counter() < until:
            os.write(descriptor, BLOCK)
            started = time.perf_counter()
            os.fdatasync(descriptor)
            times.append(time.perf_counter() - started)
    finally:
        os.close(descriptor)
    return times


async def measure_inserts(folder: Path, seconds: float) -> tuple[float, float]:
    """Return changes per second of 8 concurrent callers, each an event of the log, and the CPU seconds of one."""
    log = EventLog(clock=SystemClock())
    done = 0

    async def call(database: SqliteDatabase, until: float) -> None:
        nonlocal done
        event = NewEvent(type="org.ogc.api.collection.item.create", subject="collections/c/items/i", domain="collection:c")
        while time.perf_counter() < until:
            await database.write(lambda tx: log.append(tx, [event]))
            done += 1

    async with SqliteDatabase(folder / "site.db", migrations=MIGRATIONS) as database:
        started, cpu = time.perf_counter(), time.process_time()
        await asyncio.gather(*(call(database, started + seconds) for _ in range(CALLERS)))
        return done / (time.perf_counter() - started), (time.process_time() - cpu) / done


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dir", type=Path, default=Path())
    parser.add_argument("--seconds", type=float, default=3.0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.dir) as name:
        folder = Path(name)
        before = measure_fdatasync(folder, arguments.seconds / 2)
        rate, cpu_seconds = asyncio.run(measure_inserts(folder, arguments.seconds))
        times = before + measure_fdatasync(folder, arguments.seconds / 2)
    mean = statistics.fmean(times)
    print("| what | figure |\n|---|---|")
    print(f"| durable changes, {CALLERS} callers, each an event | {rate:.0f} /s |")
    print(f"| CPU of one | {cpu_seconds * 1e6:.0f} µs |")
    print(f"| fdatasync of this disk, mean and median | {mean * 1e3:.3f} ms, {statistics.median(times) * 1e3:.3f} ms |")
    print(f"| ratio to {CALLERS}/fdatasync | {rate * mean / CALLERS:.3f} |")


if __name__ == "__main__":
    main()
