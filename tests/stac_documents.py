"""Small STAC documents to test with."""

from twinlake.core.documents import JsonObject


def a_collection(collection: str, **members: object) -> JsonObject:
    return {
        "type": "Collection",
        "stac_version": "1.1.0",
        "stac_extensions": [],
        "id": collection,
        "title": f"Title of {collection}",
        "description": "Made for tests.",
        "license": "CC-BY-4.0",
        "extent": {"spatial": {"bbox": [[-180, -90, 180, 90]]}, "temporal": {"interval": [["2020-01-01T00:00:00Z", None]]}},
        "links": [],
        **members,
    }


def an_item(item: str, collection: str, *, datetime: str = "2020-01-01T00:00:00Z", at=(0, 0), **properties: object) -> JsonObject:
    """Return an item that covers the square degree north-east of *at* (longitude, latitude)."""
    west, south = at
    east, north = west + 1, south + 1
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return {
        "type": "Feature",
        "stac_version": "1.1.0",
        "stac_extensions": [],
        "id": item,
        "collection": collection,
        "geometry": {"type": "Polygon", "coordinates": [ring]},
        "bbox": [west, south, east, north],
        "properties": {"datetime": datetime, **properties},
        "links": [],
        "assets": {"data": {"href": f"https://example.com/{collection}/data.tif", "type": "image/tiff", "roles": ["data"]}},
    }
