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
from shapely.geometry.base import BaseGeometry

from twinlake.core.documents import JsonObject
from twinlake.holdings.catalogue.cells import Rectangle, cell_of, grid_of
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
    shape: Shape | None
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
    types = shapely.get_type_id(geometries)
    full = shapely.area(geometries) == (bounds[:, 2] - bounds[:, 0]) * (bounds[:, 3] - bounds[:, 1])
    wkb = shapely.to_wkb(geometries, output_dimension=2)
    return [
        _footprint(tuple(row), int(kind), is_full, blob)
        for row, kind, is_full, blob in zip(bounds.tolist(), types, full.tolist(), wkb, strict=True)
    ]


def _footprint(bounds: Rectangle, kind: int, is_full: bool, wkb: bytes | None) -> Footprint:  # noqa: FBT001
    if wkb is None or math.isnan(bounds[0]):
        return NOWHERE
    if kind == shapely.GeometryType.POINT or (kind == shapely.GeometryType.POLYGON and is_full):
        shape = Shape.BOX
    else:
        shape = Shape.CONNECTED if kind in _CONNECTED_TYPES else Shape.SCATTERED
    return Footprint(outward(bounds), shape, wkb, cell_of(bounds), grid_of(bounds))


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
