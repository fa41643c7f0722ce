"""The canonical document: what makes two documents the same version.

Keys sorted by code point, compact UTF-8, numbers as Python's `json` writes them, but a whole number without fraction
whatever its type was (so that a JSON parser on the way changes nothing); without navigation links and without hrefs that
a site made.
"""

import hashlib
import json
import re
from collections.abc import Collection
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
_WHOLE_FLOAT = re.compile(rb"\.0(?<=\d\.0)[,\]}]")
_EXPONENT = re.compile(rb"e(?<=\de)[-+\d]")
_SMALL = b"0.0000"
"""Numbers that encoders write differently. All three may also hit within a text, which costs time only.
The patterns begin with a fixed character, which is searched for several times faster than a digit."""


def canonical(document: JsonObject, *, own_assets: Collection[str] = ()) -> bytes:
    """Write a read Item or Collection canonically; the hrefs of *own_assets* (keys) were made by a site and are left out."""
    kept = dict(document)
    kept["links"] = [link for link in document.get("links", ()) if link.get("rel") not in NAVIGATION]
    if own_assets:
        kept["assets"] = {
            key: {name: value for name, value in asset.items() if name != "href"} if key in own_assets else asset
            for key, asset in document.get("assets", {}).items()
        }
    text = orjson.dumps(kept, option=orjson.OPT_SORT_KEYS)
    whole = _WHOLE_FLOAT.search(text)
    if whole:
        kept = _with_whole_numbers(kept)
    if _SMALL in text or _EXPONENT.search(text):
        return _ENCODER.encode(kept).encode()
    return orjson.dumps(kept, option=orjson.OPT_SORT_KEYS) if whole else text


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
