"""What can be said of a filter's matches before any row is read. All of it errs on the wide side."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from twinlake.core.documents import JsonObject
from twinlake.standards.cql2.operators import COMPARISONS, FLIPPED, SPATIAL
from twinlake.standards.geojson import BBox, enclosing_box, geometry_bbox, horizontal
from twinlake.standards.rfc3339 import parse_moment

Scalar = str | int | float | bool
ConstraintType = Literal["number", "text", "boolean", "timestamp"]


@dataclass(frozen=True, slots=True)
class Constraint:
    """What every match has in *property*: one of *values*, or a value from *low* to *high* (closed; None is open)."""

    property: str
    type: ConstraintType
    """Values of ``timestamp`` are microseconds since 1970 UTC."""
    values: tuple[Scalar, ...] | None = None
    low: str | int | float | None = None
    high: str | int | float | None = None


def properties_of(expression: JsonObject) -> frozenset[str]:
    """Return the names of all properties that a checked filter uses."""
    return frozenset(node["property"] for node in _nodes(expression) if "property" in node)


def operators_of(expression: JsonObject) -> frozenset[str]:
    """Return the operators and functions that a checked filter uses."""
    return frozenset(node["op"] for node in _nodes(expression) if "op" in node)


def _nodes(expression: JsonObject) -> Iterator[JsonObject]:
    """Yield all that a checked filter has of objects: operators, properties, intervals, geometries."""
    waiting: list[Any] = [expression]
    while waiting:
        node = waiting.pop()
        if isinstance(node, list):
            waiting.extend(node)
        elif isinstance(node, dict):
            yield node
            waiting.extend(node.get("args") or node.get("interval") or ())


def spatial_envelope(expression: JsonObject) -> BBox | None:
    """Return a box that the geometry of every match meets; None where the filter names none."""
    operator, arguments = expression["op"], expression["args"]
    if operator in SPATIAL and operator != "s_disjoint" and {"property": "geometry"} in arguments:
        literals = [argument for argument in arguments if "property" not in argument]
        return _literal_box(literals[0]) if literals else None
    if operator == "and":
        boxes = [box for argument in arguments if (box := _envelope(argument)) is not None]
        # A geometry may meet two boxes and not what they have in common: the smallest of them is what is certain.
        return min(boxes, key=_area, default=None)
    if operator == "or":
        found = [_envelope(argument) for argument in arguments]
        boxes = [box for box in found if box is not None]
        return enclosing_box(boxes) if len(boxes) == len(found) else None
    return None


def _envelope(node: Any) -> BBox | None:
    return spatial_envelope(node) if isinstance(node, dict) else None


def _literal_box(node: JsonObject) -> BBox:
    return horizontal(node["bbox"]) if "bbox" in node else geometry_bbox(node)


def _area(box: BBox) -> float:
    west, south, east, north = box
    return (east - west if west <= east else 360 + east - west) * (north - south)


def constraints_of(expression: JsonObject) -> tuple[Constraint, ...]:
    """Return what the conjuncts at the top of a checked filter ask of single properties, one entry each."""
    conjuncts = expression["args"] if expression["op"] == "and" else [expression]
    found = (_constraint(node) for node in conjuncts if isinstance(node, dict))
    return tuple(constraint for constraint in found if constraint is not None)


def _constraint(node: JsonObject) -> Constraint | None:
    operator, arguments = node["op"], node["args"]
    if operator in COMPARISONS:
        return _comparison(operator, *arguments)
    if not (isinstance(arguments[0], dict) and "property" in arguments[0]):
        return None
    name = arguments[0]["property"]
    if operator == "between":
        low, high = _literal(arguments[1]), _literal(arguments[2])
        if low is not None and high is not None and low[0] == high[0] != "boolean":
            return Constraint(name, low[0], low=low[1], high=high[2])
    elif operator == "in":
        members = [_literal(member) for member in arguments[1]]
        types = {member[0] for member in members if member is not None}
        if None not in members and len(types) == 1 and "timestamp" not in types:
            return Constraint(name, types.pop(), values=tuple(member[1] for member in members if member is not None))
    return None


def _comparison(operator: str, left: Any, right: Any) -> Constraint | None:
    if isinstance(right, dict) and "property" in right:
        operator, left, right = FLIPPED[operator], right, left
    literal = _literal(right)
    if literal is None or operator == "<>" or not (isinstance(left, dict) and "property" in left):
        return None
    kind, first, last = literal
    if operator == "=":
        if kind == "timestamp":
            return Constraint(left["property"], kind, low=first, high=last)
        return Constraint(left["property"], kind, values=(first,))
    if kind == "boolean":
        return None
    if operator in {"<", "<="}:
        return Constraint(left["property"], kind, high=last)
    return Constraint(left["property"], kind, low=first)


def _literal(node: Any) -> tuple[ConstraintType, Any, Any] | None:
    """Return type, first and last value of a literal scalar."""
    if isinstance(node, bool):
        return "boolean", node, node
    if isinstance(node, (int, float)):
        return "number", node, node
    if isinstance(node, str):
        return "text", node, node
    if isinstance(node, dict) and ("date" in node or "timestamp" in node):
        [text] = node.values()
        return "timestamp", *parse_moment(text)
    return None
