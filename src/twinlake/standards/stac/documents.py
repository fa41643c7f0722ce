"""What holds for every document before its fields are looked at: it is JSON, of bounded size and depth."""

import re
from typing import Any

import orjson

from twinlake.core.documents import JsonObject
from twinlake.core.errors import TooLargeError
from twinlake.standards.problems import InvalidDocumentError, Problem

MAX_BYTES = 4 << 20
"""Size of an Item or Collection as compact JSON."""

MAX_DEPTH = 254
"""Objects and lists within one another: what orjson writes."""

_SURROGATE = re.compile("[\ud800-\udfff]")


def copy_document(document: object, what: str) -> JsonObject:
    """Return a copy of a JSON object of which nothing is shared.

    Raises
    ------
    InvalidDocumentError
        It is no JSON object, nested deeper than 254 levels, or has a number that is not finite or has more than 64 bits.
    TooLargeError
        It is larger than 4 MiB.
    """
    if not isinstance(document, dict):
        raise InvalidDocumentError(what, [Problem("", "it is not a JSON object")])
    try:
        text = orjson.dumps(document)
        copy: JsonObject = orjson.loads(text)
    except (TypeError, ValueError):
        copy, text = {}, b""
    # What is not finite is written as null: then the copy differs.
    if copy != document:
        _refuse_strange_values(document, what)
    if len(text) > MAX_BYTES:
        raise TooLargeError(
            f"{what} is larger than {MAX_BYTES >> 20} MiB.", remedy="Simplify its geometry or move tables into an asset."
        )
    return copy


def _refuse_strange_values(document: JsonObject, what: str) -> None:
    """Name what JSON cannot carry, without recursion."""
    problems: list[Problem] = []
    waiting: list[tuple[Any, str, int]] = [(document, "", 1)]
    while waiting:
        value, path, depth = waiting.pop()
        if depth > MAX_DEPTH:
            raise InvalidDocumentError(what, [Problem(path[:60], f"is nested deeper than {MAX_DEPTH} levels")])
        if isinstance(value, dict):
            waiting.extend((member, f"{path}.{name}" if path else str(name), depth + 1) for name, member in value.items())
            problems.extend(Problem(path, f"has a name that is not a text, {name!r}") for name in value if not _is_text(name))
        elif isinstance(value, (list, tuple)):
            waiting.extend((member, f"{path}[{index}]", depth + 1) for index, member in enumerate(value))
        elif not _is_plain(value):
            problems.append(Problem(path, f"{str(value)[:40]!r} is not a value of JSON, finite and of at most 64 bits"))
    if problems:
        raise InvalidDocumentError(what, problems)


def _is_plain(value: object) -> bool:
    if value is None or isinstance(value, bool):
        return True
    if isinstance(value, int):
        return -(2**63) <= value < 2**64
    if isinstance(value, float):
        return value - value == 0
    return _is_text(value)


def _is_text(value: object) -> bool:
    return isinstance(value, str) and _SURROGATE.search(value) is None
