"""Checks CQL2 in JSON and writes it one way, so that everything behind may trust its shape."""

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from twinlake.core.documents import JsonObject
from twinlake.standards.cql2.errors import InvalidFilterError
from twinlake.standards.cql2.operators import (
    ARRAY,
    COMPARISONS,
    LOGICAL,
    PREDICATES,
    SPATIAL,
    TEMPORAL,
    TEXT_FUNCTIONS,
)
from twinlake.standards.cql2.text import MAX_DEPTH, read_text
from twinlake.standards.cql2.values import (
    check_count,
    check_element,
    check_property,
    check_scalar,
    check_spatial,
    check_temporal,
    check_typed,
    read_operation,
    scalar_type,
    shown,
    unknown_function,
)

MAX_BYTES = 64 * 1024
"""Size of a filter, as text or as compact JSON in UTF-8."""

_JSON_DEPTH = 2 * MAX_DEPTH + 10
"""An operator is two levels of JSON; a geometry at the bottom has a few of its own."""
_MAX_PATTERN = 1000


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
        nested = isinstance(value, dict) and "op" in value
        if containers > _JSON_DEPTH or (nested and operators > MAX_DEPTH):
            raise InvalidFilterError(f"The filter is nested deeper than {MAX_DEPTH} levels.")
        below: Iterable[Any] = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        waiting.extend((member, containers + 1, operators + nested) for member in below if isinstance(member, (dict, list)))


# -- predicates


def _predicate(node: Any) -> Any:
    """Return a checked boolean expression: a predicate or a literal TRUE or FALSE."""
    if isinstance(node, bool):
        return node
    operator, arguments = read_operation(node, "where a predicate (TRUE or FALSE) is needed")
    if operator not in PREDICATES:
        raise unknown_function(operator)
    return {"op": operator, "args": _ARGUMENTS[operator](operator, arguments)}


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
    check_count(operator, arguments, 1)
    return [_predicate(arguments[0])]


def _comparison(operator: str, arguments: list[Any]) -> list[Any]:
    check_count(operator, arguments, 2)
    return _comparable(operator, arguments)


def _between(operator: str, arguments: list[Any]) -> list[Any]:
    if len(arguments) == 2 and isinstance(arguments[1], list):  # the form of CQL2's drafts, which stac-api-validator sends
        arguments = [arguments[0], *arguments[1]]
    check_count(operator, arguments, 3)
    return _comparable(operator, arguments)


def _in(operator: str, arguments: list[Any]) -> list[Any]:
    check_count(operator, arguments, 2)
    if not isinstance(arguments[1], list) or not arguments[1]:
        raise InvalidFilterError("in takes a list of at least one value as its second argument.")
    value, *members = _comparable(operator, [arguments[0], *arguments[1]])
    return [value, members]


def _comparable(operator: str, arguments: Sequence[Any]) -> list[Any]:
    checked = [check_scalar(argument) for argument in arguments]
    types = {scalar_type(value) for value in checked} - {"any"}
    # A text may spell an instant: the compiler reads it where the other side is one.
    if len(types) > 1 and types != {"text", "instant"}:
        raise InvalidFilterError(f"{operator} compares values of different types: {' and '.join(sorted(types))}.")
    return checked


def _like(operator: str, arguments: list[Any]) -> list[Any]:
    check_count(operator, arguments, 2)
    value, pattern = (check_typed(argument, ("text", "any"), operator) for argument in arguments)
    literal = pattern
    while isinstance(literal, dict) and literal.get("op") in TEXT_FUNCTIONS:
        literal = literal["args"][0]
    if not isinstance(literal, str) or len(literal) > _MAX_PATTERN:
        raise InvalidFilterError(f"The pattern of like is not a text of up to {_MAX_PATTERN} characters.")
    return [value, pattern]


def _is_null(operator: str, arguments: list[Any]) -> list[Any]:
    check_count(operator, arguments, 1)
    argument = arguments[0]
    if isinstance(argument, dict) and "property" in argument:
        return [check_property(argument)]
    return [check_scalar(argument)]


def _temporal(operator: str, arguments: list[Any]) -> list[Any]:
    check_count(operator, arguments, 2)
    return [check_temporal(argument, operator) for argument in arguments]


def _spatial(operator: str, arguments: list[Any]) -> list[Any]:
    check_count(operator, arguments, 2)
    return [check_spatial(argument, operator) for argument in arguments]


def _array(operator: str, arguments: list[Any]) -> list[Any]:
    check_count(operator, arguments, 2)
    checked: list[Any] = []
    for argument in arguments:
        if isinstance(argument, dict) and "property" in argument:
            checked.append(check_property(argument))
        elif isinstance(argument, list):
            checked.append([check_element(member) for member in argument])
        else:
            raise InvalidFilterError(f"{operator} does not take {shown(argument)}.", remedy="Give a property or an array.")
    return checked


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
