"""The query extension (STACQL), the forerunner of CQL2, translated to it.

Source: https://github.com/stac-api-extensions/query. The operators of one property, and all properties, are joined by *and*.
"""

import re
from collections.abc import Callable
from typing import Any

from twinlake.core.documents import JsonObject
from twinlake.core.errors import InvalidInputError
from twinlake.discovery.data.names import refuse_unknown
from twinlake.holdings.catalogue.columns import ItemColumns

_COMPARISONS = {"eq": "=", "neq": "<>", "lt": "<", "lte": "<=", "gt": ">", "gte": ">="}
_PATTERNS: dict[str, Callable[[str], str]] = {
    "startsWith": lambda text: f"{text}%",
    "endsWith": lambda text: f"%{text}",
    "contains": lambda text: f"%{text}%",
}
_NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d{1,2})?", re.ASCII)
_COLUMNS = ItemColumns()
_OPERATORS = (*_COMPARISONS, *_PATTERNS, "in")


def to_cql2(query: Any) -> JsonObject | None:
    """Translate *query* to CQL2 as JSON; None where it asks for nothing.

    Raises
    ------
    InvalidInputError
        It is not an object of properties, operators and values.
    """
    if not isinstance(query, dict) or not all(isinstance(operators, dict) for operators in query.values()):
        raise InvalidInputError("'query' must be an object of properties, each with an object of operators.")
    terms = [_term(name, operator, value) for name, operators in query.items() for operator, value in operators.items()]
    return join_by_and(terms)


def join_by_and(terms: list[JsonObject]) -> JsonObject | None:
    """Return the conjunction of CQL2 expressions; None where there is none."""
    if len(terms) > 1:
        return {"op": "and", "args": terms}
    return terms[0] if terms else None


def _term(name: str, operator: str, value: Any) -> JsonObject:
    refuse_unknown([operator], _OPERATORS, what="operator of 'query'")
    target = {"property": name}
    if operator == "in":
        if not isinstance(value, list) or not value:
            raise InvalidInputError(f"'in' of {name!r} needs a list of values.")
        return {"op": "in", "args": [target, value]}
    if operator in _PATTERNS:
        if not isinstance(value, str):
            raise InvalidInputError(f"{operator!r} of {name!r} needs text.")
        return {"op": "like", "args": [target, _PATTERNS[operator](_escape(value))]}
    if value is None and operator in {"eq", "neq"}:
        absent = {"op": "isNull", "args": [target]}
        return absent if operator == "eq" else {"op": "not", "args": [absent]}
    return _compare(name, _COMPARISONS[operator], value)


def _compare(name: str, operator: str, value: Any) -> JsonObject:
    """Compare a property with a value.

    pystac-client sends numbers as text where its user wrote ``eo:cloud_cover<10``: such a text is taken for a number where the
    property is one, and for both where that is not known.
    """
    kind = _COLUMNS.column(name.removeprefix("properties.")).type
    meanings = [value]
    if isinstance(value, str) and kind in {"number", "any"} and _NUMBER.fullmatch(value):
        meanings = [float(value)] if kind == "number" else [value, float(value)]
    terms = [{"op": operator, "args": [{"property": name}, meaning]} for meaning in meanings]
    return terms[0] if len(terms) == 1 else {"op": "and" if operator == "<>" else "or", "args": terms}


def _escape(text: str) -> str:
    """Take the meaning from the wildcards of LIKE (OGC 21-065r2, clause 7.1: the escape character is the backslash)."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
