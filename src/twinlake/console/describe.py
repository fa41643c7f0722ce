"""How documents of the catalogue read to people."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

from twinlake.core.documents import JsonObject

_UNITS = ("B", "kB", "MB", "GB", "TB", "PB")
_SHOWN_PROPERTIES = ("platform", "constellation", "instruments", "eo:cloud_cover", "gsd", "proj:code")
_HIDDEN_PROPERTIES = frozenset({"datetime", "start_datetime", "end_datetime"})
_DETAILS_LIMIT = 600


def write_size(size_bytes: int | None) -> str:
    """Write a size in decimal units, three digits at most before the point."""
    if size_bytes is None:
        return "—"
    step = min(int(math.log10(size_bytes) / 3), len(_UNITS) - 1) if size_bytes > 0 else 0
    value = size_bytes / 1000**step
    return f"{value:.0f} {_UNITS[step]}" if step == 0 or value >= 100 else f"{value:.1f} {_UNITS[step]}"


def write_count(number: int | None, one: str) -> str:
    """Write a number of things, with the plural's s; None is not known exactly."""
    if number is None:
        return f"more than 10 000 {one}s"
    return f"{number:,} {one}{'' if number == 1 else 's'}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def write_instant(text: str | None) -> str:
    """Write an RFC 3339 instant to the minute, a midnight to the day."""
    if not text:
        return "open"
    day, _, time = text.partition("T")
    return day if time[:8] in {"", "00:00:00"} else f"{day} {time[:5]} UTC"


def write_interval(start: str | None, end: str | None) -> str:
    """Write a closed interval."""
    first, last = write_instant(start), write_instant(end)
    return first if first == last else f"{first} – {last}"


@dataclass(frozen=True, slots=True)
class Paths:
    """Makes the addresses of this site's pages. All segments are percent-encoded."""

    root: str

    def item(self, collection: str, item: str) -> str:
        """Return the address of an item's page."""
        return f"{self.collection(collection)}/items/{quote(item, safe='')}"

    def collection(self, collection: str) -> str:
        """Return the address of a collection's page."""
        return f"{self.root}/collections/{quote(collection, safe='')}"


def describe_item(document: JsonObject, paths: Paths) -> JsonObject:
    """Return what a list or page shows of an item."""
    properties = document["properties"]
    when = (
        write_instant(properties["datetime"])
        if properties.get("datetime") and not properties.get("start_datetime")
        else write_interval(properties.get("start_datetime"), properties.get("end_datetime"))
    )
    return {
        "id": document["id"],
        "collection": document["collection"],
        "key": f"{document['collection']}/{document['id']}",
        "href": paths.item(document["collection"], document["id"]),
        "collection_href": paths.collection(document["collection"]),
        "when": when,
        "thumbnail": find_thumbnail(document, paths),
        "summary": " · ".join(_summarise(properties)),
    }


def _summarise(properties: Mapping[str, Any]) -> Iterator[str]:
    for name in _SHOWN_PROPERTIES:
        value = properties.get(name)
        if value in (None, "", []):
            continue
        text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
        yield f"{value:.0f} % cloud" if name == "eo:cloud_cover" and isinstance(value, int | float) else text


def find_thumbnail(document: JsonObject, paths: Paths) -> str | None:
    """Return the address of an item's thumbnail if this site serves it: pages load nothing from elsewhere."""
    for asset in document.get("assets", {}).values():
        if "thumbnail" in (asset.get("roles") or ()) and "/data/" in asset["href"]:
            return paths.root + urlsplit(str(asset["href"])).path
    return None


def describe_asset(key: str, asset: JsonObject) -> JsonObject:
    """Return what the table of assets shows of one."""
    checksum = asset.get("file:checksum") or ""
    return {
        "key": key,
        "title": asset.get("title") or key,
        "type": asset.get("type") or "—",
        "size": write_size(asset.get("file:size")),
        "sha256": checksum.removeprefix("1220") if checksum.startswith("1220") else None,
        "href": asset["href"],
        "here": "/data/" in asset["href"],
    }


def describe_properties(properties: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return names and values as text, long ones cut."""
    return [(name, _write_value(value)) for name, value in sorted(properties.items()) if name not in _HIDDEN_PROPERTIES]


def _write_value(value: Any) -> str:
    text = (
        ", ".join(map(str, value))
        if isinstance(value, list) and not any(isinstance(part, dict) for part in value)
        else str(value)
    )
    return text if len(text) <= _DETAILS_LIMIT else text[:_DETAILS_LIMIT] + " …"


def describe_collection(document: JsonObject, count: int | None, paths: Paths) -> JsonObject:
    """Return what a card or page shows of a collection."""
    interval = document["extent"]["temporal"]["interval"][0]
    return {
        "id": document["id"],
        "title": document.get("title") or document["id"],
        "description": document["description"],
        "items": write_count(count, "item"),
        "when": write_interval(*interval),
        "href": paths.collection(document["id"]),
        "thumbnail": None,
    }


def footprint(document: JsonObject) -> JsonObject:
    """Return the feature that a map draws for an item."""
    key = f"{document['collection']}/{document['id']}"
    return {
        "type": "Feature",
        "bbox": document.get("bbox"),
        "geometry": document["geometry"],
        "properties": {"key": key},
    }


def box_feature(box: list[float]) -> JsonObject:
    """Return the feature that a map draws for an extent; west > east is drawn over the antimeridian."""
    west, south, east, north = box if len(box) == 4 else (box[0], box[1], box[3], box[4])
    east = east + 360 if east < west else east
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return {
        "type": "Feature",
        "bbox": [west, south, east, north],
        "geometry": {"type": "Polygon", "coordinates": [ring]},
        "properties": {"key": "extent"},
    }
