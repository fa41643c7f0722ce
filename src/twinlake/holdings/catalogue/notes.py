"""What a caller may know of the properties of collections, read from the notes."""

from collections import defaultdict
from dataclasses import dataclass

from twinlake.engines.database import Connection
from twinlake.holdings.catalogue.properties import ValueType
from twinlake.holdings.catalogue.scope import Scope
from twinlake.holdings.catalogue.sql import one_of


@dataclass(frozen=True, slots=True)
class SeenProperty:
    """A property that visible items have."""

    name: str
    types: ValueType
    low: float | None
    """None also under an embargo: the range may be that of hidden items."""
    high: float | None
    values: tuple[str, ...]
    """All texts, sorted; empty where there are too many."""


def read_seen(tx: Connection, scope: Scope) -> dict[str, list[SeenProperty]]:
    """Return, per collection, the properties that the visible items of *scope* have, sorted by name."""
    among = one_of("collection", sorted(scope.collections))
    values: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for collection, name, value, first in tx.execute(
        f"select collection, property, value, first_start from property_value where {among.sql} order by value", among.values
    ):
        if _is_seen(scope, collection, first):
            values[collection, name].append(value)
    seen: defaultdict[str, list[SeenProperty]] = defaultdict(list)
    for collection, name, types, low, high, first in tx.execute(
        f"select collection, property, types, low, high, first_start from property_range where {among.sql} order by property",
        among.values,
    ):
        if _is_seen(scope, collection, first):
            is_known = collection not in scope.horizons
            texts = tuple(values[collection, name])
            seen[collection].append(
                SeenProperty(name, ValueType(types), low if is_known else None, high if is_known else None, texts)
            )
    return seen


def _is_seen(scope: Scope, collection: str, first_start: int) -> bool:
    horizon = scope.horizons.get(collection)
    return horizon is None or first_start <= horizon
