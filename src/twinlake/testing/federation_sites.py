"""Sites that trust each other, each in a process of its own, joined as operators join them."""

import socket
import time
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx2

from twinlake.core.documents import JsonObject
from twinlake.testing.site import SiteProcess, make_site

_WHOLE_SECONDS = 60.0
_LOOK_SECONDS = 0.2
ROLES: Mapping[str, str] = {"central": "central", "climate": "bridge", "extremes": "bridge"}


@contextmanager
def federated_sites(
    directory: Path,
    *,
    names: Sequence[str] = tuple(ROLES),
    asserted: Iterable[str] = ("DPAD_Direct_Access",),
    fill: Callable[[str, SiteProcess], None] | None = None,
    refresh_seconds: int = 1,
    settings: Mapping[str, object] | None = None,
) -> Generator[dict[str, SiteProcess]]:
    """Serve sites that are joined pairwise until the block ends.

    Parameters
    ----------
    asserted
        Roles that count everywhere.
    fill
        Takes data in at a site of a name before it is joined, so that peers hear of them at once; called in threads.
    refresh_seconds
        How often each hears its peers.
    settings
        Of every site, by dotted name.
    """
    ports = dict(zip(names, free_ports(len(names)), strict=True))
    with ExitStack() as stack:
        sites: dict[str, SiteProcess] = {}
        for name, port in ports.items():
            addresses = {other: f"http://127.0.0.1:{there}" for other, there in ports.items() if other != name}
            own = {
                **(settings or {}),
                "role": ROLES[name],
                "server.port": port,
                "federation.addresses": addresses,
                "federation.refresh_seconds": refresh_seconds,
            }
            folder = make_site(directory / name, site_id=name)
            sites[name] = stack.enter_context(SiteProcess(folder, settings=own))
        if fill is not None:
            with ThreadPoolExecutor() as pool:
                list(pool.map(fill, sites.keys(), sites.values()))
        pairs = [(one, other) for one in sites for other in sites if one < other]
        for one, other in pairs:
            join(sites[one], sites[other], asserted=asserted)
        yield sites


def join(one: SiteProcess, other: SiteProcess, *, asserted: Iterable[str] = ()) -> None:
    """Do what the operators of two sites do so that each trusts the other."""
    roles = {"roles": sorted(asserted)}
    with one.client() as here, other.client() as there:
        invite = _json(here.post("/api/federation/invites"))["invite"]
        inviting = _json(there.post("/api/federation/joins", json={"invite": invite}))["id"]
        joining = _json(there.get("/api/federation/peers"))["site"]
        _json(here.put(f"/api/federation/peers/{joining}/trust", json=roles))
        _json(there.put(f"/api/federation/peers/{inviting}/trust", json=roles))


def wait_until_whole(site: SiteProcess) -> None:
    """Wait until *site* has an answer of all sites again: a peer that failed is left alone for half a minute."""
    ends_at = time.monotonic() + _WHOLE_SECONDS
    with site.anonymous() as client:
        while "federation:missing" in client.post("/stac/v2/search", json={"limit": 1}).json():
            assert time.monotonic() < ends_at, "a site does not come back"
            time.sleep(_LOOK_SECONDS)


def _json(answer: httpx2.Response) -> JsonObject:
    assert answer.is_success, answer.text
    found: JsonObject = answer.json()
    return found


def free_ports(count: int) -> list[int]:
    """Return ports that are free now: sites must know each other's before they start."""
    with ExitStack() as stack:
        listeners = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [listener.getsockname()[1] for listener in listeners]
