"""Where an item is: its outline as the search tests it.

Outlines are kept in two dimensions as WKB, and as a box in whole microdegrees rounded outward: a test of boxes may let
too much through, never too little.
"""

import math
from collections.abc import Sequence
from enum import IntEnum
from typing import Any, TypeAlias

import msgspec
import numpy as np
import orjson
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from twinlake.core.documents import JsonObject
from twinlake.holdings.catalogue.cells import Rectangle, cells_of, grids_of
from twinlake.standards.stac.item import item_shape

MICRODEGREES = 1_000_000
_CONNECTED_TYPES = (shapely.GeometryType.LINESTRING, shapely.GeometryType.POLYGON)


class Shape(IntEnum):
    """What the box of an outline tells of the outline itself."""

    BOX = 0
    """The outline is its box."""
    CONNECTED = 1
    """One piece, so that whatever crosses the whole box crosses the outline."""
    SCATTERED = 2
    """Several pieces: the box tells nothing more."""


class Footprint(msgspec.Struct, frozen=True, array_like=True):
    """An outline, ready to be stored. Without geometry the box and WKB are None, and no box finds it."""

    box: tuple[int, int, int, int] | None
    """West, south, east, north in microdegrees, rounded outward, west <= east."""
    shape: int | None
    """A `Shape`."""
    wkb: bytes | None
    cell: int
    """Cell by size class; -1 without geometry."""
    grid: int
    """5-degree grid square of the centre; -1 without geometry."""


Outline: TypeAlias = bytes | BaseGeometry | None
"""GeoJSON of a geometry, or its shape where it had to be cut at the antimeridian; None without geometry."""
NOWHERE = Footprint(None, None, None, -1, -1)


def outline_of(document: JsonObject) -> Outline:
    """Return the outline of a read Item."""
    if document.get("geometry") is None:
        return None
    return item_shape(document) if _crosses(document.get("bbox")) else orjson.dumps(document["geometry"])


def read_footprints(outlines: Sequence[Outline]) -> list[Footprint]:
    """Read *outlines* together, which costs a fraction of one by one."""
    texts = [outline if isinstance(outline, bytes) else None for outline in outlines]
    geometries = shapely.from_geojson(np.array(texts, dtype=object))
    for index, outline in enumerate(outlines):
        if isinstance(outline, BaseGeometry):
            geometries[index] = outline
    geometries = shapely.force_2d(geometries)
    bounds = shapely.bounds(geometries)
    is_somewhere = ~np.isnan(bounds[:, 0])
    known = np.where(is_somewhere[:, None], bounds, 0.0)
    micro = known * MICRODEGREES
    boxes = np.hstack([np.floor(micro[:, :2]), np.ceil(micro[:, 2:])]).astype(np.int64)
    columns = (boxes, _shapes(geometries, bounds), cells_of(known), grids_of(known))
    rows = zip(is_somewhere.tolist(), *(column.tolist() for column in columns), shapely.to_wkb(geometries), strict=True)
    return [Footprint(tuple(box), shape, wkb, cell, grid) if there else NOWHERE for there, box, shape, cell, grid, wkb in rows]


def _shapes(geometries: NDArray[np.object_], bounds: NDArray[np.float64]) -> NDArray[np.int64]:
    types = shapely.get_type_id(geometries)
    is_full = shapely.area(geometries) == (bounds[:, 2] - bounds[:, 0]) * (bounds[:, 3] - bounds[:, 1])
    is_box = (types == shapely.GeometryType.POINT) | ((types == shapely.GeometryType.POLYGON) & is_full)
    return np.where(is_box, Shape.BOX, np.where(np.isin(types, _CONNECTED_TYPES), Shape.CONNECTED, Shape.SCATTERED))


def outward(box: Rectangle) -> tuple[int, int, int, int]:
    """Return *box* in whole microdegrees, grown to the next ones."""
    west, south, east, north = (value * MICRODEGREES for value in box)
    return math.floor(west), math.floor(south), math.ceil(east), math.ceil(north)


def inward(box: Rectangle) -> tuple[int, int, int, int]:
    """Return *box* in whole microdegrees, shrunk to the next ones."""
    west, south, east, north = (value * MICRODEGREES for value in box)
    return math.ceil(west), math.ceil(south), math.floor(east), math.floor(north)


def split_box(box: Rectangle) -> tuple[Rectangle, ...]:
    """Return *box* as one rectangle, or as two where it crosses the antimeridian."""
    west, south, east, north = box
    if west <= east:
        return (box,)
    return (west, south, 180.0, north), (-180.0, south, east, north)


def _crosses(bbox: Any) -> bool:
    return isinstance(bbox, list) and len(bbox) in {4, 6} and bbox[0] > bbox[len(bbox) // 2]
