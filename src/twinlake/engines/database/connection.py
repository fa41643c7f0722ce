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

from twinlake.core.errors import ConflictError, OverloadedError, StorageFailedError, StorageFullError, TwinlakeError
from twinlake.engines.database.interfaces import Connection, Migration

T = TypeVar("T")
Prepare = Callable[[Connection], None]
_OPCODES_BETWEEN_CHECKS = 4000
_BUSY_SECONDS = 10.0
_MMAP_BYTES = 8 << 30
_WAL_BYTES_KEPT = 64 << 20
# Result codes of SQLite: the low byte is the primary code.
_BUSY = frozenset({5, 6})
_INTERRUPT = 9
_DISK_FAILURES = frozenset({8, 10, 11, 14, 26})
"""READONLY, IOERR, CORRUPT, CANTOPEN, NOTADB."""
_IOERR_SHMSIZE = 4874
"""No room to enlarge the index of the write-ahead log: a full disk, not a broken one."""
_FULL = 13


def open_connection(path: Path | str, *, read_only: bool, prepare: Sequence[Prepare] = ()) -> Connection:
    """Open *path* with the pragmas of the site; *prepare* registers SQL functions.

    Raises
    ------
    StorageFailedError
        It cannot be opened for this, or is no database.
    StorageFullError
        The disk has no room for the write-ahead log.
    """
    try:
        connection: Connection = dbapi2.connect(
            str(path), timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False, cached_statements=512
        )
    except dbapi2.Error as error:
        raise _explain_opening(path, error) from error
    try:
        _set_up(connection, read_only=read_only, prepare=prepare)
    except BaseException as error:
        connection.close()
        if isinstance(error, dbapi2.Error):
            raise _explain_opening(path, error) from error
        raise
    return connection


def _explain_opening(path: Path | str, error: dbapi2.Error) -> TwinlakeError:
    explained = explain_write_error(error)
    if isinstance(explained, StorageFullError):
        return explained
    return StorageFailedError(
        f"The database {path} cannot be opened ({error}).",
        remedy="Check that the file is a database and that its folder may be written, or restore a backup.",
    )


def _set_up(connection: Connection, *, read_only: bool, prepare: Sequence[Prepare]) -> None:
    connection.execute("pragma foreign_keys = on")
    connection.execute("pragma temp_store = memory")
    connection.execute(f"pragma mmap_size = {_MMAP_BYTES}")
    connection.execute("pragma cache_size = -16384")
    if read_only:
        connection.execute("pragma query_only = on")
    else:
        connection.execute("pragma journal_mode = wal")
        connection.execute("pragma synchronous = full")
        connection.execute(f"pragma journal_size_limit = {_WAL_BYTES_KEPT}")
    for register in prepare:
        register(connection)


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
    return _primary_code(error) == _INTERRUPT


def explain_write_error(error: BaseException) -> TwinlakeError | None:
    """Say what a failed change means to its caller, anew for each; None where it is a fault of the program.

    References
    ----------
    https://sqlite.org/rescode.html
    """
    if not isinstance(error, dbapi2.Error):
        return None
    code = _primary_code(error)
    if code == _FULL or getattr(error, "sqlite_errorcode", 0) == _IOERR_SHMSIZE:
        return StorageFullError("The site's disk is full; nothing was changed.", remedy="Free space, then try again.")
    if code in _DISK_FAILURES:
        return StorageFailedError(
            f"The site's disk refused the change ({error}).", remedy="Ask the operator to check the disk and restart the site."
        )
    if code in _BUSY:
        return OverloadedError("Another program holds the site's database.", remedy="Send the request again later.")
    return None


def _primary_code(error: dbapi2.Error) -> int:
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF


def check_new(target: Path) -> None:
    """Refuse to write a backup over something.

    Raises
    ------
    ConflictError
        *target* exists.
    """
    if target.exists():
        raise ConflictError(f"The backup {target} exists already.", remedy="Choose another name.")


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
