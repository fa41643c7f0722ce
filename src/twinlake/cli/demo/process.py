"""The demonstration's sites: three folders, stores and key sets, and a `twinlake serve` in a process of its own for each."""

import asyncio
import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from twinlake.cli.demo.narrator import StepFailedError
from twinlake.core.clock import SystemClock
from twinlake.core.errors import ConflictError
from twinlake.core.randomness import SYSTEM_RANDOMNESS
from twinlake.identity.issuer.accounts import DEFAULT_ROLES, NewAccount
from twinlake.site.account_administration import open_accounts
from twinlake.site.layout import SiteFolder, write_secret
from twinlake.site.setup import init_site

_MARK = ".twinlake-demo"
_STOP_SECONDS = 20.0
_SITES = (
    ("central", "central", "Central site", "Darmstadt"),
    ("climate", "bridge", "Bridge of the climate twin", "Kajaani"),
    ("extremes", "bridge", "Bridge of the extremes twin", "Bologna"),
)
_ACCOUNTS = {"researcher": DEFAULT_ROLES | {"DPAD_Direct_Access"}, "operator": DEFAULT_ROLES | {"operator"}}


@dataclass(slots=True)
class DemoSite:
    """A site of the demonstration, which runs between `start` and `stop`."""

    id: str
    title: str
    url: str
    folder: SiteFolder
    _process: "subprocess.Popen[bytes] | None" = field(default=None, init=False)

    @property
    def log(self) -> Path:
        """Where it writes what goes on."""
        return self.folder.path / "site.log"

    def start(self) -> None:
        """Serve the site.

        Raises
        ------
        StepFailedError
            It did not start; the message holds the end of its log.
        """
        with self.log.open("ab") as stream:
            command = [sys.executable, "-m", "twinlake", "serve", "--config", str(self.folder.config)]
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=stream)

    def wait_until_ready(self) -> None:
        """Wait for the line that says so; raises as `start`."""
        process = self._running()
        assert process.stdout is not None  # a pipe was asked for
        if not process.stdout.readline():
            raise StepFailedError(f"The site {self.id} did not start:\n{_tail(self.log)}")

    def wait(self) -> None:
        """Wait for its end."""
        self._running().wait()

    def kill(self) -> None:
        """End it at once, as a power cut would."""
        process = self._running()
        process.kill()
        process.wait()
        self._process = None

    def stop(self) -> None:
        """End it, if it runs."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _running(self) -> "subprocess.Popen[bytes]":
        assert self._process is not None, f"{self.id} does not run"
        return self._process


def make_sites(directory: Path, *, port: int) -> list[DemoSite]:
    """Make new sites in folders of *directory*, in place of those that an earlier demonstration made there, and accounts.

    The first site has *port*, the others the ports after it. Accounts and passwords are in ``accounts.json``.

    Raises
    ------
    ConflictError
        There is something in the folder that no demonstration made.
    """
    mark = directory / _MARK
    if directory.exists() and any(directory.iterdir()) and not mark.exists():
        raise ConflictError(f"{directory} is not empty, and no demonstration made it.", remedy="Choose another folder: DIR=...")
    directory.mkdir(parents=True, exist_ok=True)
    mark.touch()
    urls = {site_id: f"http://127.0.0.1:{port + number}" for number, (site_id, *_) in enumerate(_SITES)}
    sites = []
    for number, (site_id, role, title, place) in enumerate(_SITES):
        shutil.rmtree(directory / site_id, ignore_errors=True)
        chosen = {
            "role": role,
            "title": title,
            "federation.operator": "Twinlake demonstration",
            "federation.place": place,
            "federation.addresses": {other: url for other, url in urls.items() if other != site_id},
            "federation.refresh_seconds": 2,
        }
        folder = asyncio.run(
            init_site(
                directory / site_id,
                site_id=site_id,
                port=port + number,
                clock=SystemClock(),
                randomness=SYSTEM_RANDOMNESS,
                chosen=chosen,
            )
        )
        sites.append(DemoSite(site_id, title, urls[site_id], folder))
    _make_accounts(sites[0].folder, directory / "accounts.json")
    return sites


def start_together(sites: Sequence[DemoSite]) -> None:
    """Start all sites and wait until each is ready."""
    for site in sites:
        site.start()
    for site in sites:
        site.wait_until_ready()


def _make_accounts(folder: SiteFolder, file: Path) -> None:
    async def make() -> dict[str, str]:
        async with open_accounts(folder.config) as accounts:
            new = [NewAccount(username=name, roles=roles) for name, roles in _ACCOUNTS.items()]
            return {each.username: (await accounts.add(each))[1] for each in new}

    passwords = asyncio.run(make())
    file.unlink(missing_ok=True)
    write_secret(file, json.dumps(passwords, indent=2).encode() + b"\n")


def _tail(log: Path) -> str:
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-5:])
