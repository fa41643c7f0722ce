"""CPU per GiB of our servers' process trees against nginx alone, the same file, the same run.

``python -m benchmarks.delivery [--quick]``: a real ``twinlake serve`` (authorisation, log, metrics and ledger on), the
same behind nginx by X-Accel-Redirect, and nginx alone with its access log; 1 and 20 readers; ranges of 8 MiB and of
32 MiB (those of `twinlake get`).
The three take turns, so that what else the machine does meets all of them; the figures are medians of the turns.
"""

import argparse
import asyncio
import shutil
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from benchmarks.delivery.reader import read_file
from benchmarks.search.processes import cpu_seconds, free_port, running, wait_for
from benchmarks.site.process import new_site, serving
from twinlake.access.delivery import write_nginx_conf
from twinlake.cli.part_file import SEGMENT_BYTES
from twinlake.core.randomness import SYSTEM_RANDOMNESS
from twinlake.engines.objectstore import StoredObject
from twinlake.holdings.catalogue.interfaces import ItemDraft, Managed
from twinlake.site.build import open_services
from twinlake.site.layout import SiteFolder
from twinlake.site.settings import SiteSettings
from twinlake.testing.delivery_site import new_collection, new_item

_MIB = 1 << 20
_GIB = 1 << 30
_RANGES = (8 * _MIB, SEGMENT_BYTES)
_DATA_PATH = "/data/bench/bench/big/data"


@dataclass(slots=True)
class Server:
    """One contender."""

    name: str
    port: int
    path: str
    roots: list[int]
    limit: float | None
    """Most CPU that it may take, as a multiple of nginx alone."""
    cpu: list[float] = field(default_factory=list)
    """CPU seconds of each turn."""
    seconds: list[float] = field(default_factory=list)


def _write_file(path: Path, size: int) -> None:
    block = SYSTEM_RANDOMNESS(_MIB)
    with path.open("wb") as file:
        for number in range(size // _MIB):
            file.write(number.to_bytes(8, "big") + block[8:])


async def _fill(folder: SiteFolder, source: Path) -> StoredObject:
    async with open_services(SiteSettings.read(folder.config), folder) as services:
        stored = await services.objects.put_file(source, take=True)
        await services.catalogue.put_collection(new_collection("bench"))
        document = new_item("big", "bench", {"data": {"href": "./big.bin", "type": "application/octet-stream"}})
        draft = ItemDraft(document=document, holdings={"data": Managed(stored.sha256, stored.size_bytes)})
        await services.catalogue.put_items([draft])
    return stored


def _write_nginx(directory: Path, name: str, block: str) -> list[str]:
    """Write a whole configuration of one worker and return the command that runs it."""
    home = directory / name
    home.mkdir()
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temporary = "".join(f"{kind}_temp_path {home}/{kind};\n" for kind in kinds)
    (home / "nginx.conf").write_text(
        f"user root;\ndaemon off;\nworker_processes 1;\npid {home}/pid;\nerror_log {home}/error.log;\n"
        f"events {{}}\nhttp {{\naccess_log {home}/access.log;\nsendfile on;\ntcp_nopush on;\n{temporary}{block}\n}}\n"
    )
    return [shutil.which("nginx") or "nginx", "-c", str(home / "nginx.conf"), "-p", str(home)]


def _measure(server: Server, *, size: int, length: int, readers: int) -> None:
    before, began = cpu_seconds(server.roots), time.perf_counter()
    read_file(("127.0.0.1", server.port), server.path, size=size, length=length, readers=readers)
    server.seconds.append(time.perf_counter() - began)
    server.cpu.append(cpu_seconds(server.roots) - before)


def _compare(servers: list[Server], *, size: int, length: int, readers: int, rounds: int) -> bool:
    for _ in range(rounds + 1):
        for server in servers:
            _measure(server, size=size, length=length, readers=readers)
    for server in servers:
        del server.cpu[:-rounds], server.seconds[:-rounds]  # the first turn was to warm up
    alone = servers[-1]
    is_met = True
    for server in servers:
        per_gib = median(server.cpu) / size * _GIB
        ratio = median(server.cpu) / median(alone.cpu)
        speed = size / _MIB / median(server.seconds)
        aim = "" if server.limit is None else f"{server.limit}"
        is_met &= server.limit is None or ratio <= server.limit
        print(
            f"| {readers} | {length // _MIB} MiB | {server.name} | {per_gib:.3f} | {ratio:.2f} | {aim} | {speed:.0f} |",
            flush=True,
        )
    return is_met


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.delivery", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="256 MiB, seven turns")
    arguments = parser.parse_args()
    size, rounds = (256 * _MIB, 7) if arguments.quick else (_GIB, 9)
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        folder = new_site(directory / "site")
        _write_file(directory / "big.bin", size)
        stored = asyncio.run(_fill(folder, directory / "big.bin"))
        print("| readers | range | server | CPU s/GiB | times nginx | at most | MiB/s |")
        print("|---|---|---|---|---|---|---|")
        is_met = _run(directory, folder, stored, rounds)
    print(f"\nGoals {'met' if is_met else 'NOT met'}.")


def _run(directory: Path, folder: SiteFolder, stored: StoredObject, rounds: int) -> bool:
    objects = folder.objects
    front, alone = free_port(), free_port()
    file = f"{objects}/{stored.sha256[:2]}/{stored.sha256}"
    static = f"server {{ listen 127.0.0.1:{alone}; location = /file {{ alias {file}; }} }}"
    with serving(folder, {"TWINLAKE_DELIVERY__MODE": "nginx", "TWINLAKE_SERVER__TRUSTED_PROXIES": '["127.0.0.1"]'}) as site:
        proxied = write_nginx_conf(listen=f"127.0.0.1:{front}", gateway=f"127.0.0.1:{site.port}", objects=objects)
        front_log, alone_log = directory / "front.log", directory / "alone.log"
        with (
            running(_write_nginx(directory, "front", proxied), log=front_log) as front_process,
            running(_write_nginx(directory, "alone", static), log=alone_log) as alone_process,
        ):
            wait_for(f"http://127.0.0.1:{front}/health")
            wait_for(f"http://127.0.0.1:{alone}/file")
            servers = [
                # Without nginx' header the gateway sends the bytes itself.
                Server("gateway, zero-copy", site.port, _DATA_PATH, [site.process.pid], 2.0),
                Server("gateway behind nginx", front, _DATA_PATH, [site.process.pid, front_process], 1.2),
                Server("nginx alone", alone, "/file", [alone_process], None),
            ]
            met = [
                _compare(servers, size=stored.size_bytes, length=length, readers=readers, rounds=rounds)
                for length in _RANGES
                for readers in (1, 20)
            ]
    return all(met)


if __name__ == "__main__":
    main()
