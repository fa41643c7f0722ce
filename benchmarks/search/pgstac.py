"""The peer: stac-fastapi-pgstac on PostgreSQL 15 with PostGIS, in a cluster and a virtual environment of its own."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.search.processes import free_port, running, wait_for
from twinlake.core.documents import JsonObject

_POSTGRES = Path("/usr/lib/postgresql/15/bin")
_POSTGIS = Path("/usr/share/postgresql/15/extension/postgis.control")
_ACCOUNT = "postgres"
_PACKAGES = ("stac-fastapi.pgstac", "pypgstac[psycopg]", "uvicorn")
_SETTINGS = {
    "shared_buffers": "2GB",
    "effective_cache_size": "8GB",
    "work_mem": "64MB",
    "maintenance_work_mem": "512MB",
    "random_page_cost": "1.1",
    "max_wal_size": "8GB",
    "jit": "off",
}
"""What pgstac's own documentation and common sense advise for a machine of this size."""


@dataclass(frozen=True, slots=True)
class Peer:
    """A running PostgreSQL with pgstac in it."""

    folder: Path
    port: int
    process: int

    @property
    def env(self) -> dict[str, str]:
        """Where it is, as libpq and stac-fastapi-pgstac want it."""
        return {
            "PGUSER": "pgstac_bench",
            "PGPASSWORD": "bench",
            "PGHOST": "127.0.0.1",
            "PGPORT": str(self.port),
            "PGDATABASE": "bench",
        }

    def _pypgstac(self, *arguments: str) -> None:
        subprocess.run(
            [self.folder / "venv/bin/pypgstac", *arguments], check=True, env={**os.environ, **self.env}, stdout=subprocess.DEVNULL
        )

    def load(self, collections: Iterable[JsonObject], items: Path) -> float:
        """Load everything; return the wall seconds that the items, a file of lines, took."""
        self._pypgstac("migrate")
        path = self.folder / "collections.ndjson"
        path.write_text("".join(json.dumps(collection) + "\n" for collection in collections))
        self._pypgstac("load", "collections", str(path), "--method", "upsert")
        started = time.perf_counter()
        self._pypgstac("load", "items", str(items), "--method", "insert")
        seconds = time.perf_counter() - started
        self.psql("analyze", "bench")
        return seconds

    def psql(self, statement: str, database: str = "postgres") -> None:
        """Run one statement as the cluster's owner."""
        command = [str(_POSTGRES / "psql"), "-q", "-h", "127.0.0.1", "-p", str(self.port), "-U", _ACCOUNT, "-d", database]
        subprocess.run([*command, "-c", statement], check=True, stdout=subprocess.DEVNULL)

    @contextmanager
    def serve(self) -> Generator[tuple[str, list[int]]]:
        """Serve the API with one worker; yield its address and the processes to measure."""
        port = free_port()
        command = [
            self.folder / "venv/bin/uvicorn",
            "stac_fastapi.pgstac.app:create_app",
            "--factory",
            "--port",
            str(port),
            "--log-level",
            "warning",
        ]
        with running([str(part) for part in command], env=self.env, log=self.folder / "api.log") as process:
            url = f"http://127.0.0.1:{port}"
            wait_for(f"{url}/_mgmt/ping")
            yield url, [process, self.process]


def is_possible() -> bool:
    """Tell whether PostgreSQL 15 with PostGIS is installed and can be run here."""
    return (_POSTGRES / "initdb").exists() and _POSTGIS.exists() and os.geteuid() == 0


@contextmanager
def open_peer(folder: Path) -> Generator[Peer]:
    """Make a fresh cluster below *folder* and run it."""
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "venv/bin/pypgstac").exists():
        uv = shutil.which("uv") or str(Path(sys.executable).with_name("uv"))
        subprocess.run([uv, "venv", "-q", folder / "venv"], check=True)
        subprocess.run([uv, "pip", "install", "-q", "--python", folder / "venv/bin/python", *_PACKAGES], check=True)
    data, port = Path(f"/var/tmp/twinlake-pgstac-{os.getpid()}"), free_port()
    try:
        data.mkdir(mode=0o700)
        shutil.chown(data, _ACCOUNT)
        _as_postgres("initdb", "-D", str(data), "-A", "trust", "--encoding=UTF8", "--locale=C.UTF-8")
        options = [part for name, value in _SETTINGS.items() for part in ("-c", f"{name}={value}")]
        command = ["setpriv", f"--reuid={_ACCOUNT}", f"--regid={_ACCOUNT}", "--init-groups", str(_POSTGRES / "postgres")]
        command += ["-D", str(data), "-p", str(port), "-k", str(data), "-h", "127.0.0.1", *options]
        with running(command, log=folder / "postgres.log") as process:
            peer = Peer(folder, port, process)
            _wait_until_ready(port)
            peer.psql("create role pgstac_bench superuser login password 'bench'")
            peer.psql("create database bench owner pgstac_bench")
            yield peer
    finally:
        shutil.rmtree(data, ignore_errors=True)


def _as_postgres(program: str, *arguments: str) -> None:
    command = ["setpriv", f"--reuid={_ACCOUNT}", f"--regid={_ACCOUNT}", "--init-groups", str(_POSTGRES / program), *arguments]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd="/")


def _wait_until_ready(port: int) -> None:
    deadline = time.monotonic() + 60
    while subprocess.run([_POSTGRES / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(port)], check=False).returncode:
        if time.monotonic() > deadline:
            raise TimeoutError("PostgreSQL does not start")
        time.sleep(0.1)
