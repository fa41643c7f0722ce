"""What a CQL2 filter says as a conjunction: bounds that an index can use, and values that the notes may exclude.

Everything here only narrows: the whole filter is still tested on every item that is left.
"""

import math
from dataclasses import dataclass

from twinlake.core.documents import JsonObject
from twinlake.engines.database import Connection
from twinlake.holdings.catalogue.cells import Rectangle
from twinlake.holdings.catalogue.footprints import split_box
from twinlake.holdings.catalogue.properties import ValueType
from twinlake.holdings.catalogue.scope import Scope
from twinlake.holdings.catalogue.sql import one_of
from twinlake.standards.cql2 import TIMESTAMP_PROPERTIES, Constraint, constraints_of, spatial_envelope

_NOT_NOTED = TIMESTAMP_PROPERTIES | {"id", "collection", "geometry"}


@dataclass(frozen=True, slots=True)
class NumberGate:
    """A property must have a number in a closed interval."""

    name: str
    low: float
    high: float

    def collections(self, tx: Connection) -> set[str]:
        """Return the collections that may have such an item."""
        numbers = int(ValueType.NUMBER | ValueType.INTEGER)
        rows = tx.execute(
            "select collection from property_range where property = ? and types & ? and low <= ? and high >= ?",
            (self.name, numbers, self.high, self.low),
        )
        return {collection for (collection,) in rows}


@dataclass(frozen=True, slots=True)
class TextGate:
    """A property must be one of some texts."""

    name: str
    texts: tuple[str, ...]

    def collections(self, tx: Connection) -> set[str]:
        """Return the collections that may have such an item."""
        among = one_of("value", self.texts)
        rows = tx.execute(
            f"select collection from property_value where property = ? and {among.sql} "
            "union all select collection from property_range where property = ? and is_open",
            (self.name, *among.values, self.name),
        )
        return {collection for (collection,) in rows}


Gate = NumberGate | TextGate


@dataclass(frozen=True, slots=True)
class Narrowing:
    """What the conjuncts of a filter demand at least."""

    constraints: tuple[Constraint, ...] = ()
    area: tuple[Rectangle, ...] | None = None
    """The geometry touches one of these."""

    def bounds(self) -> tuple[int | None, int | None]:
        """Return between which instants `datetime` is, microseconds since 1970 UTC, closed."""
        about = [one for one in self.constraints if one.property == "datetime" and one.type == "timestamp"]
        lows = [one.low for one in about if isinstance(one.low, int)]
        highs = [one.high for one in about if isinstance(one.high, int)]
        return max(lows, default=None), min(highs, default=None)

    def scope(self, tx: Connection, scope: Scope) -> Scope:
        """Return *scope* without the collections that cannot have an item that passes."""
        for constraint in self.constraints:
            if not scope.collections:
                break
            if constraint.property == "collection" and constraint.values is not None:
                scope = scope.narrowed(str(value) for value in constraint.values)
            elif (gate := _gate(constraint)) is not None:
                scope = scope.narrowed(gate.collections(tx))
        return scope


def narrow(filter_: JsonObject | None) -> Narrowing:
    """Read what a checked filter demands at least."""
    if filter_ is None:
        return Narrowing()
    envelope = spatial_envelope(filter_)
    return Narrowing(constraints_of(filter_), None if envelope is None else split_box(envelope))


def _gate(constraint: Constraint) -> Gate | None:
    if constraint.property in _NOT_NOTED:
        return None
    if constraint.type == "text" and constraint.values is not None:
        return TextGate(constraint.property, tuple(str(value) for value in constraint.values))
    if constraint.type != "number":
        return None
    if constraint.values is not None:
        numbers = [value for value in constraint.values if isinstance(value, int | float)]
        return NumberGate(constraint.property, min(numbers), max(numbers))
    low = constraint.low if isinstance(constraint.low, int | float) else -math.inf
    high = constraint.high if isinstance(constraint.high, int | float) else math.inf
    return NumberGate(constraint.property, low, high)
