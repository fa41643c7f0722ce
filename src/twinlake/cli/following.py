"""Following a job until it ends."""

import time
from collections.abc import Iterator
from urllib.parse import quote

import orjson

from twinlake.cli.client import SiteClient, SiteUnreachableError
from twinlake.core.documents import JsonObject

_FINAL = frozenset({"successful", "failed", "dismissed"})
_TRIES = 30
_SECONDS_BETWEEN_TRIES = 2.0


def follow_job(site: SiteClient, job: str) -> Iterator[JsonObject]:
    """Yield the states of a job until it has ended; a site that restarts meanwhile is waited for.

    Raises
    ------
    SiteUnreachableError
        The site did not come back.
    """
    address = f"/jobs/{quote(job, safe='')}"
    tries = 0
    while True:
        try:
            for state in _read_events(site, f"{address}/events"):
                tries = 0
                yield state
                if state["status"] in _FINAL:
                    return
        except SiteUnreachableError:
            tries += 1
            if tries == _TRIES:
                raise
            time.sleep(_SECONDS_BETWEEN_TRIES)


def _read_events(site: SiteClient, address: str) -> Iterator[JsonObject]:
    with site.stream("GET", address, timeout=60.0) as response:
        for line in response.iter_lines():
            if line.startswith("data: "):
                state: JsonObject = orjson.loads(line.removeprefix("data: "))
                yield state
