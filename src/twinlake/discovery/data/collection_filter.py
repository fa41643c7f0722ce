"""CQL2 over collections: the filter is compiled as for items and run over their documents in a database in memory.

Properties are the members of a collection; ``datetime`` is the begin of its temporal extent, ``geometry`` its spatial extent.
"""

from collections.abc import Sequence
from contextlib import closing

import orjson
import shapely

from twinlake.core.documents import JsonObject
from twinlake.engines.database.connection import open_connection
from twinlake.standards.cql2 import PREPARE, compile_filter
from twinlake.standards.cql2.columns import Column, document_column
from twinlake.standards.geojson import box_shape, horizontal
from twinlake.standards.rfc3339 import parse_instant

_TABLE = (
    "create table collection(position integer primary key, document text not null,"
    " starts integer, ends integer, geometry blob, west real, south real, east real, north real)"
)
_COLUMNS = {
    "datetime": Column("starts", "timestamp"),
    "start_datetime": Column("starts", "timestamp"),
    "end_datetime": Column("ends", "timestamp"),
    "geometry": Column("geometry", "geometry", bbox=("west", "south", "east", "north")),
}
_TEXT = {"type": "string"}
_INSTANT = {"type": "string", "format": "date-time"}
_QUERYABLES = {
    "id": {"title": "Id", **_TEXT},
    "title": {"title": "Title", **_TEXT},
    "description": {"title": "Description", **_TEXT},
    "license": {"title": "License", **_TEXT},
    "keywords": {"title": "Keywords", "type": "array", "items": _TEXT},
    "datetime": {"title": "Begin of the temporal extent", **_INSTANT},
    "start_datetime": {"title": "Begin of the temporal extent", **_INSTANT},
    "end_datetime": {"title": "End of the temporal extent", **_INSTANT},
    "geometry": {"title": "Spatial extent", "$ref": "https://geojson.org/schema/Geometry.json"},
}


def collection_queryables(url: str) -> JsonObject:
    """Return the JSON Schema, found at *url*, of what collections can be filtered by."""
    return {
        "$schema": "https://json-schema.org/draft/2019-09/schema",
        "$id": url,
        "type": "object",
        "title": "Queryables of collections",
        "properties": _QUERYABLES,
        "additionalProperties": True,
    }


def select_by_filter(documents: Sequence[JsonObject], expression: JsonObject) -> list[JsonObject]:
    """Return those of *documents* for which *expression*, checked CQL2, is true, in their order.

    Raises
    ------
    InvalidFilterError
        A member has not the type that the filter takes it for.
    """
    compiled = compile_filter(expression, _CollectionColumns())
    with closing(open_connection(":memory:", read_only=False, prepare=PREPARE)) as connection:
        connection.execute(_TABLE)
        rows = [_row(position, document) for position, document in enumerate(documents)]
        connection.executemany("insert into collection values (?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
        found = connection.execute(f"select position from collection where {compiled.sql} order by position", compiled.parameters)
        return [documents[position] for (position,) in found]


class _CollectionColumns:
    """The columns of the table above; implements `ColumnMap`."""

    def column(self, name: str) -> Column:
        return _COLUMNS.get(name) or document_column("document", name)


def _row(position: int, document: JsonObject) -> tuple[object, ...]:
    extent = document["extent"]
    start, end = (None if text is None else parse_instant(text) for text in extent["temporal"]["interval"][0])
    box = horizontal(extent["spatial"]["bbox"][0])
    return position, orjson.dumps(document).decode(), start, end, shapely.to_wkb(box_shape(box)), *box
