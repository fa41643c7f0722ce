"""Items with all that a catalogue must bear: ties, gaps, boxes over the antimeridian and poles, intervals, no geometry."""

import random
from datetime import UTC, datetime, timedelta

from twinlake.core.documents import JsonObject

ODD_COLLECTIONS = ("odd-a", "odd-b", "odd c-ü", "odd-long")
_START = datetime(2020, 1, 1, tzinfo=UTC)
_INSTANTS = [_START + timedelta(hours=6 * step) for step in range(120)]


def odd_item(number: int) -> JsonObject:
    """Return one item, the same for the same number."""
    chance = random.Random(f"odd {number}")  # noqa: S311 - made by rule, not secret
    collection = chance.choice(ODD_COLLECTIONS)
    geometry, bbox = _geometry(chance)
    item: JsonObject = {
        "type": "Feature",
        "stac_version": "1.1.0",
        "id": f"ïtem {number // 3:05d}",  # the same id in several collections
        "collection": collection,
        "geometry": geometry,
        "properties": {**_times(chance, collection), **_properties(chance)},
        "assets": {},
        "links": [],
    }
    if bbox is not None:
        item["bbox"] = bbox
    return item


def odd_collection(collection: str) -> JsonObject:
    """Return the document of one of `ODD_COLLECTIONS`."""
    return {
        "type": "Collection",
        "stac_version": "1.1.0",
        "id": collection,
        "description": "Odd but right.",
        "license": "CC0-1.0",
        "extent": {"spatial": {"bbox": [[-180, -90, 180, 90]]}, "temporal": {"interval": [[None, None]]}},
        "links": [],
    }


def _text(instant: datetime) -> str:
    return f"{instant:%Y-%m-%dT%H:%M:%SZ}"


def _times(chance: random.Random, collection: str) -> JsonObject:
    at = chance.choice(_INSTANTS)
    if collection == "odd-long" or (collection != "odd-a" and chance.random() < 0.1):
        start, end = at - timedelta(days=chance.randrange(40)), at + timedelta(days=chance.randrange(400))
        return {
            "datetime": _text(at) if chance.random() < 0.5 else None,
            "start_datetime": _text(start),
            "end_datetime": _text(end),
        }
    return {"datetime": _text(at)}


def _properties(chance: random.Random) -> JsonObject:
    properties: JsonObject = {}
    if chance.random() < 0.8:
        properties["eo:cloud_cover"] = chance.choice((0, 0.0, 12.5, 50, 99.99, round(chance.uniform(0, 100), 2)))
    if chance.random() < 0.7:
        properties["platform"] = chance.choice(("alpha", "beta", "Ärger"))
    if chance.random() < 0.6:
        properties["odd:number"] = chance.choice((1, 2, 2.5, -7, 10**6))
    if chance.random() < 0.5:
        properties["odd:name"] = chance.choice(("x", "y", "z", "", 'quo"te'))
    if chance.random() < 0.2:
        properties["odd:mixed"] = chance.choice((1, "1", True, None))
    if chance.random() < 0.5:
        properties["updated"] = _text(chance.choice(_INSTANTS))
    return properties


def _geometry(chance: random.Random) -> tuple[JsonObject | None, list[float] | None]:
    x, y = round(chance.uniform(-180, 170), 3), round(chance.uniform(-90, 80), 3)
    kind = chance.choice(
        ("none", "point", "box", "quad", "quad", "quad", "big", "pieces", "antimeridian", "pole", "line", "dense")
    )
    match kind:
        case "none":
            return None, None
        case "point":
            return {"type": "Point", "coordinates": [x, y]}, [x, y, x, y]
        case "box":
            return _polygon(_ring(x, y, x + 1, y + 2)), [x, y, x + 1, y + 2]
        case "quad":
            size = chance.choice((0.5, 1.0, 2.0, 8.0))
            return _quad(x, y, size), [x, y, x + size, y + size]
        case "dense":
            x, y = round(chance.uniform(10, 12), 3), round(chance.uniform(45, 47), 3)
            return _quad(x, y, 0.8), [x, y, x + 0.8, y + 0.8]
        case "big":
            return _polygon(_ring(-150, -60, 150, 70)), [-150, -60, 150, 70]
        case "pieces":
            parts = [_ring(x, y, x + 0.5, y + 0.5), _ring(x + 5, y + 5, x + 5.5, y + 5.5)]
            return {"type": "MultiPolygon", "coordinates": [[part] for part in parts]}, [x, y, x + 5.5, y + 5.5]
        case "antimeridian":
            parts = [_ring(178, y, 180, y + 3), _ring(-180, y, -179, y + 3)]
            return {"type": "MultiPolygon", "coordinates": [[part] for part in parts]}, [178, y, -179, y + 3]
        case "line":
            return {"type": "LineString", "coordinates": [[x, y], [x + 3, y + 1], [x + 1, y + 4]]}, [x, y, x + 3, y + 4]
    return _polygon(_ring(-180, 80, 180, 90)), [-180, 80, 180, 90]


def _quad(x: float, y: float, size: float) -> JsonObject:
    lean = size / 5
    corners = ((x + lean, y), (x + size, y + lean), (x + size - lean, y + size), (x, y + size - lean), (x + lean, y))
    return _polygon([[a, b] for a, b in corners])


def _polygon(ring: list[list[float]]) -> JsonObject:
    return {"type": "Polygon", "coordinates": [ring]}


def _ring(west: float, south: float, east: float, north: float) -> list[list[float]]:
    return [[west, south], [east, south], [east, north], [west, north], [west, south]]
