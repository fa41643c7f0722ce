"""Checks what stands inside the predicates of CQL2 JSON: scalars, instants, intervals, geometries, arrays."""

import json
import math
import re
from collections.abc import Sequence
from typing import Any, Literal

from twinlake.core.clock import from_microseconds
from twinlake.core.documents import JsonObject
from twinlake.standards.cql2.errors import InvalidFilterError
from twinlake.standards.cql2.operators import ARITHMETIC, CANONICAL, PREDICATES, TEXT_FUNCTIONS
from twinlake.standards.geojson import GEOMETRY_TYPES, find_box_problems, find_geometry_problems
from twinlake.standards.rfc3339 import parse_date, parse_instant, parse_moment

_INT64 = 2**63
_BAD_CHARACTERS = re.compile(r"[\x00\ud800-\udfff]")
_ALIASES = {"geom": "geometry"}

ScalarType = Literal["number", "text", "boolean", "instant", "any"]
"""``any`` is a property, whose type the table knows."""


def read_operation(node: Any, place: str) -> tuple[str, list[Any]]:
    """Return operator and arguments of an operation; *place* says what is needed where it stands."""
    if not (isinstance(node, dict) and isinstance(node.get("op"), str) and isinstance(node.get("args"), list)):
        remedy = "Write `name = TRUE`." if isinstance(node, dict) and "property" in node else None
        raise InvalidFilterError(f"The filter has {shown(node)} {place}.", remedy=remedy)
    if len(node) != 2:
        raise InvalidFilterError(f"The operation {node['op'][:40]!r} has members besides `op` and `args`.")
    name: str = node["op"]
    return CANONICAL.get(name.lower(), name), node["args"]


def unknown_function(operator: str) -> InvalidFilterError:
    """Return the error for an operator that is not known, or not where it stands."""
    known = operator in CANONICAL.values()
    reason = "gives no TRUE or FALSE" if known and operator not in PREDICATES else "cannot stand here"
    return InvalidFilterError(
        f"The function {operator[:40]!r} {reason if known else 'is not known here'}.",
        remedy="Available are the operators of CQL2 with casei and accenti; there are no functions of our own.",
    )


def shown(node: Any) -> str:
    """Return a few words for a node, fit for a message."""
    if isinstance(node, dict) and isinstance(node.get("property"), str):
        return f"the property {node['property'][:40]!r}"
    return json.dumps(node)[:60]


def check_count(operator: str, arguments: Sequence[Any], wanted: int) -> None:
    """Refuse another number of arguments than *wanted*."""
    if len(arguments) != wanted:
        raise InvalidFilterError(f"{operator} takes {wanted} argument{'s' * (wanted != 1)}, not {len(arguments)}.")


def scalar_type(node: Any) -> ScalarType:
    """Return the type of a checked scalar."""
    if isinstance(node, bool):
        return "boolean"
    if isinstance(node, (int, float)):
        return "number"
    if isinstance(node, str):
        return "text"
    if "property" in node:
        return "any"
    if "op" in node:
        return "text" if node["op"] in TEXT_FUNCTIONS else "number"
    return "instant"


def check_scalar(node: Any) -> Any:
    """Return a single value, checked: a literal, a property, arithmetic, casei or accenti."""
    if node is None:
        raise InvalidFilterError("Nothing compares with NULL.", remedy="Write `name IS NULL`.")
    if isinstance(node, bool):
        return node
    if isinstance(node, (int, float)):
        return _number(node)
    if isinstance(node, str):
        return _text(node)
    if isinstance(node, dict):
        if "property" in node:
            return check_property(node)
        if "date" in node or "timestamp" in node:
            return _instant(node)
        if "op" in node:
            return _function(node)
    raise InvalidFilterError(
        f"The filter has {shown(node)} where a single value is needed.",
        remedy="Arrays take a_equals, a_contains, a_containedBy and a_overlaps; intervals and geometries t_ and s_ functions.",
    )


def _function(node: Any) -> Any:
    operator, arguments = read_operation(node, "where a value is needed")
    if operator in ARITHMETIC:
        check_count(operator, arguments, 2)
        return {"op": operator, "args": [check_typed(argument, ("number", "any"), operator) for argument in arguments]}
    if operator in TEXT_FUNCTIONS:
        check_count(operator, arguments, 1)
        return {"op": operator, "args": [check_typed(arguments[0], ("text", "any"), operator)]}
    raise unknown_function(operator)


def check_typed(node: Any, types: Sequence[ScalarType], operator: str) -> Any:
    """Return a single value of one of *types*."""
    value = check_scalar(node)
    if scalar_type(value) not in types:
        raise InvalidFilterError(f"{operator} does not take {shown(node)}; it needs a {types[0]}.")
    return value


def _number(number: float) -> int | float:
    if isinstance(number, int):
        if -_INT64 <= number < _INT64:
            return number
        number = float(number) if abs(number) < 10**308 else math.inf
    if not math.isfinite(number):
        raise InvalidFilterError("The filter has a number that is not finite or beyond 1e308.")
    return number


def _text(text: str) -> str:
    if _BAD_CHARACTERS.search(text):
        raise InvalidFilterError("The filter has a text with a NUL character or half of a surrogate pair.")
    return text


def check_property(node: JsonObject) -> JsonObject:
    """Return a property by the name that the table knows it by."""
    name = node["property"]
    if len(node) != 1 or not isinstance(name, str) or not name:
        raise InvalidFilterError(f"{shown(node)} does not name a property.")
    name = _text(name).removeprefix("properties.")
    return {"property": _ALIASES.get(name, name)}


def _instant(node: JsonObject) -> JsonObject:
    [(kind, text), *others] = node.items()
    if others or kind not in {"date", "timestamp"} or not isinstance(text, str):
        raise InvalidFilterError(f"{shown(node)} is neither a date nor a timestamp.")
    try:
        return {kind: _parsed(text, date=kind == "date")}
    except ValueError as error:
        raise InvalidFilterError(f"The {kind} {error}.") from None


def _parsed(text: str, *, date: bool) -> str:
    if date:
        parse_date(text)
        return text
    instant = from_microseconds(parse_instant(text))
    return instant.isoformat().replace("+00:00", "Z")


def check_temporal(node: Any, operator: str) -> Any:
    """Return a property, an instant or an interval."""
    if isinstance(node, dict):
        if "property" in node:
            return check_property(node)
        if "date" in node or "timestamp" in node:
            return _instant(node)
        if "interval" in node:
            return _interval(node)
    raise InvalidFilterError(
        f"{operator} does not take {shown(node)}.", remedy="Give a property, DATE('…'), TIMESTAMP('…') or INTERVAL('…','…')."
    )


def _interval(node: JsonObject) -> JsonObject:
    sides = node["interval"]
    if len(node) != 1 or not isinstance(sides, list) or len(sides) != 2:
        raise InvalidFilterError(f"{shown(node)} is not an interval of two sides.")
    checked: list[Any] = []
    bounds = []
    for side in sides:
        if isinstance(side, dict) and "property" in side:
            checked.append(check_property(side))
        elif side == "..":
            checked.append(side)
        elif isinstance(side, str):
            try:
                bounds.append(parse_moment(side)[0])
                checked.append(_parsed(side, date=len(side) == 10))
            except ValueError as error:
                raise InvalidFilterError(f"A side of the interval is wrong: {error}.") from None
        else:
            raise InvalidFilterError(f"{shown(side)} is no side of an interval.", remedy="Give a date, a timestamp or '..'.")
    if len(bounds) == 2 and bounds[0] > bounds[1]:
        raise InvalidFilterError(f"The interval {shown(sides)} ends before it starts.", remedy="Swap its sides.")
    return {"interval": checked}


def check_spatial(node: Any, operator: str) -> Any:
    """Return a property, a geometry or a box."""
    if isinstance(node, dict):
        if "property" in node:
            return check_property(node)
        if set(node) == {"bbox"}:
            problems = find_box_problems(node["bbox"])
            checked: JsonObject = {"bbox": node["bbox"]}
        elif isinstance(node.get("type"), str) and node["type"] in GEOMETRY_TYPES:
            problems = find_geometry_problems(node)
            member = "geometries" if node["type"] == "GeometryCollection" else "coordinates"
            checked = {"type": node["type"], member: node.get(member)}
        else:
            problems, checked = [], {}
        if problems:
            raise InvalidFilterError(f"The geometry of {operator} is not valid: {problems[0]}.", remedy=problems[0].remedy)
        if checked:
            return checked
    raise InvalidFilterError(f"{operator} does not take {shown(node)}.", remedy="Give a property, a geometry or a BBOX.")


def check_element(node: Any) -> Any:
    """Return an element of an array: a literal, or an array of them."""
    if isinstance(node, list):
        return [check_element(member) for member in node]
    value = check_scalar(node)
    if isinstance(value, dict) and ("property" in value or "op" in value):
        raise InvalidFilterError(f"{shown(node)} stands in an array, which takes literal values only.")
    return value
