"""Conditions on the metadata of items, from callbacks of openEO to CQL2 (OGC 21-065r2), by which the catalogue searches.

A condition that is null, because the item lacks the property, is not met in both.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from twinlake.core.documents import JsonObject
from twinlake.core.errors import InvalidInputError
from twinlake.standards.cql2 import check_json
from twinlake.standards.openeo.errors import ProcessParameterInvalidError
from twinlake.standards.openeo.graph import FromNode, FromParameter, Graph

_VALUE = "value"
_MISSING = object()
_SHOWN, _LONGEST = 10, 80
"""Of values that there are."""
_COMPARISONS = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}


class _Untranslatable(Exception):
    """A condition that the catalogue cannot search by; the text says why."""


def translate_filters(filters: Mapping[str, Any]) -> JsonObject | None:
    """Return the condition that all of *filters*, callbacks by the name of their property, are met; None for none.

    Raises
    ------
    ProcessParameterInvalidError
        One is no callback, or uses a process that has no counterpart in a search.
    """
    terms = []
    for name, callback in filters.items():
        try:
            if not isinstance(callback, Graph):
                raise _Untranslatable("it is no process graph")
            terms.append(check_json(_translate(callback, {"property": name})))
        except (_Untranslatable, InvalidInputError) as error:
            raise ProcessParameterInvalidError(
                f"The filter of property {name[:80]!r} cannot be searched by: {error}.",
                remedy=f"It may use {', '.join(sorted(_PROCESSES))}, with constants.",
            ) from error
    if len(terms) > 1:
        return {"op": "and", "args": terms}
    return terms[0] if terms else None


def write_values(condition: JsonObject, found: Sequence[Mapping[str, Any]]) -> str | None:
    """Return in words which values the properties of a *condition*, which nothing meets, have; None where nothing is *found*."""
    if not found:
        return None
    known, told = dict.fromkeys(each for properties in found for each in properties), []
    for name in dict.fromkeys(_list_properties(condition)):
        if name not in known:
            near = [each for each in known if each.rpartition(":")[2] == name] or get_close_matches(name, known)
            there = near or [*known][:_SHOWN]
            told.append(f"none has {name!r}, but {', '.join(map(repr, there))}")
            continue
        values = list(dict.fromkeys(json.dumps(each.get(name), ensure_ascii=False)[:_LONGEST] for each in found))
        shown = ", ".join(values[:_SHOWN]) + (", ..." if len(values) > _SHOWN else "")
        told.append(f"{name!r} is {shown}")
    return f"Within the extents there are items that the filters leave out: {'; '.join(told)}."


def _list_properties(condition: Any) -> Iterator[str]:
    if isinstance(condition, list):
        for each in condition:
            yield from _list_properties(each)
    elif isinstance(condition, dict):
        if "property" in condition:
            yield condition["property"]
        yield from _list_properties(condition.get("args", []))


def _translate(graph: Graph, tested: JsonObject) -> Any:
    found: dict[str, Any] = {}
    for node in graph.nodes.values():
        translate = _PROCESSES.get(node.process)
        if translate is None or node.namespace not in {None, "backend"}:
            raise _Untranslatable(f"it uses the process {node.process[:80]!r}")
        found[node.id] = translate({name: _argument(each, found, tested) for name, each in node.arguments.items()})
    return found[graph.result]


def _argument(argument: Any, found: Mapping[str, Any], tested: JsonObject) -> Any:
    match argument:
        case FromNode(node):
            return found[node]
        case FromParameter(name) if name == _VALUE:
            return tested
        case FromParameter(name):
            raise _Untranslatable(f"it uses the parameter {name[:80]!r}")
        case list():
            return [_argument(each, found, tested) for each in argument]
        case str() | int() | float() | None:
            return argument
    raise _Untranslatable("it has an object among its arguments")


def _get(arguments: Mapping[str, Any], name: str, default: Any = _MISSING) -> Any:
    value = arguments.get(name, default)
    if value is _MISSING:
        raise _Untranslatable(f"{name!r} is missing")
    return value


def _op(operator: str, *arguments: Any) -> JsonObject:
    return {"op": operator, "args": list(arguments)}


def _eq(arguments: Mapping[str, Any]) -> JsonObject:
    x, y = _get(arguments, "x"), _get(arguments, "y")
    if x is None or y is None:
        raise _Untranslatable("nothing equals null; there is is_nodata")
    delta = arguments.get("delta")
    if delta is not None:
        if isinstance(x, dict) == isinstance(y, dict):
            raise _Untranslatable("'delta' goes with the property and a number")
        tested, number = (x, y) if isinstance(x, dict) else (y, x)
        return _op("between", tested, number - abs(delta), number + abs(delta))
    if arguments.get("case_sensitive", True) is False and (isinstance(x, str) or isinstance(y, str)):
        return _op("=", _op("casei", x), _op("casei", y))
    return _op("=", x, y)


def _comparison(operator: str) -> Callable[[Mapping[str, Any]], JsonObject]:
    return lambda arguments: _op(operator, _get(arguments, "x"), _get(arguments, "y"))


def _between(arguments: Mapping[str, Any]) -> JsonObject:
    x, low, high = _get(arguments, "x"), _get(arguments, "min"), _get(arguments, "max")
    if arguments.get("exclude_max", False):
        return _op("and", _op(">=", x, low), _op("<", x, high))
    return _op("between", x, low, high)


def _contains(arguments: Mapping[str, Any]) -> JsonObject:
    data, value = _get(arguments, "data"), _get(arguments, _VALUE)
    return _op("in", value, data) if isinstance(data, list) else _op("a_contains", data, [value])


def _text(before: str, after: str) -> Callable[[Mapping[str, Any]], JsonObject]:
    def translate(arguments: Mapping[str, Any]) -> JsonObject:
        data, pattern = _get(arguments, "data"), _get(arguments, "pattern")
        if not isinstance(pattern, str):
            raise _Untranslatable("'pattern' is no text")
        for mark in ("\\", "%", "_"):
            pattern = pattern.replace(mark, f"\\{mark}")
        pattern = f"{before}{pattern}{after}"
        if arguments.get("case_sensitive", True) is False:
            return _op("like", _op("casei", data), _op("casei", pattern))
        return _op("like", data, pattern)

    return translate


_PROCESSES: Mapping[str, Callable[[Mapping[str, Any]], JsonObject]] = {
    "eq": _eq,
    "neq": lambda arguments: _op("not", _eq(arguments)),
    **{name: _comparison(operator) for name, operator in _COMPARISONS.items()},
    "between": _between,
    "and": lambda arguments: _op("and", _get(arguments, "x"), _get(arguments, "y")),
    "or": lambda arguments: _op("or", _get(arguments, "x"), _get(arguments, "y")),
    "not": lambda arguments: _op("not", _get(arguments, "x")),
    "is_nodata": lambda arguments: _op("isNull", _get(arguments, "x")),
    "is_valid": lambda arguments: _op("not", _op("isNull", _get(arguments, "x"))),
    "array_contains": _contains,
    "text_begins": _text("", "%"),
    "text_ends": _text("%", ""),
    "text_contains": _text("%", "%"),
}
