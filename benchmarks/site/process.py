"""A real ``twinlake serve`` to measure: its port, its token, its CPU and memory from /proc."""

import asyncio
import http.client
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import psutil

from twinlake.core.clock import SystemClock
from twinlake.core.randomness import SYSTEM_RANDOMNESS
from twinlake.site.layout import SiteFolder
from twinlake.site.setup import init_site


@dataclass(frozen=True, slots=True)
class BenchSite:
    """A serving site."""

    port: int
    token: str
    process: psutil.Process

    def post(self, path: str, document: Any) -> None:
        """Send a document as administrator; anything but success stops the benchmark."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port)
        headers = {"authorization": f"Bearer {self.token}", "content-type": "application/json"}
        connection.request("POST", path, orjson.dumps(document), headers)
        answer = connection.getresponse()
        text = answer.read()
        if answer.status >= 300:
            raise RuntimeError(f"{path}: {answer.status}: {text[:300]!r}")

    def cpu_seconds(self) -> float:
        """CPU time of the site and its children so far."""
        return sum(sum(each.cpu_times()[:2]) for each in (self.process, *self.process.children(recursive=True)))

    def private_bytes(self, *, without: str) -> int:
        """Proportional set size of the site, without what is mapped from files whose path contains *without*."""
        return sum(part.pss for part in self.process.memory_maps(grouped=True) if without not in part.path)


def new_site(directory: Path) -> SiteFolder:
    """Make a site that listens on a free port."""
    return asyncio.run(init_site(directory, site_id="bench", port=0, clock=SystemClock(), randomness=SYSTEM_RANDOMNESS))


@contextmanager
def serving(folder: SiteFolder, settings: Mapping[str, str] | None = None) -> Iterator[BenchSite]:
    """Serve while the block runs, with *settings* (``TWINLAKE_*``); yields once the site says that it is ready."""
    environment = {**os.environ, "TWINLAKE_LOGGING__LEVEL": "info", **(settings or {})}
    with (folder.path / "site.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "twinlake", "serve", "--config", str(folder.config)],
            stdout=subprocess.PIPE,
            stderr=log,
            env=environment,
        )
    assert process.stdout is not None
    line = process.stdout.readline().decode()
    if not line:
        raise RuntimeError(f"The site did not start: see {folder.path / 'site.log'}.")
    try:
        yield BenchSite(int(line.rsplit(":", 1)[1]), folder.admin_token.read_text().strip(), psutil.Process(process.pid))
    finally:
        process.terminate()
        process.wait()
