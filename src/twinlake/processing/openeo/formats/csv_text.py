"""Tables as comma-separated values.

Programs for tables compute what begins like a formula, so such a text is written with ``'`` before it; numbers stay as they are.

Sources: RFC 4180; OWASP, "CSV Injection"
"""

import csv
import re
from collections.abc import Iterator
from typing import Any

from twinlake.processing.openeo.cubes import Cube
from twinlake.processing.openeo.formats.facts import WrittenFile
from twinlake.processing.openeo.formats.order import Order
from twinlake.processing.openeo.formats.stac import find_extent
from twinlake.processing.openeo.formats.tables import Column, Table, to_table
from twinlake.processing.openeo.formats.texts import to_texts

_FORMULA = re.compile(r"[=+\-@\t\r](?![\d.]+(e[+-]?\d+)?$|Infinity$)", re.IGNORECASE | re.ASCII)
"""The beginning of what is no number, but a formula to programs for tables."""


def write_csv(cube: Cube, order: Order) -> Iterator[WrittenFile]:
    """Write a cube: no data is nothing, NaN where it is a number like others is written as such."""
    table = to_table(cube)
    path = order.path()
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\r\n")
        writer.writerow([_harmless(each.name) for each in table.columns])
        writer.writerows(zip(*map(_write_cells, table.columns), strict=True))
    yield order.written(path, find_extent(cube.dimensions), {"table:columns": describe_columns(table), **row_count(table)})


def describe_columns(table: Table) -> list[dict[str, Any]]:
    """Return ``table:columns`` (STAC extension table 1.2.0)."""
    return [
        {"name": each.name, "type": _kind(each), **({} if each.unit is None else {"unit": each.unit})} for each in table.columns
    ]


def row_count(table: Table) -> dict[str, int]:
    """Return ``table:row_count``."""
    return {"table:row_count": len(table.columns[0].values)} if table.columns else {}


def _write_cells(column: Column) -> list[str]:
    texts = to_texts(column.values, column.valid)
    return list(map(_harmless, texts)) if column.values.dtype == object else texts


def _harmless(text: str) -> str:
    return f"'{text}" if _FORMULA.match(text) else text


def _kind(column: Column) -> str:
    return "string" if column.values.dtype == object else column.values.dtype.name
