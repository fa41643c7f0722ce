"""How a connection to SQLite is opened, bounded in time and migrated.

The driver is `pysqlite3`, which carries its own SQLite: Debian's 3.40.1 has the WAL-reset corruption bug
(fixed in 3.51.3) and lacks JSONB.
"""

import hashlib
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from pysqlite3 import dbapi2

from twinlake.core.errors import ConflictError, StorageFailedError, StorageFullError, TwinlakeError
from twinlake.engines.database.interfaces import Connection, Migration

T = TypeVar("T")
Prepare = Callable[[Connection], None]
_OPCODES_BETWEEN_CHECKS = 4000
_BUSY_SECONDS = 10.0
_MMAP_BYTES = 8 << 30


def open_connection(path: Path | str, *, read_only: bool, prepare: Sequence[Prepare] = ()) -> Connection:
    """Open *path* with the pragmas of the site; *prepare* registers SQL functions."""
    connection: Connection = dbapi2.connect(
        str(path), timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False, cached_statements=512
    )
    connection.execute("pragma foreign_keys = on")
    connection.execute("pragma temp_store = memory")
    connection.execute(f"pragma mmap_size = {_MMAP_BYTES}")
    connection.execute("pragma cache_size = -16384")
    if read_only:
        connection.execute("pragma query_only = on")
    else:
        connection.execute("pragma journal_mode = wal")
        connection.execute("pragma synchronous = full")
    for register in prepare:
        register(connection)
    return connection


class TimeLimit:
    """Interrupts statements of one connection that run past an instant."""

    def __init__(self, connection: Connection) -> None:
        self._until = float("inf")
        connection.set_progress_handler(self._is_over, _OPCODES_BETWEEN_CHECKS)

    def start(self, seconds: float | None) -> None:
        """Allow *seconds* from now; None allows any."""
        self._until = float("inf") if seconds is None else time.monotonic() + seconds

    def _is_over(self) -> int:
        return int(time.monotonic() > self._until)


def is_interrupted(error: dbapi2.Error) -> bool:
    """Tell whether *error* is a `TimeLimit` at work."""
    return getattr(error, "sqlite_errorname", "") == "SQLITE_INTERRUPT" or str(error) == "interrupted"


def explain_write_error(error: dbapi2.Error) -> TwinlakeError | None:
    """Say what a failed change means to its caller; None where it is a fault of the program."""
    text = str(error)
    if "disk is full" in text:
        return StorageFullError("The site's disk is full; nothing was changed.", remedy="Free space, then try again.")
    if "disk I/O error" in text or "readonly database" in text or "unable to open" in text:
        return StorageFailedError(
            "The site's disk refused the change.", remedy="Ask the operator to check the disk and restart the site."
        )
    return None


def migrate(connection: Connection, migrations: Sequence[Migration]) -> None:
    """Bring the schema up to *migrations*, each step in a transaction of its own, applied once.

    Raises
    ------
    ConflictError
        The database was written by a newer version, or an applied step has changed since.
    """
    connection.execute(
        "create table if not exists schema_migration("
        " capability text not null, number integer not null, sha256 text not null, primary key (capability, number))"
    )
    applied = {(row[0], row[1]): row[2] for row in connection.execute("select capability, number, sha256 from schema_migration")}
    known = {(step.capability, step.number): hashlib.sha256(step.sql.encode()).hexdigest() for step in migrations}
    for key, digest in applied.items():
        if known.get(key) != digest:
            raise ConflictError(
                f"The database has schema step {key[0]} {key[1]}, which this version of Twinlake does not know.",
                remedy="Run the version that wrote it, or restore a backup made by this one.",
            )
    for step in migrations:
        if (step.capability, step.number) in applied:
            continue
        digest = known[step.capability, step.number]
        connection.executescript(
            f"begin immediate;\n{step.sql}\n;"
            f"insert into schema_migration values ('{step.capability}', {step.number}, '{digest}');\ncommit;"
        )
