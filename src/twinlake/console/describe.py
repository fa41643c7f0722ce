"""How documents of the catalogue read to people."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from itertools import groupby
from typing import Any

import orjson

from twinlake.console.addresses import Addresses, find_host
from twinlake.core.documents import JsonObject
from twinlake.core.sizes import write_size
from twinlake.standards.geojson import find_geometry_problems
from twinlake.standards.stac.bands import COLOURS

_AGES = (("days", 86_400), ("h", 3600), ("min", 60))
_REASONS = {
    "timeout": "it took too long",
    "peer-deadline": "it took too long",
    "peer-unreachable": "it is out of reach",
    "peer-resting": "it failed several times just now",
    "peer-answer": "its answer cannot be read",
    "invalid-answer": "its answer cannot be read",
    "peer-refused": "it refused",
    "invalid-token": "it refused",
    "unsupported": "it cannot answer such a question",
}
_SHOWN_PROPERTIES = ("platform", "constellation", "instruments", "eo:cloud_cover", "gsd", "proj:code")
_HIDDEN_PROPERTIES = frozenset({"datetime", "start_datetime", "end_datetime"})
_SHA256_MULTIHASH = "1220"
_DETAILS_LIMIT = 600
_SHORT_LIMIT = 160
_HOLDER_LIMIT = 40
_NESTED_LIMIT = 6000
_DEEPEST = 6
"""Levels of a nested value that get lines of their own; what is deeper is written as JSON."""
_TITLE_LIMIT = 200
_SUMMARY_LIMIT = 120
_ABOUT_LIMIT = 200
_DESCRIPTION_LIMIT = 20_000
_OUTLINE_BYTES = 20_000
_WIDE_DEGREES = 180
_NUMBERS = re.compile(r"(\d+)", re.ASCII)


def write_count(number: int | None, one: str) -> str:
    """Write a number of things, with the plural's s; None is a number that was too large to count."""
    return f"many {one}s" if number is None else f"{write_number(number)} {one}{'' if number == 1 else 's'}"


def write_number(number: int) -> str:
    """Write a whole number with its thousands apart."""
    return f"{number:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def write_reason(code: str) -> str:
    """Write why a site is missing from an answer."""
    return _REASONS.get(code, code)


def write_instant(text: str | None) -> str:
    """Write an RFC 3339 instant to the minute, a midnight to the day."""
    if not text:
        return "open"
    day, _, time = text.partition("T")
    return day if time[:8] in {"", "00:00:00"} else f"{day} {time[:5]} UTC"


def write_age(age: timedelta) -> str:
    """Write how long ago something was, in its largest unit."""
    seconds = int(age.total_seconds())
    if seconds <= 0:
        return "just now"
    for unit, size in _AGES:
        if seconds >= 2 * size:
            return f"{seconds // size} {unit} ago"
    return f"{seconds} s ago"


def write_interval(start: str | None, end: str | None) -> str:
    """Write a closed interval."""
    first, last = write_instant(start), write_instant(end)
    return first if first == last else f"{first} – {last}"


def natural_key(text: str) -> tuple[str | tuple[int, str], ...]:
    """Return what sorts texts as people do: numbers in them by their value, letters whatever their case."""
    parts = enumerate(_NUMBERS.split(text.casefold()))
    # A number is no int here: those have a limit of digits.
    return tuple((len(part.lstrip("0")), part.lstrip("0")) if place % 2 else part for place, part in parts)


def sort_simultaneous(documents: Iterable[JsonObject]) -> list[JsonObject]:
    """Return items in the order that they have, those that follow each other at one time by natural order of their ids."""
    together = groupby(documents, key=lambda one: one["properties"].get("datetime"))
    return [one for _, group in together for one in sorted(group, key=lambda one: natural_key(one["id"]))]


def describe_item(document: JsonObject, addresses: Addresses) -> JsonObject:
    """Return what a list or page shows of an item."""
    properties = document["properties"]
    when = (
        write_instant(properties["datetime"])
        if properties.get("datetime") and not properties.get("start_datetime")
        else write_interval(properties.get("start_datetime"), properties.get("end_datetime"))
    )
    title, sites = properties.get("title"), document.get("federation:backends", [])
    return {
        "id": document["id"],
        "title": _write_value(title, _TITLE_LIMIT) if title and isinstance(title, str) else document["id"],
        "collection": document["collection"],
        "key": f"{document['collection']}/{document['id']}",
        "sites": sites,
        "href": addresses.item(document["collection"], document["id"], sites),
        "collection_href": addresses.collection(document["collection"], sites),
        "when": when,
        "thumbnail": find_thumbnail(document, addresses),
        "summary": " · ".join(dict.fromkeys(_summarise(properties))),
    }


def _summarise(properties: Mapping[str, Any]) -> Iterator[str]:
    for name in _SHOWN_PROPERTIES:
        value = properties.get(name)
        if value in (None, "", []):
            continue
        is_cover = name == "eo:cloud_cover" and isinstance(value, int | float) and 0 <= value <= 100
        yield f"{value:.0f} % cloud" if is_cover else _write_value(value, _SUMMARY_LIMIT)


def find_thumbnail(document: JsonObject, addresses: Addresses) -> str | None:
    """Return the address of an item's thumbnail at this site, which gets a peer's: pages load nothing from elsewhere."""
    return measure_thumbnail(document, addresses)[0]


def measure_thumbnail(document: JsonObject, addresses: Addresses) -> tuple[str | None, int]:
    """Return the address of an item's thumbnail at this site, if it has one, and the bytes that it takes."""
    backends = document.get("federation:backends", ())
    for key, asset in document["assets"].items():
        if "thumbnail" not in (asset.get("roles") or ()):
            continue
        size_bytes = asset.get("file:size") or 0
        if address := addresses.own_data(asset["href"]):
            return address, size_bytes
        if len(backends) == 1:
            return addresses.thumbnail(backends[0], document["collection"], document["id"], key), size_bytes
    return None, 0


def describe_asset(key: str, asset: JsonObject, addresses: Addresses, sites: Sequence[str] = ()) -> JsonObject:
    """Return what the table of assets shows of one.

    ``href`` is None where a browser cannot follow it, ``holder`` the one of *sites*, or the host, that has it; None is this site.
    """
    checksum = asset.get("file:checksum") or ""
    own = addresses.own_data(asset["href"])
    holder = next((site for site in sites if addresses.is_data_of(site, asset["href"])), None) or find_host(asset["href"])
    return {
        "key": key,
        "title": cut_text(asset.get("title") or key, _TITLE_LIMIT),
        "type": cut_text(asset.get("type") or "—", _TITLE_LIMIT),
        "size": write_size(asset.get("file:size")),
        "sha256": checksum.removeprefix(_SHA256_MULTIHASH) if checksum.startswith(_SHA256_MULTIHASH) else None,
        "href": own or (asset["href"] if asset["href"].startswith(("http://", "https://")) else None),
        "holder": None if own else cut_text(holder, _HOLDER_LIMIT),
    }


def name_colours(places: Sequence[int], names: Sequence[str]) -> str:
    """Return which bands give a map its colours, such as "red B04, green B03, blue B02"; nothing where one gives them all.

    Parameters
    ----------
    places
        Of the bands that are drawn.
    names
        Of all bands; empty for one that has none.
    """
    drawn = [names[place] or f"band {place + 1}" for place in places]
    return ", ".join(f"{colour} {name}" for colour, name in zip(COLOURS, drawn, strict=True)) if len(drawn) > 1 else ""


def describe_properties(properties: Mapping[str, Any]) -> list[JsonObject]:
    """Return names and values as text, very long ones cut: first the short ones, then those that are long (``is_long``)."""
    shown = sorted(name for name in properties if name not in _HIDDEN_PROPERTIES)
    described = [{"name": name, **_describe_property(properties[name])} for name in shown]
    return sorted(described, key=lambda one: bool(one["is_long"]))


def _describe_property(value: Any) -> JsonObject:
    if _is_nested(value):
        return {"text": cut_text("\n".join(_write_lines(value)), _NESTED_LIMIT), "is_long": True}
    text = _write_value(value, _DETAILS_LIMIT)
    return {"text": text, "is_long": len(text) > _SHORT_LIMIT}


def _is_nested(value: Any) -> bool:
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return bool(parts) and (isinstance(value, dict) or any(isinstance(part, dict | list) for part in parts))


def _write_lines(value: Any, depth: int = 0) -> Iterator[str]:
    """Write a nested value with a line for each key, and a dash before each member of a list."""
    for name, part in value.items() if isinstance(value, dict) else (("", part) for part in value):
        start = f"{'  ' * depth}{name}:" if isinstance(value, dict) else f"{'  ' * depth}-"
        if not _is_nested(part):
            yield f"{start} {_write_value(part, _DETAILS_LIMIT)}"
        elif depth < _DEEPEST:
            yield start
            yield from _write_lines(part, depth + 1)
        else:
            yield f"{start} {cut_text(_write_json(part), _DETAILS_LIMIT)}"


def _write_value(value: Any, limit: int) -> str:
    if isinstance(value, str):
        text = value
    elif isinstance(value, list) and not _is_nested(value):
        text = ", ".join(_write_value(part, limit) for part in value)
    else:
        text = _write_json(value)
    return cut_text(text, limit)


def _write_json(value: Any) -> str:
    try:
        return orjson.dumps(value).decode()
    except orjson.JSONEncodeError:  # it reads what is nested deeper than it writes
        return "…"


def cut_text(text: str, limit: int = _DETAILS_LIMIT) -> str:
    """Return *text*, if it is longer than *limit* its beginning."""
    return text if len(text) <= limit else f"{text[:limit]} …"


def describe_collection(document: JsonObject, addresses: Addresses) -> JsonObject:
    """Return what a card or page shows of a collection."""
    start, end = document["interval"]
    sites = document.get("federation:backends", [])
    return {
        "id": document["id"],
        "title": cut_text(document["title"] or document["id"], _TITLE_LIMIT),
        "description": cut_text(document["description"], _DESCRIPTION_LIMIT),
        "about": _write_value(document["description"], _ABOUT_LIMIT),
        "when": "any time" if start is None and end is None else write_interval(start, end),
        "href": addresses.collection(document["id"], sites),
        "sites": sites,
    }


def draw_footprint(document: JsonObject) -> JsonObject | None:
    """Return the feature that a map draws for an item; of a long outline only its box, and None where there is none."""
    geometry, box = document["geometry"], document.get("bbox")
    if geometry is None:
        return None
    key = f"{document['collection']}/{document['id']}"
    if box and len(_write_json(geometry)) > _OUTLINE_BYTES:
        return draw_box(box, key)
    if find_geometry_problems(geometry):
        return None
    return {"type": "Feature", "bbox": box, "geometry": geometry, "properties": {"key": key, "wide": _is_wide(box)}}


def draw_box(box: list[float], key: str) -> JsonObject:
    """Return the feature that a map draws for a box; west > east is drawn over the antimeridian."""
    west, south, east, north = box if len(box) == 4 else (box[0], box[1], box[3], box[4])
    east = east + 360 if east < west else east
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return {
        "type": "Feature",
        "bbox": [west, south, east, north],
        "geometry": {"type": "Polygon", "coordinates": [ring]},
        "properties": {"key": key, "wide": _is_wide(box)},
    }


def _is_wide(box: list[float] | None) -> bool:
    """Tell whether a footprint goes around half of the Earth: filled, several of those would hide the map."""
    if not box:
        return False
    width = box[len(box) // 2] - box[0]
    return (width + 360 if width < 0 else width) > _WIDE_DEGREES


def write_features(features: Iterable[JsonObject | None]) -> str:
    """Write features as JSON that may stand inside an HTML element."""
    collection = {"type": "FeatureCollection", "features": [feature for feature in features if feature]}
    return orjson.dumps(collection).decode().replace("<", "\\u003c")  # "<" would end the element
