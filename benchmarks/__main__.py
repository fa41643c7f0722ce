"""Run the benchmarks and write ``benchmarks/RESULTS.md``.

``python -m benchmarks [--quick] [NAME …]``; without names all. A section that is not run keeps what it says.
"""

import argparse
import os
import platform
import re
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

RESULTS = Path(__file__).with_name("RESULTS.md")
_HEAD = """\
# Results

Written by `make bench`. Ratios are of one run on one machine; the absolute figures are those of that machine, two shared
cores. CPU is that of the whole process tree, from /proc.
"""


@dataclass(frozen=True, slots=True)
class Benchmark:
    """One section of the results."""

    title: str
    module: str
    full: tuple[str, ...] = ()
    quick: tuple[str, ...] = ()


BENCHMARKS = {
    "search": Benchmark(
        "Search, against stac-fastapi-pgstac", "benchmarks.search", ("--items", "1000000"), ("--items", "100000")
    ),
    "federation": Benchmark("Federated search", "benchmarks.federation", (), ("--items", "20000")),
    "inserts": Benchmark("Durable inserts: the database", "benchmarks.inserts.engine", (), ("--seconds", "2")),
    "http-inserts": Benchmark("Durable inserts over HTTP", "benchmarks.inserts.http", (), ("--seconds", "4")),
    "delivery": Benchmark("Delivery of big files, against nginx", "benchmarks.delivery", (), ("--quick",)),
    "federation-http": Benchmark(
        "Federated search over three real sites", "benchmarks.federation.http", ("--items", "100000"), ("--items", "10000")
    ),
    "identity": Benchmark("Who asks, and whether they may", "benchmarks.identity.deciding", (), ("--rounds", "500")),
    "openeo": Benchmark("openEO near the data", "benchmarks.openeo", (), ("--size", "1024", "--days", "730")),
    "openeo-large": Benchmark("openEO in a budget of memory", "benchmarks.openeo.large", (), ("--size", "4096", "--dates", "12")),
    "openeo-growth": Benchmark("openEO: growth of cost", "benchmarks.openeo.growth", (), ("--doublings", "2")),
    "resampling": Benchmark("Pixels of another grid, against GDAL", "benchmarks.openeo.resampling", (), ("--size", "512")),
    "zones": Benchmark("Polygons over a whole tile, beside exactextract", "benchmarks.openeo.zones", (), ("--size", "2048")),
    "chunks": Benchmark("Chunks of Zarr arrays, beside zarr-python", "benchmarks.openeo.chunks", (), ("--days", "10")),
    "site": Benchmark(
        "Start and rest of a site", "benchmarks.site.startup", ("--site", "build/benchmarks/search/site"), ("--items", "100000")
    ),
}


def _read_sections() -> dict[str, str]:
    if not RESULTS.exists():
        return {}
    parts = re.split(r"^## ", RESULTS.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    return {part.partition("\n")[0]: part.partition("\n")[2].strip() for part in parts}


def _run(benchmark: Benchmark, *, quick: bool) -> str:
    arguments = benchmark.quick if quick else benchmark.full
    command = [sys.executable, "-m", benchmark.module, *arguments]
    print(f"== {benchmark.title}: {' '.join(command[1:])}", flush=True)
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    print(done.stdout, flush=True)
    when = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())
    machine = f"{os.cpu_count()} cores, Python {platform.python_version()}, Linux {platform.release().split('-')[0]}"
    return f"`{' '.join(('python', *command[1:]))}`, {when}, {machine}\n\n{done.stdout.strip()}"


def main() -> None:
    """Run what is asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*BENCHMARKS, []], help="which; default all")
    parser.add_argument("--quick", action="store_true", help="small sizes")
    arguments = parser.parse_args()
    sections = _read_sections()
    for name in arguments.names or BENCHMARKS:
        benchmark = BENCHMARKS[name]
        sections[benchmark.title] = _run(benchmark, quick=arguments.quick)
        ordered = [each.title for each in BENCHMARKS.values() if each.title in sections]
        RESULTS.write_text(_HEAD + "".join(f"\n## {title}\n{sections[title]}\n" for title in ordered), encoding="utf-8")


if __name__ == "__main__":
    main()
