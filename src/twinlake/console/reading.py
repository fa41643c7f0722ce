"""Documents in the forms that pages rely on. Another site may send anything that is JSON; a page of it is a page still.

What has another form than STAC gives it is left out: the document itself is at the API, as it came.
"""

from typing import Any

import orjson

from twinlake.core.documents import JsonObject
from twinlake.discovery.data.reach import BACKENDS
from twinlake.standards.geojson import find_box_problems

_INSTANTS = ("datetime", "start_datetime", "end_datetime")
_LONGEST_INSTANT = 40
"""Characters; RFC 3339 with nanoseconds and an offset takes 35."""
_LARGEST_SIZE = 1 << 62


def read_item(body: bytes) -> JsonObject:
    """Return an item's id, collection, place, properties, assets and sites."""
    item = _object(orjson.loads(body))
    properties = _object(item.get("properties"))
    return {
        "id": _text(item.get("id")),
        "collection": _text(item.get("collection")),
        "geometry": item.get("geometry"),
        "bbox": _box(item.get("bbox")),
        "properties": properties | {name: _instant(properties[name]) for name in _INSTANTS if name in properties},
        "assets": {key: _read_asset(_object(asset)) for key, asset in _object(item.get("assets")).items()},
        BACKENDS: _texts(item.get(BACKENDS)),
    }


def _read_asset(asset: JsonObject) -> JsonObject:
    """Return *asset* with what is shown of it in its form, empty where it is in none; a size only where there is one."""
    size = asset.get("file:size")
    is_size = type(size) is int and 0 <= size < _LARGEST_SIZE
    return {name: value for name, value in asset.items() if name != "file:size" or is_size} | {
        "href": _text(asset.get("href")),
        "title": _text(asset.get("title")),
        "type": _text(asset.get("type")),
        "roles": _texts(asset.get("roles")),
        "file:checksum": _text(asset.get("file:checksum")),
    }


def read_collection(body: bytes) -> JsonObject:
    """Return a collection's texts, extent and sites; there is no ``bbox`` where none is good."""
    collection = _object(orjson.loads(body))
    extent = _object(collection.get("extent"))
    boxes = _list(_object(extent.get("spatial")).get("bbox"))
    interval = _list(next(iter(_list(_object(extent.get("temporal")).get("interval"))), None))
    start, end = map(_instant, interval) if len(interval) == 2 else (None, None)
    return {
        "id": _text(collection.get("id")),
        "title": _text(collection.get("title")),
        "description": _text(collection.get("description")),
        "license": _text(collection.get("license")),
        "keywords": _texts(collection.get("keywords")),
        "providers": [_text(_object(one).get("name")) for one in _list(collection.get("providers"))],
        "bbox": _box(next(iter(boxes), None)),
        "interval": (start, end),
        BACKENDS: _texts(collection.get(BACKENDS)),
    }


def read_queryables(schema: JsonObject) -> dict[str, JsonObject]:
    """Return the schema of each property, with ``type`` and ``enum`` as lists."""
    described = {name: _object(one) for name, one in _object(schema.get("properties")).items()}
    return {name: one | {"type": _kinds(one), "enum": _values(one)} for name, one in described.items()}


def _kinds(schema: JsonObject) -> list[str]:
    kind = schema.get("type")
    return [kind] if isinstance(kind, str) else _texts(kind)


def _values(schema: JsonObject) -> list[Any]:
    return _list(schema.get("enum")) or _list(_object(schema.get("items")).get("enum"))


def _object(value: Any) -> JsonObject:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _texts(value: Any) -> list[str]:
    return [one for one in _list(value) if isinstance(one, str)]


def _instant(value: Any) -> str | None:
    return value if isinstance(value, str) and len(value) <= _LONGEST_INSTANT else None


def _box(value: Any) -> list[float] | None:
    return None if find_box_problems(value) else list(value)
