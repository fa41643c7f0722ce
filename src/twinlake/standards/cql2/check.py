"""Checks CQL2 in JSON and writes it one way, so that everything behind may trust its shape."""

import json
import math
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal

from twinlake.core.clock import from_microseconds
from twinlake.core.documents import JsonObject
from twinlake.standards.cql2.errors import InvalidFilterError
from twinlake.standards.cql2.operators import (
    ARITHMETIC,
    ARRAY,
    CANONICAL,
    COMPARISONS,
    LOGICAL,
    PREDICATES,
    SPATIAL,
    TEMPORAL,
    TEXT_FUNCTIONS,
)
from twinlake.standards.cql2.text import MAX_DEPTH, read_text
from twinlake.standards.geojson import GEOMETRY_TYPES, find_box_problems, find_geometry_problems
from twinlake.standards.rfc3339 import parse_date, parse_instant, parse_moment

MAX_BYTES = 64 * 1024
"""Size of a filter, as text or as compact JSON in UTF-8."""

_JSON_DEPTH = 2 * MAX_DEPTH + 10
"""An operator is two levels of JSON; a geometry at the bottom has a few of its own."""
_MAX_PATTERN = 1000
_INT64 = 2**63
_BAD_CHARACTERS = re.compile(r"[\x00\ud800-\udfff]")
_ALIASES = {"geom": "geometry"}

ScalarType = Literal["number", "text", "boolean", "instant", "any"]
"""``any`` is a property, whose type the table knows."""


def parse_text(text: str) -> JsonObject:
    """Return a filter in CQL2 text as checked CQL2 JSON.

    Raises
    ------
    InvalidFilterError
        It is larger than 64 kB, nested deeper than 100 levels, not CQL2, or asks for a function that is not here.
    """
    if len(text.encode(errors="surrogatepass")) > MAX_BYTES:
        raise _too_large()
    document = read_text(text)
    _refuse_depth(document)
    return _checked(document)


def check_json(document: object) -> JsonObject:
    """Return a filter in CQL2 JSON, checked and written one way.

    Nested AND within AND (OR within OR) is flat, properties come without ``properties.``, ``geom`` is ``geometry``,
    timestamps are UTC; the values of a literal TRUE or FALSE filter become a comparison.

    Raises
    ------
    InvalidFilterError
        As for `parse_text`.
    """
    _refuse_depth(document)
    try:
        size = len(json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode(errors="surrogatepass"))
    except (TypeError, ValueError) as error:
        raise InvalidFilterError(f"The filter is not a JSON document: {error}.") from None
    if size > MAX_BYTES:
        raise _too_large()
    return _checked(document)


def _too_large() -> InvalidFilterError:
    return InvalidFilterError(f"The filter is larger than {MAX_BYTES // 1024} kB.", remedy="Split the search.")


def _checked(document: object) -> JsonObject:
    checked = _predicate(document)
    return {"op": "=", "args": [checked, True]} if isinstance(checked, bool) else checked


def _refuse_depth(document: object) -> None:
    """Refuse what is too deep, without recursion."""
    waiting: list[tuple[Any, int, int]] = [(document, 0, 0)]
    while waiting:
        value, containers, operators = waiting.pop()
        if isinstance(value, dict):
            below: Iterable[Any] = value.values()
            nested = "op" in value
        elif isinstance(value, list):
            below, nested = value, False
        else:
            continue
        if containers > _JSON_DEPTH or (nested and operators > MAX_DEPTH):
            raise InvalidFilterError(f"The filter is nested deeper than {MAX_DEPTH} levels.")
        waiting.extend((member, containers + 1, operators + nested) for member in below)


# -- predicates


def _predicate(node: Any) -> Any:
    """Return a checked boolean expression: a predicate or a literal TRUE or FALSE."""
    if isinstance(node, bool):
        return node
    operator, arguments = _operation(node, "where a predicate (TRUE or FALSE) is needed")
    if operator not in PREDICATES:
        raise _unknown(operator)
    return {"op": operator, "args": _ARGUMENTS[operator](operator, arguments)}


def _operation(node: Any, place: str) -> tuple[str, list[Any]]:
    if not (isinstance(node, dict) and isinstance(node.get("op"), str) and isinstance(node.get("args"), list)):
        remedy = "Write `name = TRUE`." if isinstance(node, dict) and "property" in node else None
        raise InvalidFilterError(f"The filter has {_shown(node)} {place}.", remedy=remedy)
    if len(node) != 2:
        raise InvalidFilterError(f"The operation {node['op'][:40]!r} has members besides `op` and `args`.")
    name: str = node["op"]
    return CANONICAL.get(name.lower(), name), node["args"]


def _unknown(operator: str) -> InvalidFilterError:
    known = operator in CANONICAL.values()
    reason = "gives no TRUE or FALSE" if known and operator not in PREDICATES else "cannot stand here"
    return InvalidFilterError(
        f"The function {operator[:40]!r} {reason if known else 'is not known here'}.",
        remedy="Available are the operators of CQL2 with casei and accenti; there are no functions of our own.",
    )


def _shown(node: Any) -> str:
    if isinstance(node, dict) and isinstance(node.get("property"), str):
        return f"the property {node['property'][:40]!r}"
    return json.dumps(node)[:60]


def _count(operator: str, arguments: Sequence[Any], wanted: int) -> None:
    if len(arguments) != wanted:
        raise InvalidFilterError(f"{operator} takes {wanted} argument{'s' * (wanted != 1)}, not {len(arguments)}.")


def _logical(operator: str, arguments: list[Any]) -> list[Any]:
    if len(arguments) < 2:
        raise InvalidFilterError(f"{operator} takes at least 2 arguments, not {len(arguments)}.")
    flat: list[Any] = []
    for argument in arguments:
        checked = _predicate(argument)
        same = isinstance(checked, dict) and checked["op"] == operator
        flat.extend(checked["args"] if same else [checked])
    return flat


def _not(operator: str, arguments: list[Any]) -> list[Any]:
    _count(operator, arguments, 1)
    return [_predicate(arguments[0])]


def _comparison(operator: str, arguments: list[Any]) -> list[Any]:
    _count(operator, arguments, 2)
    return _comparable(operator, arguments)


def _between(operator: str, arguments: list[Any]) -> list[Any]:
    if len(arguments) == 2 and isinstance(arguments[1], list):  # the form of CQL2's drafts, which stac-api-validator sends
        arguments = [arguments[0], *arguments[1]]
    _count(operator, arguments, 3)
    return _comparable(operator, arguments)


def _in(operator: str, arguments: list[Any]) -> list[Any]:
    _count(operator, arguments, 2)
    if not isinstance(arguments[1], list) or not arguments[1]:
        raise InvalidFilterError("in takes a list of at least one value as its second argument.")
    value, *members = _comparable(operator, [arguments[0], *arguments[1]])
    return [value, members]


def _comparable(operator: str, arguments: Sequence[Any]) -> list[Any]:
    checked = [_scalar(argument) for argument in arguments]
    types = {scalar_type(value) for value in checked} - {"any"}
    # A text may spell an instant: the compiler reads it where the other side is one.
    if len(types) > 1 and types != {"text", "instant"}:
        raise InvalidFilterError(f"{operator} compares values of different types: {' and '.join(sorted(types))}.")
    return checked


def _like(operator: str, arguments: list[Any]) -> list[Any]:
    _count(operator, arguments, 2)
    value, pattern = (_of_type(argument, ("text", "any"), operator) for argument in arguments)
    literal = pattern
    while isinstance(literal, dict) and literal.get("op") in TEXT_FUNCTIONS:
        literal = literal["args"][0]
    if not isinstance(literal, str) or len(literal) > _MAX_PATTERN:
        raise InvalidFilterError(f"The pattern of like is not a text of up to {_MAX_PATTERN} characters.")
    return [value, pattern]


def _is_null(operator: str, arguments: list[Any]) -> list[Any]:
    _count(operator, arguments, 1)
    argument = arguments[0]
    if isinstance(argument, dict) and "property" in argument:
        return [_property(argument)]
    return [_scalar(argument)]


# -- scalars


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


def _scalar(node: Any) -> Any:
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
            return _property(node)
        if "date" in node or "timestamp" in node:
            return _instant(node)
        if "op" in node:
            return _function(node)
    raise InvalidFilterError(
        f"The filter has {_shown(node)} where a single value is needed.",
        remedy="Arrays take a_equals, a_contains, a_containedBy and a_overlaps; intervals and geometries t_ and s_ functions.",
    )


def _function(node: Any) -> Any:
    operator, arguments = _operation(node, "where a value is needed")
    if operator in ARITHMETIC:
        _count(operator, arguments, 2)
        return {"op": operator, "args": [_of_type(argument, ("number", "any"), operator) for argument in arguments]}
    if operator in TEXT_FUNCTIONS:
        _count(operator, arguments, 1)
        return {"op": operator, "args": [_of_type(arguments[0], ("text", "any"), operator)]}
    raise _unknown(operator)


def _of_type(node: Any, types: Sequence[ScalarType], operator: str) -> Any:
    value = _scalar(node)
    if scalar_type(value) not in types:
        raise InvalidFilterError(f"{operator} does not take {_shown(node)}; it needs a {types[0]}.")
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


def _property(node: JsonObject) -> JsonObject:
    name = node["property"]
    if len(node) != 1 or not isinstance(name, str) or not name:
        raise InvalidFilterError(f"{_shown(node)} does not name a property.")
    name = _text(name).removeprefix("properties.")
    return {"property": _ALIASES.get(name, name)}


def _instant(node: JsonObject) -> JsonObject:
    [(kind, text), *others] = node.items()
    if others or kind not in {"date", "timestamp"} or not isinstance(text, str):
        raise InvalidFilterError(f"{_shown(node)} is neither a date nor a timestamp.")
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


# -- temporal, spatial, arrays


def _temporal(operator: str, arguments: list[Any]) -> list[Any]:
    _count(operator, arguments, 2)
    return [_temporal_argument(argument, operator) for argument in arguments]


def _temporal_argument(node: Any, operator: str) -> Any:
    if isinstance(node, dict):
        if "property" in node:
            return _property(node)
        if "date" in node or "timestamp" in node:
            return _instant(node)
        if "interval" in node:
            return _interval(node)
    raise InvalidFilterError(
        f"{operator} does not take {_shown(node)}.", remedy="Give a property, DATE('…'), TIMESTAMP('…') or INTERVAL('…','…')."
    )


def _interval(node: JsonObject) -> JsonObject:
    sides = node["interval"]
    if len(node) != 1 or not isinstance(sides, list) or len(sides) != 2:
        raise InvalidFilterError(f"{_shown(node)} is not an interval of two sides.")
    checked: list[Any] = []
    bounds = []
    for side in sides:
        if isinstance(side, dict) and "property" in side:
            checked.append(_property(side))
        elif side == "..":
            checked.append(side)
        elif isinstance(side, str):
            try:
                bounds.append(parse_moment(side)[0])
                checked.append(_parsed(side, date=len(side) == 10))
            except ValueError as error:
                raise InvalidFilterError(f"A side of the interval is wrong: {error}.") from None
        else:
            raise InvalidFilterError(f"{_shown(side)} is no side of an interval.", remedy="Give a date, a timestamp or '..'.")
    if len(bounds) == 2 and bounds[0] > bounds[1]:
        raise InvalidFilterError(f"The interval {_shown(sides)} ends before it starts.", remedy="Swap its sides.")
    return {"interval": checked}


def _spatial(operator: str, arguments: list[Any]) -> list[Any]:
    _count(operator, arguments, 2)
    return [_spatial_argument(argument, operator) for argument in arguments]


def _spatial_argument(node: Any, operator: str) -> Any:
    if isinstance(node, dict):
        if "property" in node:
            return _property(node)
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
    raise InvalidFilterError(f"{operator} does not take {_shown(node)}.", remedy="Give a property, a geometry or a BBOX.")


def _array(operator: str, arguments: list[Any]) -> list[Any]:
    _count(operator, arguments, 2)
    checked: list[Any] = []
    for argument in arguments:
        if isinstance(argument, dict) and "property" in argument:
            checked.append(_property(argument))
        elif isinstance(argument, list):
            checked.append([_element(member) for member in argument])
        else:
            raise InvalidFilterError(f"{operator} does not take {_shown(argument)}.", remedy="Give a property or an array.")
    return checked


def _element(node: Any) -> Any:
    if isinstance(node, list):
        return [_element(member) for member in node]
    value = _scalar(node)
    if isinstance(value, dict) and ("property" in value or "op" in value):
        raise InvalidFilterError(f"{_shown(node)} stands in an array, which takes literal values only.")
    return value


_ARGUMENTS: dict[str, Callable[[str, list[Any]], list[Any]]] = {
    "not": _not,
    "like": _like,
    "between": _between,
    "in": _in,
    "isNull": _is_null,
    **dict.fromkeys(LOGICAL, _logical),
    **dict.fromkeys(COMPARISONS, _comparison),
    **dict.fromkeys(TEMPORAL, _temporal),
    **dict.fromkeys(SPATIAL, _spatial),
    **dict.fromkeys(ARRAY, _array),
}
