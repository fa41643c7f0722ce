"""The canonical document: what makes two documents the same version.

Keys sorted by code point, compact UTF-8, numbers as Python's `json` writes them, but a whole number without fraction
whatever its type was (so that a JSON parser on the way changes nothing); without navigation links and without hrefs that
a site made.
"""

import hashlib
import json
import re
from collections.abc import Collection, Mapping
from functools import lru_cache
from typing import Any

import orjson

from twinlake.core.documents import JsonObject

NAVIGATION = frozenset(
    {
        "self", "root", "parent", "collection", "collections", "item", "items", "child", "children", "search", "data",
        "next", "prev", "previous", "first", "last", "edit", "conformance", "service-desc", "service-doc",
        "queryables", "http://www.opengis.net/def/rel/ogc/1.0/queryables", "aggregate", "aggregations",
    }
)  # fmt: skip
"""Relations of links that a server makes (STAC 1.1.0, STAC API 1.0.0, OGC API - Features)."""

_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False)
_EXACT = 2**53
_WHOLE_FLOAT = re.compile(rb"\.0(?<=\d\.0)(?:[,\]}]|$)")
"""Begins with a fixed character, which is searched for several times faster than a digit."""
_SHAPE_OF_NUMBERS = bytes(
    ord("0") if chr(code) in "0123456789+-" else code if chr(code) == "e" else ord(" ") for code in range(256)
)
"""For `bytes.translate`: digits and signs alike, everything else but exponents blank."""
_EXPONENT, _SMALL = b"0e0", b"0.0000"
"""Numbers that encoders write differently, the first in a shape. Like whole floats they may also hit within a text,
which costs time only."""


def canonical(document: JsonObject, *, own_assets: Collection[str] = ()) -> bytes:
    """Write a read Item or Collection canonically; the hrefs of *own_assets* (keys) were made by a site and are left out."""
    return join_members(canonical_members(document, own_assets=own_assets))


def canonical_members(document: JsonObject, *, own_assets: Collection[str] = ()) -> dict[str, bytes]:
    """Return the members of the canonical document, in its order, each as JSON text."""
    kept = dict(document)
    kept["links"] = [link for link in document.get("links", ()) if link.get("rel") not in NAVIGATION]
    if own_assets:
        kept["assets"] = {
            key: {name: value for name, value in asset.items() if name != "href"} if key in own_assets else asset
            for key, asset in document.get("assets", {}).items()
        }
    return {name: _write(kept[name]) for name in sorted(kept)}


def join_members(members: Mapping[str, bytes]) -> bytes:
    """Write a JSON object of members that are JSON texts already."""
    return b"{" + b",".join([_write_name(name) + text for name, text in members.items()]) + b"}"


@lru_cache(maxsize=256)
def _write_name(name: str) -> bytes:
    return orjson.dumps(name) + b":"


def _write(value: Any) -> bytes:
    text = orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    if type(value) is str:
        return text
    whole = _WHOLE_FLOAT.search(text)
    if whole:
        value = _with_whole_numbers(value)
    shape = text.translate(_SHAPE_OF_NUMBERS)
    if _EXPONENT in shape or _SMALL in text:
        return _ENCODER.encode(value).encode()
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS) if whole else text


def canonical_sha256(document: JsonObject, *, own_assets: Collection[str] = ()) -> str:
    """Return the SHA-256 of the canonical document, hex: the name of its version."""
    return hashlib.sha256(canonical(document, own_assets=own_assets)).hexdigest()


def _with_whole_numbers(value: Any) -> Any:
    kind = type(value)
    if kind is float:
        return int(value) if value.is_integer() and abs(value) < _EXACT else value
    if kind is dict:
        return {name: _with_whole_numbers(member) for name, member in value.items()}
    if kind is list or kind is tuple:
        return [_with_whole_numbers(member) for member in value]
    return value
