"""SQL functions of the catalogue."""

from typing import Any

from twinlake.engines.database import Connection
from twinlake.standards.rfc3339 import parse_moment


def prepare(connection: Connection) -> None:
    """Register what the catalogue's statements call."""
    connection.create_function("catalogue_instant", 1, first_moment, deterministic=True)


def first_moment(value: Any) -> int | None:
    """Return the first microsecond of an RFC 3339 date-time or date; None for anything else."""
    try:
        return parse_moment(value)[0] if isinstance(value, str) else None
    except ValueError:
        return None
