"""Conditions on properties of items that are in no catalogue: CQL2, compiled as for those that are, in a database in memory."""

from collections.abc import Sequence
from contextlib import closing

import orjson

from twinlake.core.documents import JsonObject
from twinlake.engines.database.connection import open_connection
from twinlake.processing.openeo.loading.planning.labels import no_data
from twinlake.processing.openeo.loading.properties import write_values
from twinlake.standards.cql2 import PREPARE, Column, compile_filter, document_column

_TABLE = "create table item(position integer primary key, id text not null, properties text not null)"


def filter_items(items: Sequence[JsonObject], condition: JsonObject) -> list[JsonObject]:
    """Return those of *items* for which *condition*, checked CQL2, is true, in their order.

    Raises
    ------
    ProcessError
        ``NoDataAvailable``: none is left.
    InvalidFilterError
        A property has not the type that the condition takes it for.
    """
    compiled = compile_filter(condition, _ItemColumns())
    with closing(open_connection(":memory:", read_only=False, prepare=PREPARE)) as connection:
        connection.execute(_TABLE)
        rows = [(position, each["id"], orjson.dumps(each["properties"]).decode()) for position, each in enumerate(items)]
        connection.executemany("insert into item values (?, ?, ?)", rows)
        found = connection.execute(f"select position from item where {compiled.sql} order by position", compiled.parameters)
        left = [items[position] for (position,) in found]
    if not left:
        error = no_data("for the extents and filters")
        error.remedy = write_values(condition, [each["properties"] for each in items])
        raise error
    return left


class _ItemColumns:
    """The columns of the table above; implements `ColumnMap`."""

    def column(self, name: str) -> Column:
        return Column("id", "text") if name == "id" else document_column("properties", name)
