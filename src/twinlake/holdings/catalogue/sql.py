"""Pieces of SQL with the values that belong to them."""

from collections.abc import Iterable
from typing import Any, NamedTuple

import orjson


class Clause(NamedTuple):
    """A piece of SQL made of constants, and its values in the order of its placeholders."""

    sql: str
    values: tuple[Any, ...] = ()


TRUE = Clause("1")
LIMIT = "limit 0 + ?"
"""SQLite plans with the value of a bare ``limit ?``, so that it compiles the statement anew every time it is bound."""


def all_of(clauses: Iterable[Clause]) -> Clause:
    """Return the conjunction of *clauses*; true if there is none."""
    return _joined(clauses, " and ") or TRUE


def any_of(clauses: Iterable[Clause]) -> Clause:
    """Return the disjunction of *clauses*, of which there is at least one."""
    joined = _joined(clauses, " or ")
    if joined is None:
        raise ValueError("a disjunction of nothing")
    return Clause(f"({joined.sql})", joined.values)


def _joined(clauses: Iterable[Clause], word: str) -> Clause | None:
    parts = tuple(clauses)
    if not parts:
        return None
    return Clause(word.join(part.sql for part in parts), tuple(value for part in parts for value in part.values))


def one_of(expression: str, values: Iterable[Any]) -> Clause:
    """Return that *expression* is one of *values*; there are only two texts, so that prepared statements are found again."""
    listed = list(values)
    if len(listed) == 1:
        return Clause(f"{expression} = ?", (listed[0],))
    return Clause(f"{expression} in (select value from json_each(?))", (orjson.dumps(listed).decode(),))
