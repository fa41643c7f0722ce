"""Properties that have a column of their own, and what is noted of all the others."""

from dataclasses import dataclass
from enum import IntFlag
from typing import Any, Literal

from twinlake.core.documents import JsonObject
from twinlake.standards.rfc3339 import parse_instant


@dataclass(frozen=True, slots=True)
class Promoted:
    """A property with a column of its own in the table of items."""

    name: str
    column: str
    type: Literal["number", "text", "timestamp"]


PROMOTED = (
    Promoted("eo:cloud_cover", "cloud_cover", "number"),
    Promoted("platform", "platform", "text"),
    Promoted("gsd", "gsd", "number"),
    Promoted("created", "created", "timestamp"),
    Promoted("updated", "updated", "timestamp"),
)
PROMOTED_BY_NAME = {promoted.name: promoted for promoted in PROMOTED}


def promote(properties: JsonObject) -> tuple[Any, ...]:
    """Return the values of the promoted columns; a value of another type counts as none."""
    return tuple(_typed(properties.get(promoted.name), promoted.type) for promoted in PROMOTED)


def _typed(value: Any, kind: str) -> Any:
    if kind == "number":
        return value if isinstance(value, int | float) and not isinstance(value, bool) else None
    if not isinstance(value, str):
        return None
    return value if kind == "text" else _instant(value)


def _instant(value: str) -> int | None:
    try:
        return parse_instant(value)
    except ValueError:
        return None


class ValueType(IntFlag):
    """JSON types that a property was seen with."""

    STRING = 1
    NUMBER = 2
    INTEGER = 4
    BOOLEAN = 8
    ARRAY = 16
    OBJECT = 32
