"""STAC Items: read and checked (STAC 1.1.0, item-spec; RFC 7946)."""

from collections.abc import Iterator

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from twinlake.core.documents import JsonObject
from twinlake.core.errors import InvalidInputError
from twinlake.core.ids import check_id
from twinlake.standards.geojson import find_box_problems, find_geometry_problems, horizontal, to_shape
from twinlake.standards.problems import InvalidDocumentError, Problem
from twinlake.standards.rfc3339 import parse_instant
from twinlake.standards.stac.documents import copy_document
from twinlake.standards.stac.fields import asset_problems, common_problems, extension_problems, link_problems
from twinlake.standards.stac.versions import to_current

_EAST = np.array([360.0, 0.0])
"""Once around the Earth, in degrees."""


def read_item(document: object, *, collection: str | None = None) -> JsonObject:
    """Return a STAC Item as 1.1.0, checked against specification and schema; *document* is not changed.

    Missing ``links`` are read as none. An Item names its Collection with or without a link to it.

    Parameters
    ----------
    collection
        Id of the Collection that the Item goes to; an Item that names none gets it.

    Raises
    ------
    InvalidDocumentError
        With all problems found.
    TooLargeError
        It is larger than 4 MiB.
    """
    item = copy_document(document, "The STAC Item")
    what = f"The STAC Item {str(item.get('id'))[:80]!r}"
    if item.get("type") != "Feature":
        raise InvalidDocumentError(what, [Problem("type", "is not 'Feature'")])
    item = to_current(item, what)
    item.setdefault("links", [])
    if collection is not None:
        item.setdefault("collection", collection)
    problems = list(_problems(item, collection))
    if problems:
        raise InvalidDocumentError(what, problems)
    return item


def _problems(item: JsonObject, collection: str | None) -> Iterator[Problem]:
    for name, what in (("id", "item"), ("collection", "collection")):
        try:
            check_id(item.get(name), what)
        except InvalidInputError as error:
            yield Problem(name, error.message.rstrip("."), error.remedy)
    if collection is not None and item["collection"] != collection:
        yield Problem("collection", f"is not {collection[:80]!r}, where the item goes", "Send it to its own collection.")
    yield from _footprint_problems(item)
    yield from link_problems(item["links"])
    yield from asset_problems(item.get("assets"))
    if "stac_extensions" in item:
        yield from extension_problems(item["stac_extensions"])
    properties = item.get("properties")
    if not isinstance(properties, dict):
        yield Problem("properties", "is not an object")
        return
    yield from common_problems(properties, "properties.")
    yield from _time_problems(properties)
    if "bands" in properties and not _has_bands(item.get("assets")):
        yield Problem("properties.bands", "stands where no asset has bands", "Describe the bands of the assets first.")


def _footprint_problems(item: JsonObject) -> Iterator[Problem]:
    if "geometry" not in item:
        yield Problem("geometry", "is missing", "Write `geometry: null` where there is none.")
    elif item["geometry"] is None:
        if "bbox" in item:
            yield Problem("bbox", "stands beside `geometry: null`", "Leave it out.")
    else:
        yield from find_geometry_problems(item["geometry"])
        if "bbox" in item:
            yield from find_box_problems(item["bbox"])
        else:
            yield Problem("bbox", "is missing beside a geometry", "Give west, south, east, north.")


def _time_problems(properties: JsonObject) -> Iterator[Problem]:
    if "datetime" not in properties:
        yield Problem("properties.datetime", "is missing", "Give an instant, or null with start_datetime and end_datetime.")
    elif properties["datetime"] is None and not ("start_datetime" in properties and "end_datetime" in properties):
        yield Problem("properties.datetime", "is null without an interval", "Give start_datetime and end_datetime.")
    try:
        if parse_instant(properties["start_datetime"]) > parse_instant(properties["end_datetime"]):
            yield Problem("properties.end_datetime", "is before start_datetime", "Swap them.")
    except (KeyError, TypeError, ValueError):
        pass  # none there, or reported as what it is


def _has_bands(assets: object) -> bool:
    return isinstance(assets, dict) and any(isinstance(asset, dict) and "bands" in asset for asset in assets.values())


def item_interval(item: JsonObject) -> tuple[int, int]:
    """Return first and last microsecond (since 1970 UTC, closed) of a read Item: its interval if it has one, or its instant."""
    properties = item["properties"]
    if "start_datetime" in properties:
        return parse_instant(properties["start_datetime"]), parse_instant(properties["end_datetime"])
    instant = parse_instant(properties["datetime"])
    return instant, instant


def item_shape(item: JsonObject) -> BaseGeometry | None:
    """Return the shape to index of a read Item, longitude first; None without geometry.

    A geometry that runs over the antimeridian without being cut there, as its box says (west > east), is cut
    (RFC 7946, section 3.1.9).
    """
    geometry = item["geometry"]
    if geometry is None:
        return None
    shape = to_shape(geometry)
    west, _, east, _ = horizontal(item["bbox"])
    least, _, most, _ = shape.bounds
    if west > east and least > -180 and most < 180 < most - least:
        return _cut_at_antimeridian(shape)
    return shape


def _cut_at_antimeridian(shape: BaseGeometry) -> BaseGeometry:
    """Move what lies west of Greenwich by 360 degrees, cut at 180, and move the eastern piece back."""
    moved = shapely.transform(shape, lambda points: np.where(points[:, :1] < 0, points + _EAST, points))
    moved = moved if moved.is_valid else shapely.make_valid(moved)
    west = shapely.clip_by_rect(moved, 0, -90, 180, 90)
    east = shapely.transform(shapely.clip_by_rect(moved, 180, -90, 360, 90), lambda points: points - _EAST)
    return shapely.union_all([west, east])
