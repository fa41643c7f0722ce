"""Pieces of SQL that carry their parameters with them, so that values are always bound."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from twinlake.standards.cql2.columns import Column


@dataclass(frozen=True, slots=True)
class Sql:
    """An SQL expression with the values of its question marks, in order."""

    text: str
    parameters: tuple[Any, ...] = ()


def write(template: str, *parts: Sql) -> Sql:
    """Put *parts* into the ``{}`` of *template*, one each, in order."""
    return Sql(template.format(*(part.text for part in parts)), tuple(value for part in parts for value in part.parameters))


def bind(value: Any) -> Sql:
    """Return a bound value."""
    return Sql("?", (value,))


def join(operator: str, parts: Sequence[Sql]) -> Sql:
    """Join *parts* by AND or OR as a balanced tree: SQLite (3.53) takes no expression deeper than 1000."""
    if len(parts) == 1:
        return parts[0]
    half = len(parts) // 2
    return write(f"({{}} {operator} {{}})", join(operator, parts[:half]), join(operator, parts[half:]))


def extract(column: Column) -> Sql:
    """Return the value of a column as it is, whatever its type; JSON null is NULL."""
    if column.path is None:
        return Sql(column.sql)
    return Sql(f"json_extract({column.sql}, ?)", (column.path,))


def extract_json(column: Column) -> Sql:
    """Return the value of a column as JSON text."""
    if column.path is None:
        return Sql(column.sql)
    return Sql(f"({column.sql} -> ?)", (column.path,))


_JSON_TYPES = {"number": "('integer', 'real')", "text": "('text')", "boolean": "('true', 'false')"}


def extract_typed(column: Column, kind: str) -> Sql:
    """Return the value of a JSON column if it is of *kind* (number, text, boolean), else NULL."""
    types = _JSON_TYPES[kind]
    return Sql(
        f"case when json_type({column.sql}, ?) in {types} then json_extract({column.sql}, ?) end", (column.path, column.path)
    )


def json_kind(column: Column) -> Sql:
    """Return which kind of scalar a JSON column holds in this row, else NULL."""
    cases = " ".join(f"when '{name}' then '{kind}'" for kind, names in _JSON_TYPES.items() for name in names[2:-2].split("', '"))
    return Sql(f"case json_type({column.sql}, ?) {cases} end", (column.path,))
