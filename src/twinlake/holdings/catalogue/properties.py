"""Properties that have a column of their own, and what is noted of all the others."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntFlag
from typing import Any, Literal

from twinlake.core.documents import JsonObject
from twinlake.standards.cql2.columns import TIMESTAMP_PROPERTIES
from twinlake.standards.rfc3339 import parse_instant

_LONGEST_VALUE = 200


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


@dataclass(frozen=True, slots=True)
class Fact:
    """What one item tells of one property: its type, and the number or the texts that it has."""

    name: str
    type: ValueType
    number: float | None = None
    texts: tuple[str, ...] = ()
    is_countable: bool = True
    """False where the texts are too long to be kept as an enumeration."""


def facts_of(properties: JsonObject) -> Iterator[Fact]:
    """Yield what *properties* tell; null tells nothing."""
    for name, value in properties.items():
        match value:
            case None:
                continue
            case bool():
                yield Fact(name, ValueType.BOOLEAN)
            case int():
                yield Fact(name, ValueType.INTEGER, number=float(value))
            case float():
                yield Fact(name, ValueType.NUMBER, number=value)
            case str():
                yield _text_fact(name, ValueType.STRING, [value])
            case list():
                yield _text_fact(name, ValueType.ARRAY, [entry for entry in value if isinstance(entry, str)])
            case _:
                yield Fact(name, ValueType.OBJECT)


def _text_fact(name: str, kind: ValueType, texts: list[str]) -> Fact:
    if name in TIMESTAMP_PROPERTIES:
        return Fact(name, kind, is_countable=False)
    is_countable = all(len(text) <= _LONGEST_VALUE for text in texts)
    return Fact(name, kind, texts=tuple(texts) if is_countable else (), is_countable=is_countable)
