"""The SQL functions that compiled filters call; `PREPARE` registers them on a connection.

Each returns None where an argument is None or of another type: the predicate is unknown then. None ever raises.
"""

import json
import unicodedata
from collections.abc import Callable, Hashable
from functools import lru_cache
from typing import Any, Protocol

import shapely
from shapely.errors import GEOSException
from shapely.geometry.base import BaseGeometry

from twinlake.standards.geojson import box_shape, find_box_problems, find_geometry_problems, horizontal, to_shape
from twinlake.standards.rfc3339 import parse_moment

_PREPARED = 32
"""Literal geometries kept prepared per connection: one query needs few."""
_RELATIONS: dict[str, Callable[[BaseGeometry, BaseGeometry], Any]] = {
    "intersects": shapely.intersects,
    "equals": shapely.equals,
    "disjoint": shapely.disjoint,
    "touches": shapely.touches,
    "within": shapely.within,
    "overlaps": shapely.overlaps,
    "crosses": shapely.crosses,
    "contains": shapely.contains,
}


class FunctionHost(Protocol):
    """A connection to SQLite."""

    def create_function(
        self, name: str, narg: int, func: Callable[..., Any] | None, /, *, deterministic: bool = False
    ) -> None: ...


def fold_case(text: str) -> str:
    """Return *text* as CASEI compares it: full case folding (Unicode 15, section 3.13)."""
    return text.casefold()


def fold_accents(text: str) -> str:
    """Return *text* as ACCENTI compares it: without the combining marks of its canonical decomposition."""
    if text.isascii():
        return text
    kept = (character for character in unicodedata.normalize("NFD", text) if not unicodedata.combining(character))
    return unicodedata.normalize("NFC", "".join(kept))


def _register(connection: FunctionHost) -> None:
    functions: dict[str, tuple[int, Callable[..., Any]]] = {
        "cql2_casei": (1, lambda text: fold_case(text) if isinstance(text, str) else None),
        "cql2_accenti": (1, lambda text: fold_accents(text) if isinstance(text, str) else None),
        "cql2_first": (1, lambda text: _moment(text)[0]),
        "cql2_last": (1, lambda text: _moment(text)[1]),
        "cql2_geometry": (1, _geometry),
        "cql2_a_equals": (2, lambda left, right: _arrays(left, right, lambda a, b: a == b)),
        "cql2_a_contains": (2, lambda left, right: _arrays(left, right, lambda a, b: a >= b)),
        "cql2_a_overlaps": (2, lambda left, right: _arrays(left, right, lambda a, b: not a.isdisjoint(b))),
    }
    load = lru_cache(_PREPARED)(_prepared)
    for name, relation in _RELATIONS.items():
        functions[f"cql2_s_{name}"] = (2, _spatial(relation, load))
    for name, (count, function) in functions.items():
        connection.create_function(name, count, function, deterministic=True)


PREPARE: tuple[Callable[[FunctionHost], None], ...] = (_register,)
"""To be called with every connection that runs compiled filters."""


def _moment(text: object) -> tuple[int, int] | tuple[None, None]:
    if not isinstance(text, str):
        return None, None
    try:
        return parse_moment(text)
    except ValueError:
        return None, None


# -- geometries


def _prepared(wkb: bytes) -> BaseGeometry:
    shape = shapely.from_wkb(wkb)
    shapely.prepare(shape)
    return shape


def _spatial(
    relation: Callable[[BaseGeometry, BaseGeometry], Any], load: Callable[[bytes], BaseGeometry]
) -> Callable[[bytes | None, bytes | None], bool | None]:
    """Return the SQL function of *relation*: its first argument is the literal, which stays prepared."""

    def relates(literal: bytes | None, wkb: bytes | None) -> bool | None:
        if literal is None or wkb is None:
            return None
        shape = shapely.from_wkb(wkb)
        try:
            return bool(relation(load(literal), shape))
        except GEOSException:  # a shape that crosses itself
            return bool(relation(shapely.make_valid(load(literal)), shapely.make_valid(shape)))

    return relates


def _geometry(text: object) -> bytes | None:
    """Return the WKB of a GeoJSON geometry or of a box in JSON text."""
    value = json.loads(text) if isinstance(text, str) else None
    if isinstance(value, list) and not find_box_problems(value):
        shape = box_shape(horizontal(value))
    elif isinstance(value, dict) and not find_geometry_problems(value):
        shape = to_shape(value)
    else:
        return None
    return bytes(shapely.to_wkb(shape))


# -- arrays


def _arrays(left: object, right: object, relation: Callable[[set[Hashable], set[Hashable]], bool]) -> bool | None:
    """Relate two arrays in JSON text as sets (OGC 21-065r2, section 7.8)."""
    if not (isinstance(left, str) and isinstance(right, str)):
        return None
    first, second = json.loads(left), json.loads(right)
    if not (isinstance(first, list) and isinstance(second, list)):
        return None
    instants = _has_instants(first) or _has_instants(second)
    return relation({_key(member, instants) for member in first}, {_key(member, instants) for member in second})


def _has_instants(members: list[Any]) -> bool:
    return any(isinstance(member, dict) and ("date" in member or "timestamp" in member) for member in members)


def _key(value: Any, instants: bool) -> Hashable:  # noqa: FBT001 - a private switch, always given by position
    """Return what equal elements have in common; with *instants* a text that spells a moment is one."""
    if isinstance(value, dict) and len(value) == 1 and instants:
        [text] = value.values()
        return _key(text, instants)
    if isinstance(value, list):
        return ("array", *(_key(member, instants) for member in value))
    if isinstance(value, dict):
        return "object", json.dumps(value, sort_keys=True)
    if isinstance(value, str):
        moment = _moment(value) if instants else (None, None)
        return ("text", value) if moment[0] is None else ("moment", *moment)
    return "boolean" if isinstance(value, bool) else "number", value
