"""Request bodies: JSON, bounded in depth."""

from typing import Any

import orjson

from twinlake.core.documents import JsonObject
from twinlake.core.errors import InvalidInputError

_DEEPEST = 128
"""Levels of nesting of a request body; CQL2 has its own, smaller limit."""


def parse_body(raw: bytes) -> JsonObject:
    """Return the JSON object in *raw*.

    Raises
    ------
    InvalidInputError
        It is not JSON in UTF-8, not an object, or nested more than 128 levels deep.
    """
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise InvalidInputError(f"The body is not JSON: {error}.", remedy="Send one JSON object, UTF-8.") from None
    if not isinstance(value, dict):
        raise InvalidInputError("The body is not a JSON object.", remedy="Send one JSON object.")
    # Counting brackets bounds the depth from above and settles nearly every body without a walk.
    if raw.count(b"[") + raw.count(b"{") > _DEEPEST and _depth(value) > _DEEPEST:
        raise InvalidInputError(f"The body is nested more than {_DEEPEST} levels deep.")
    return value


def _depth(value: Any) -> int:
    depth, level = 0, [value]
    while level:
        depth += 1
        if depth > _DEEPEST:
            break
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, (dict, list))
        ]
    return depth
