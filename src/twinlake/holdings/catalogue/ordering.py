"""The total order of an answer, and where in it the next page begins."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, cmp_to_key, lru_cache
from typing import Any

from twinlake.core.errors import InvalidInputError
from twinlake.holdings.catalogue.errors import UnsortablePropertyError
from twinlake.holdings.catalogue.interfaces import SortKey
from twinlake.holdings.catalogue.properties import PROMOTED_BY_NAME
from twinlake.holdings.catalogue.sql import Clause, all_of, any_of
from twinlake.standards.cql2.columns import TIMESTAMP_PROPERTIES, json_path

Row = tuple[Any, ...]
_COLUMNS = {"id": "i.id", "collection": "i.collection", "datetime": "i.at"}
_LONGEST_NAME = 255


@dataclass(frozen=True, slots=True)
class SortColumn:
    """One key of the order."""

    expression: Clause
    descending: bool
    is_nullable: bool
    name: str

    def order(self) -> Clause:
        """Return the terms of `order by`; nulls come last in either direction."""
        terms = f"{self.expression.sql} {'desc' if self.descending else 'asc'}"
        if self.is_nullable and not self.descending:
            return Clause(f"{terms} nulls last", self.expression.values)
        return Clause(terms, self.expression.values)


@dataclass(frozen=True)
class Order:
    """The keys of an answer; the last two are always `id` and `collection` or the whole begins with them."""

    columns: tuple[SortColumn, ...]

    @cached_property
    def by_time(self) -> bool | None:
        """Whether it is newest first (True), oldest first (False), or another order (None)."""
        names = [column.name for column in self.columns]
        return self.columns[0].descending if names == ["datetime", "id", "collection"] and _is_rising(self.columns[1:]) else None

    @property
    def leading(self) -> SortColumn:
        """The first key."""
        return self.columns[0]

    @cached_property
    def keys(self) -> Clause:
        """The key of a row as columns."""
        return Clause(
            ", ".join(column.expression.sql for column in self.columns),
            tuple(value for column in self.columns for value in column.expression.values),
        )

    @cached_property
    def terms(self) -> Clause:
        """What follows `order by`."""
        orders = [column.order() for column in self.columns]
        return Clause(", ".join(order.sql for order in orders), tuple(value for order in orders for value in order.values))

    def merge(self, rows: Iterable[Row], *, skip: int) -> list[Row]:
        """Sort *rows* of several ordered lists; the key begins after *skip* members."""
        if self.by_time is None:

            def compare(one: Row, other: Row) -> int:
                return self._compare(one[skip:], other[skip:])

            return sorted(rows, key=cmp_to_key(compare))
        sign = -1 if self.by_time else 1

        def key(row: Row) -> Row:
            return sign * row[skip], *row[skip + 1 :]

        return sorted(rows, key=key)

    def _compare(self, one: Row, other: Row) -> int:
        for column, mine, theirs in zip(self.columns, one, other, strict=True):
            if mine == theirs:
                continue
            if mine is None or theirs is None:
                return 1 if mine is None else -1
            is_before = _rank(mine) < _rank(theirs)
            return -1 if is_before != column.descending else 1
        return 0

    def beyond(self, after: Sequence[Any]) -> Clause:
        """Return the condition that a row comes after the key *after*.

        Raises
        ------
        InvalidInputError
            The key belongs to another order.
        """
        if len(after) != len(self.columns):
            raise InvalidInputError("The page token belongs to another order.", remedy="Start again from the first page.")
        return _beyond(list(zip(self.columns, after, strict=True)))


def _beyond(keys: list[tuple[SortColumn, Any]]) -> Clause:
    (column, value), rest = keys[0], keys[1:]
    ways = []
    sql, values = column.expression.sql, column.expression.values
    if value is not None:
        ways.append(Clause(f"{sql} {'<' if column.descending else '>'} ?", (*values, value)))
        if column.is_nullable:
            ways.append(Clause(f"{sql} is null", values))
    if rest:
        same = Clause(f"{sql} is null", values) if value is None else Clause(f"{sql} = ?", (*values, value))
        ways.append(all_of([same, _beyond(rest)]))
    if not ways:
        return Clause("0")
    return any_of([Clause(f"({way.sql})", way.values) for way in ways])


def _rank(value: Any) -> tuple[bool, Any]:
    """Order values as SQLite does: numbers before texts."""
    return isinstance(value, str), value


def _is_rising(columns: Sequence[SortColumn]) -> bool:
    return not any(column.descending for column in columns)


@lru_cache(maxsize=256)
def order_of(sortby: tuple[SortKey, ...]) -> Order:
    """Return the total order that *sortby* begins: ties are broken by id, then collection.

    Raises
    ------
    UnsortablePropertyError
        A name is empty or too long.
    """
    columns: dict[str, SortColumn] = {}
    for key in (*sortby, SortKey("id"), SortKey("collection")):
        column = _column(key)
        columns.setdefault(column.name, column)
    return Order(tuple(columns.values()))


def _column(key: SortKey) -> SortColumn:
    name = key.property.removeprefix("properties.")
    if not 0 < len(name) <= _LONGEST_NAME or "\x00" in name:
        raise UnsortablePropertyError(key.property)
    if name in _COLUMNS:
        return SortColumn(Clause(_COLUMNS[name]), key.descending, is_nullable=False, name=name)
    return SortColumn(property_value(name), key.descending, is_nullable=True, name=name)


def property_value(name: str) -> Clause:
    """Return the value of a property that sorts and groups: an instant as microseconds, else the JSON value."""
    if name in PROMOTED_BY_NAME:
        return Clause(f"i.{PROMOTED_BY_NAME[name].column}")
    if name in TIMESTAMP_PROPERTIES:
        return Clause("catalogue_instant(json_extract(i.properties, ?))", (json_path(name),))
    return Clause("json_extract(i.properties, ?)", (json_path(name),))
