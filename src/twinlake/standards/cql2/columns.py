"""What the compiler must know of the table it compiles for."""

import json
from dataclasses import dataclass
from typing import Literal, Protocol

ColumnType = Literal["number", "text", "boolean", "timestamp", "array", "geometry", "any"]
"""What a column holds. ``timestamp`` is an integer of microseconds since 1970 UTC; ``boolean`` is 0 or 1;
``array`` is JSON text; ``geometry`` is WKB (longitude, latitude); ``any`` is known per row only."""

TIMESTAMP_PROPERTIES = frozenset({"datetime", "start_datetime", "end_datetime", "created", "updated", "published", "expires"})
"""Properties that STAC itself (common metadata 1.1.0, timestamps extension) types as date-time."""


@dataclass(frozen=True, slots=True)
class Column:
    """Where a property is found."""

    sql: str
    """An expression of the row, or with *path* the JSON document (text or JSONB) that holds the value."""
    type: ColumnType
    path: str | None = None
    """JSON path into *sql*, always bound as a parameter; a value there that is not of *type* counts as NULL."""
    bbox: tuple[str, str, str, str] | None = None
    """Of a geometry: expressions of west, south, east, north in degrees. NULL where the geometry is NULL, else a box that
    encloses it, at least; west > east crosses the antimeridian."""


class ColumnMap(Protocol):
    """Knows the column of every property."""

    def column(self, name: str) -> Column:
        """Return where the property *name* is found; the name comes without ``properties.`` and ``geom`` as ``geometry``.

        A property that no item has is no error: it is NULL everywhere (`document_column`).

        Raises
        ------
        InvalidInputError
            The property may not be queried.
        """
        ...


def document_column(document: str, name: str) -> Column:
    """Return the column of a property without a column of its own: *document* is the JSON object of all properties."""
    kind: ColumnType = "timestamp" if name in TIMESTAMP_PROPERTIES else "any"
    return Column(document, kind, path=json_path(name))


def json_path(*names: str) -> str:
    """Write a SQLite JSON path to nested members; SQLite (3.53) takes a label quoted and escaped as JSON writes it."""
    return "$" + "".join(f".{json.dumps(name, ensure_ascii=False)}" for name in names)
