"""Items that look like Sentinel-2 scenes, made by rule: the same number gives the same item, everywhere and always.

About 5 kB each, in 20 collections whose sizes follow Zipf's law, over ten years, over land.
"""

import bisect
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import accumulate

from twinlake.core.documents import JsonObject

COLLECTIONS = tuple(f"generated-{number:02d}" for number in range(1, 21))
FIRST = datetime(2015, 1, 1, tzinfo=UTC)
YEARS = 10
PLATFORMS = ("sentinel-2a", "sentinel-2b", "sentinel-2c")
_SECONDS = int(timedelta(days=365.25 * YEARS).total_seconds())
_WEIGHTS = list(accumulate(1 / rank for rank in range(1, len(COLLECTIONS) + 1)))
_LANDS = ((-125, 25, -65, 60), (-80, -55, -35, 10), (-15, -34, 50, 35), (-10, 36, 60, 70), (60, 5, 145, 75), (113, -44, 154, -10))
"""Boxes of land: west, south, east, north in degrees."""
_BANDS = {
    **{f"B{number:02d}": 10 if number in {2, 3, 4, 8} else 20 for number in range(1, 13)},
    "B8A": 20,
    "AOT": 20,
    "SCL": 20,
    "WVP": 20,
    "visual": 10,
}
_SIDE_DEGREES = 0.99


def generated_collection(collection: str) -> JsonObject:
    """Return the document of one of `COLLECTIONS`."""
    return {
        "type": "Collection",
        "stac_version": "1.1.0",
        "id": collection,
        "title": f"Generated scenes {collection[-2:]}",
        "description": "Scenes made by rule, for tests and benchmarks.",
        "license": "CC0-1.0",
        "extent": {
            "spatial": {"bbox": [[-180, -90, 180, 90]]},
            "temporal": {"interval": [[f"{FIRST:%Y-%m-%dT%H:%M:%SZ}", None]]},
        },
        "links": [],
    }


def generated_items(count: int, *, first: int = 0) -> Iterator[JsonObject]:
    """Yield *count* items, from number *first*."""
    for number in range(first, first + count):
        yield generated_item(number)


def generated_item(number: int) -> JsonObject:
    """Return one item."""
    chance = random.Random(number)  # noqa: S311 - made by rule, not secret
    collection = COLLECTIONS[bisect.bisect(_WEIGHTS, chance.random() * _WEIGHTS[-1])]
    at = FIRST + timedelta(seconds=chance.randrange(_SECONDS), milliseconds=chance.randrange(1000))
    west, south, east, north = chance.choice(_LANDS)
    x, y = chance.uniform(west, east), chance.uniform(south, north)
    outline = _outline(x, y, chance.uniform(0.02, 0.15))
    tile = f"{int((x + 180) // 6) + 1:02d}{chance.choice('CDEFGHJKLMNPQRSTUVWX')}{''.join(chance.choices('ABCDEFGH', k=2))}"
    platform = chance.choices(PLATFORMS, (5, 4, 1))[0]
    name = f"S2{platform[-1].upper()}_MSIL2A_{at:%Y%m%dT%H%M%S}_N0500_R{chance.randrange(1, 144):03d}_T{tile}_{number:08d}"
    return {
        "type": "Feature",
        "stac_version": "1.1.0",
        "stac_extensions": [
            "https://stac-extensions.github.io/eo/v1.1.0/schema.json",
            "https://stac-extensions.github.io/projection/v2.0.0/schema.json",
            "https://stac-extensions.github.io/view/v1.0.0/schema.json",
        ],
        "id": name,
        "collection": collection,
        "geometry": {"type": "Polygon", "coordinates": [outline]},
        "bbox": [
            min(point[0] for point in outline),
            min(point[1] for point in outline),
            max(point[0] for point in outline),
            max(point[1] for point in outline),
        ],
        "properties": _properties(chance, at, platform, tile, x),
        "assets": {band: _asset(collection, name, band, gsd) for band, gsd in _BANDS.items()},
        "links": [{"rel": "license", "href": "https://example.org/licence", "type": "text/html"}],
    }


def _outline(x: float, y: float, lean: float) -> list[list[float]]:
    """Return a leaning quadrangle, as a scene's footprint is one, that stays within the world."""
    west, south = min(x, 179 - _SIDE_DEGREES), min(y, 89 - _SIDE_DEGREES)
    east, north = west + _SIDE_DEGREES, south + _SIDE_DEGREES
    corners = ((west + lean, south), (east, south + lean), (east - lean, north), (west, north - lean), (west + lean, south))
    return [[round(a, 6), round(b, 6)] for a, b in corners]


def _properties(chance: random.Random, at: datetime, platform: str, tile: str, x: float) -> JsonObject:
    made = at + timedelta(hours=chance.uniform(2, 48))
    cover = min(100.0, max(0.0, chance.gauss(45, 35)))
    return {
        "datetime": f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z",
        "created": f"{made:%Y-%m-%dT%H:%M:%SZ}",
        "updated": f"{made + timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}",
        "platform": platform,
        "constellation": "sentinel-2",
        "instruments": ["msi"],
        "gsd": 10,
        "eo:cloud_cover": round(cover, 4),
        "eo:snow_cover": round(chance.uniform(0, 20), 3),
        "proj:code": f"EPSG:{32601 + int((x + 180) // 6)}",
        "grid:code": f"MGRS-{tile}",
        "view:sun_azimuth": round(chance.uniform(0, 360), 3),
        "view:sun_elevation": round(chance.uniform(5, 80), 3),
        "view:off_nadir": 0,
        "sat:orbit_state": chance.choice(("ascending", "descending")),
        "sat:relative_orbit": chance.randrange(1, 144),
        "processing:level": "L2",
        "product:type": "S2MSI2A",
        "s2:processing_baseline": chance.choice(("02.09", "04.00", "05.00", "05.10")),
        "s2:mean_solar_zenith": round(chance.uniform(10, 85), 4),
    }


def _asset(collection: str, name: str, band: str, gsd: int) -> JsonObject:
    return {
        "href": f"https://data.example.org/{collection}/{name}/{band}.tif",
        "type": "image/tiff; application=geotiff; profile=cloud-optimized",
        "title": f"Band {band}, {gsd} m",
        "roles": ["data"],
        "gsd": gsd,
        "proj:shape": [10980 * 10 // gsd, 10980 * 10 // gsd],
    }
