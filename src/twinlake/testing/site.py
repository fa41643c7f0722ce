"""A whole site for tests: the real command in a process of its own, or its services and application in this one."""

import asyncio
import json
import os
import signal
import subprocess
import sysconfig
from collections.abc import AsyncGenerator, Generator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx2
from starlette.types import ASGIApp

from twinlake.core.clock import Clock, SystemClock
from twinlake.core.documents import JsonObject
from twinlake.core.randomness import SYSTEM_RANDOMNESS
from twinlake.engines.database import SqliteDatabase
from twinlake.identity.actions import SCOPES
from twinlake.identity.grants import Grants
from twinlake.identity.keys.sealing import Sealer
from twinlake.identity.principals import Caller, Principal, site_issuer
from twinlake.identity.tokens import NewToken
from twinlake.site.app import build_app
from twinlake.site.build import open_services
from twinlake.site.layout import SiteFolder
from twinlake.site.schema import MIGRATIONS
from twinlake.site.services import Services
from twinlake.site.settings import SiteSettings
from twinlake.site.setup import init_site
from twinlake.testing.keys import open_ring

_PREFIX = "TWINLAKE_"
_READY = " is ready at "
_STOP_SECONDS = 30.0
_REQUEST_SECONDS = 30.0


def twinlake_command() -> str:
    """Return the path of the installed command."""
    return str(Path(sysconfig.get_path("scripts"), "twinlake"))


def site_environment(settings: Mapping[str, object]) -> dict[str, str]:
    """Return this process' environment with *settings* (dotted names) and no other setting of a site."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(_PREFIX)}
    for name, value in settings.items():
        variable = _PREFIX + name.upper().replace(".", "__")
        environment[variable] = value if isinstance(value, str) else json.dumps(value, default=str)
    return environment


def run_twinlake(
    *arguments: str | Path, settings: Mapping[str, object] | None = None, cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, whatever that is; return its exit code and what it said."""
    return subprocess.run(
        [twinlake_command(), *map(str, arguments)],
        check=False,
        capture_output=True,
        text=True,
        env=site_environment(settings or {}),
        cwd=cwd,
    )


class SiteStartError(RuntimeError):
    """`twinlake serve` ended instead of becoming ready; the text is what it said."""


class SiteProcess:
    """A site that `twinlake serve` runs in a process of its own, on a port that stays its own over restarts.

    Parameters
    ----------
    folder
        Of the site, which exists.
    settings
        By dotted name; they win over the site's file.
    before
        What the command is run under, such as ``strace``.
    """

    def __init__(self, folder: Path, *, settings: Mapping[str, object] | None = None, before: Sequence[str] = ()) -> None:
        self.folder = folder
        self.config = folder / "site.toml"
        self.url = ""
        self._settings = dict(settings or {})
        self._before = tuple(before)
        self._log = folder.with_name(f"{folder.name}.log")
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._process is not None:
            self.kill()

    @property
    def token(self) -> str:
        """The first administrator's token."""
        return (self.folder / "admin.token").read_text(encoding="ascii").strip()

    @property
    def process_id(self) -> int:
        """Of the running site."""
        return self._running().pid

    def start(self) -> None:
        """Start, and wait until the site says that it is ready.

        Raises
        ------
        SiteStartError
            It ended instead.
        """
        with self._log.open("ab") as log:
            process = subprocess.Popen(
                [*self._before, twinlake_command(), "serve", "--config", str(self.config)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env=site_environment(self._settings),
            )
        self._process = process
        assert process.stdout is not None
        said = process.stdout.readline()
        if _READY not in said:
            process.stdout.close()
            process.wait()
            self._process = None
            raise SiteStartError(said + self.raw_log())
        self.url = said.partition(_READY)[2].strip()
        self._settings["server.port"] = int(self.url.rpartition(":")[2])

    def stop(self) -> int:
        """Ask the site to end (SIGTERM); return its exit code."""
        return self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End the site at once (SIGKILL)."""
        self._end(signal.SIGKILL)

    def restart(self, *, before: Sequence[str] = ()) -> None:
        """Start a site that has ended again, at the same address and under *before*."""
        assert self._process is None, "the site still runs"
        self._before = tuple(before)
        self.start()

    def client(self, token: str | None = None, **options: Any) -> httpx2.Client:
        """Return a client of the site; without a token of the administrator."""
        headers = {"authorization": f"Bearer {token or self.token}"}
        return httpx2.Client(base_url=self.url, headers=headers, **{"timeout": _REQUEST_SECONDS, **options})

    def anonymous(self, **options: Any) -> httpx2.Client:
        """Return a client that is nobody."""
        return httpx2.Client(base_url=self.url, **{"timeout": _REQUEST_SECONDS, **options})

    def raw_log(self) -> str:
        """Return what the site has written to its standard error since the folder was made."""
        return self._log.read_text(encoding="utf-8")

    def log(self) -> list[JsonObject]:
        """Return the lines of the log; fails where one is no JSON."""
        return [json.loads(line) for line in self.raw_log().splitlines()]

    def _running(self) -> subprocess.Popen[str]:
        assert self._process is not None, "the site does not run"
        return self._process

    def _end(self, number: signal.Signals) -> int:
        process = self._running()
        process.send_signal(number)
        try:
            return process.wait(_STOP_SECONDS)
        finally:
            process.kill()
            process.wait()
            assert process.stdout is not None
            process.stdout.close()
            self._process = None


def make_site(folder: Path, *, site_id: str = "central") -> Path:
    """Make a site that takes any free port; return its folder."""
    asyncio.run(_make(folder, site_id=site_id, clock=SystemClock()))
    return folder


async def _make(folder: Path, *, site_id: str, clock: Clock) -> SiteFolder:
    """Make a site whose realms have the keys of others of this id, for its first start would take long to make them."""
    made = await init_site(folder, site_id=site_id, port=0, clock=SystemClock(), randomness=SYSTEM_RANDOMNESS)
    sealer = Sealer(made.derive_key("signing keys"), randomness=SYSTEM_RANDOMNESS)
    async with SqliteDatabase(made.database, migrations=MIGRATIONS) as database:
        await open_ring(database, clock, name=site_id, sealer=sealer)
    return made


@contextmanager
def site_process(
    directory: Path,
    *,
    site_id: str = "central",
    settings: Mapping[str, object] | None = None,
    before: Sequence[str] = (),
) -> Generator[SiteProcess]:
    """Make a site in a folder of *directory* and serve it until the block ends; parameters as `SiteProcess`."""
    with SiteProcess(make_site(directory / site_id, site_id=site_id), settings=settings, before=before) as site:
        yield site


@dataclass(frozen=True, slots=True)
class LocalSite:
    """A site in this process: the services, and the application as the public listener has it."""

    services: Services
    app: ASGIApp
    log_stream: BytesIO

    async def token(self, subject: str, *, roles: Iterable[str] = (), scopes: Iterable[str] = SCOPES) -> str:
        """Return a new token of *subject*, who is given *roles*."""
        issuer = site_issuer(self.services.settings.id)
        owner, by = Principal(issuer, subject), Caller(principal=Principal(issuer, "system"))
        await self.services.accounts.grants.put(owner, Grants(roles=frozenset(roles)), by=by)
        new = NewToken(owner=owner, name=subject, roles=frozenset(roles), scopes=frozenset(scopes))
        return (await self.services.tokens.create(new, by=by))[0]

    def client(self, token: str | None = None, **options: Any) -> httpx2.AsyncClient:
        """Return a client of the site that needs no port."""
        headers = {} if token is None else {"authorization": f"Bearer {token}"}
        transport = httpx2.ASGITransport(app=self.app, raise_app_exceptions=False)
        return httpx2.AsyncClient(
            transport=transport, base_url=self.services.settings.base_url, headers=headers, **{"timeout": None, **options}
        )

    def log(self) -> list[JsonObject]:
        """Return the lines of the log; fails where one is no JSON."""
        return [json.loads(line) for line in self.log_stream.getvalue().splitlines()]


@asynccontextmanager
async def local_site(
    directory: Path, *, site_id: str = "central", clock: Clock | None = None, settings: Mapping[str, object] | None = None
) -> AsyncGenerator[LocalSite]:
    """Make a site in a folder of *directory* and open it here, without a listener and without its loops.

    Parameters
    ----------
    settings
        Sections by name, as in ``site.toml``.
    """
    clock = clock or SystemClock()
    folder = await _make(directory / site_id, site_id=site_id, clock=clock)
    chosen = SiteSettings.model_validate({"id": site_id, **(settings or {})})
    log_stream = BytesIO()
    async with open_services(chosen, folder, clock=clock, log_stream=log_stream) as services:
        yield LocalSite(services, build_app(services), log_stream)
