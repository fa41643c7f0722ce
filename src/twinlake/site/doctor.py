"""Check that a site can run on this machine."""

import os
import shutil
import socket
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from pysqlite3 import dbapi2

from twinlake.core.errors import ConflictError, TwinlakeError
from twinlake.engines.sandbox import Level
from twinlake.site.layout import SiteFolder
from twinlake.site.settings import SiteSettings
from twinlake.site.user_code import find_user_code

_LEAST_SQLITE = (3, 51, 3)
_LEAST_FREE_BYTES = 1 << 30


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    name: str
    ok: bool
    detail: str
    remedy: str | None = None


def examine(config: Path) -> list[Finding]:
    """Look at settings, key, folders, disk, database and port of the site of *config*."""
    findings = [_examine_sqlite(), _examine_python()]
    try:
        settings = SiteSettings.read(config)
    except TwinlakeError as error:
        return [*findings, Finding("settings", ok=False, detail=error.message, remedy=error.remedy)]
    folder = SiteFolder.of(config)
    findings.append(Finding("settings", ok=True, detail=f"{config} is good; the site is {settings.id} at {settings.base_url}"))
    findings.extend(_examine_secrets(folder))
    findings.append(_examine_disk(folder))
    findings.append(_examine_user_code(settings))
    findings.extend(_examine_running(folder, settings))
    return findings


def _examine_sqlite() -> Finding:
    found = tuple(int(part) for part in dbapi2.sqlite_version.split("."))
    return Finding(
        "SQLite",
        ok=found >= _LEAST_SQLITE,
        detail=f"{dbapi2.sqlite_version}, carried by pysqlite3",
        remedy=None if found >= _LEAST_SQLITE else "Update pysqlite3: this one can corrupt a database.",
    )


def _examine_python() -> Finding:
    return Finding("Python", ok=True, detail=sys.version.split()[0])


def _examine_secrets(folder: SiteFolder) -> Iterator[Finding]:
    for path in (folder.key, folder.admin_token):
        if not path.exists():
            if path != folder.admin_token:
                yield Finding(path.name, ok=False, detail="is missing", remedy="Restore it from the backup, or make a new site.")
            continue
        mode = path.stat().st_mode & 0o777
        private = mode & 0o077 == 0
        yield Finding(
            path.name,
            ok=private,
            detail=f"mode {mode:04o}",
            remedy=None if private else f"Others can read it: chmod 600 {path}",
        )


def _examine_user_code(settings: SiteSettings) -> Finding:
    """Tell what is refused, too: a site without user-defined functions is a good one."""
    chosen = find_user_code(settings)
    told = {Level.NOBODY: "shut in by Landlock and limits alone", Level.OWN: "shut in", Level.OTHERS: "shut in, each on its own"}
    detail = "refused" if chosen.program is None else told[chosen.confinement.level]
    if chosen.lacking:
        detail = f"{detail}; this machine lacks: {'; '.join(chosen.lacking)}"
    is_unsafe = chosen.program is not None and bool(chosen.lacking)
    remedy = "Install what is missing, and set openeo.unsafe_user_code to false." if is_unsafe else None
    return Finding("user code", ok=not is_unsafe, detail=detail, remedy=remedy)


def _examine_disk(folder: SiteFolder) -> Finding:
    free = shutil.disk_usage(folder.path).free
    writable = os.access(folder.path, os.W_OK)
    return Finding(
        "disk",
        ok=free > _LEAST_FREE_BYTES and writable,
        detail=f"{free / (1 << 30):.1f} GiB free{'' if writable else ', but not writable'}",
        remedy=None if free > _LEAST_FREE_BYTES and writable else "Give the site room, and the user that runs it the folder.",
    )


def _examine_running(folder: SiteFolder, settings: SiteSettings) -> Iterator[Finding]:
    try:
        with folder.lock():
            pass
    except ConflictError:
        yield Finding("running", ok=True, detail="the site is up; the port and the database are its own")
        return
    if folder.database.exists():
        answer = _check_quickly(folder.database)
        remedy = "Look at the disk, then make the site of a backup: twinlake admin restore."
        yield Finding("database", ok=answer == "ok", detail=answer, remedy=None if answer == "ok" else remedy)
    with socket.socket(socket.AF_INET6 if ":" in settings.server.host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.server.host, settings.server.port))
        except OSError as error:
            yield Finding(
                "port",
                ok=False,
                detail=f"{settings.server.host}:{settings.server.port}: {error.strerror}",
                remedy="Stop what listens there, or set another port: TWINLAKE_SERVER__PORT=8701.",
            )
        else:
            yield Finding("port", ok=True, detail=f"{settings.server.host}:{settings.server.port} is free")


def _check_quickly(database: Path) -> str:
    """Return ``ok``, or the first thing that is wrong."""
    with closing(dbapi2.connect(f"file:{quote(str(database))}?mode=ro", uri=True)) as connection:
        try:
            return str(connection.execute("pragma quick_check(1)").fetchone()[0])
        except dbapi2.Error as error:
            return str(error)
