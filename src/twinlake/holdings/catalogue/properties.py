"""Properties that have a column of their own, and what is noted of all the others."""

from collections.abc import Callable
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
    return tuple([_READERS[promoted.type](properties.get(promoted.name)) for promoted in PROMOTED])


def read_promoted(promoted: Promoted, value: Any) -> Any:
    """Return the value that the column of *promoted* gives back for a property's *value*: its numbers are of type real."""
    read = _READERS[promoted.type](value)
    return float(read) if promoted.type == "number" and read is not None else read


def within_64_bits(number: float) -> float:
    """Return *number* as SQLite can keep it: a larger integer as the real number next to it, as its JSON functions read it."""
    return float(number) if isinstance(number, int) and number not in _INTEGERS else number


def _number(value: Any) -> float | None:
    return within_64_bits(value) if type(value) in _NUMBERS else None


def _text(value: Any) -> str | None:
    return value if type(value) is str else None


def _instant(value: Any) -> int | None:
    if type(value) is not str:
        return None
    try:
        return parse_instant(value)
    except ValueError:
        return None


_NUMBERS = (int, float)
_INTEGERS = range(-(2**63), 2**63)
_READERS: dict[str, Callable[[Any], Any]] = {"number": _number, "text": _text, "timestamp": _instant}


class ValueType(IntFlag):
    """JSON types that a property was seen with."""

    STRING = 1
    NUMBER = 2
    INTEGER = 4
    BOOLEAN = 8
    ARRAY = 16
    OBJECT = 32
