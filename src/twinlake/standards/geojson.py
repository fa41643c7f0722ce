"""GeoJSON geometries (RFC 7946): checked, turned into shapes, boxed.

Coordinates are longitude, latitude (WGS 84, degrees) and an optional height in metres.
"""

import json
import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import shapely
from shapely.geometry.base import BaseGeometry

from twinlake.core.documents import JsonObject
from twinlake.standards.problems import Problem

BBox = tuple[float, float, float, float]
"""West, south, east, north in degrees (WGS 84); west > east crosses the antimeridian."""

GEOMETRY_TYPES = frozenset(
    {"Point", "MultiPoint", "LineString", "MultiLineString", "Polygon", "MultiPolygon", "GeometryCollection"}
)
_NUMBERS = (int, float)
_EAST, _NORTH = 180 + 1e-9, 90 + 1e-9
"""The ends of the world with room for rounding: Natural Earth has a vertex at 180.00000000000006 (0.1 mm is 1e-9 degrees)."""
_HIGHEST = 1e9
"""No height in metres is as far from the Earth as this."""
_DEPTH = {"Point": 0, "MultiPoint": 1, "LineString": 1, "MultiLineString": 2, "Polygon": 2, "MultiPolygon": 3}
_LEAST_POSITIONS = {"LineString": 2, "MultiLineString": 2, "Polygon": 4, "MultiPolygon": 4}
_RINGS = ("Polygon", "MultiPolygon")


def find_geometry_problems(geometry: object, path: str = "geometry") -> list[Problem]:
    """Return what is wrong with a GeoJSON geometry; at most one problem per ring, line or member."""
    return list(_geometry_problems(geometry, path, collections=True))


def _geometry_problems(geometry: object, path: str, *, collections: bool) -> Iterator[Problem]:
    if not isinstance(geometry, dict):
        yield Problem(path, "is not a GeoJSON geometry object")
        return
    kind = geometry.get("type")
    if not isinstance(kind, str) or kind not in GEOMETRY_TYPES:
        yield Problem(f"{path}.type", f"{str(kind)[:40]!r} is none of {', '.join(sorted(GEOMETRY_TYPES))}")
    elif kind != "GeometryCollection":
        yield from _coordinate_problems(geometry.get("coordinates"), kind, _DEPTH[kind], f"{path}.coordinates")
    elif not collections:
        yield Problem(path, "is a GeometryCollection within another", "Put its members into the outer one.")
    else:
        members = geometry.get("geometries")
        if not isinstance(members, list) or not members:
            yield Problem(f"{path}.geometries", "is not a list of at least one geometry")
            return
        for index, member in enumerate(members):
            yield from _geometry_problems(member, f"{path}.geometries[{index}]", collections=False)


def _coordinate_problems(value: Any, kind: str, depth: int, path: str) -> Iterator[Problem]:
    """Look at coordinates nested *depth* deep around positions."""
    if depth == 0:
        wrong = _wrong_positions([value])
        if wrong is not None:
            yield Problem(path, wrong[1])
    elif not isinstance(value, (list, tuple)) or not value:
        yield Problem(path, "is not a list of at least one member", "Write `geometry: null` where there is none.")
    elif depth > 1:
        for index, member in enumerate(value):
            yield from _coordinate_problems(member, kind, depth - 1, f"{path}[{index}]")
    else:
        wrong = _wrong_positions(value)
        if wrong is not None:
            yield Problem(f"{path}[{wrong[0]}]", wrong[1])
        elif len(value) < _LEAST_POSITIONS.get(kind, 1):
            yield Problem(path, f"has {len(value)} positions; a {kind} needs at least {_LEAST_POSITIONS[kind]} here")
        elif kind in _RINGS and value[0] != value[-1]:
            yield Problem(path, "is a ring whose last position is not its first", "Close the ring.")


def _wrong_positions(positions: Sequence[Any]) -> tuple[int, str] | None:
    """Return index and fault of the first bad position."""
    first = positions[0]
    size = len(first) if isinstance(first, (list, tuple)) else 2
    for index, position in enumerate(positions):
        try:
            x, y = position[0], position[1]
            good = (
                len(position) == size
                and type(x) in _NUMBERS
                and type(y) in _NUMBERS
                and -_EAST <= x <= _EAST
                and -_NORTH <= y <= _NORTH
            )
            if good and (size == 2 or (size == 3 and type(position[2]) in _NUMBERS and -_HIGHEST < position[2] < _HIGHEST)):
                continue
        except (TypeError, KeyError, IndexError):
            pass
        return index, _fault_of_position(position, size)
    return None


def _fault_of_position(position: Any, size: int) -> str:
    text = str(position)[:60]
    if not isinstance(position, (list, tuple)) or not 2 <= len(position) <= 3:
        return f"{text} is not a position of 2 or 3 numbers"
    if any(type(number) not in _NUMBERS for number in position):
        return f"{text} has a member that is not a number"
    if len(position) != size:
        return f"{text} has {len(position)} numbers where the positions before have {size}"
    return f"{text} is outside of longitude -180 to 180 and latitude -90 to 90, or not finite"


def find_box_problems(box: object, path: str = "bbox") -> list[Problem]:
    """Return what is wrong with a box of 4 or 6 numbers; west > east is right and crosses the antimeridian."""
    if not isinstance(box, (list, tuple)) or len(box) not in {4, 6}:
        return [Problem(path, "is not a list of 4 or 6 numbers")]
    if any(type(number) not in _NUMBERS for number in box):
        return [Problem(path, f"{str(box)[:80]} has a member that is not a number")]
    west, south, east, north = horizontal(box)
    if max(abs(west), abs(east)) > _EAST or max(abs(south), abs(north)) > _NORTH or math.isnan(sum((west, south, east, north))):
        return [Problem(path, f"{str(box)[:80]} is outside of longitude -180 to 180 and latitude -90 to 90, or not finite")]
    if south > north:
        return [Problem(path, f"has its south, {south}, above its north, {north}", "The order is west, south, east, north.")]
    if len(box) == 6 and not -_HIGHEST < box[2] <= box[5] < _HIGHEST:
        return [Problem(path, f"{str(box)[:80]} has heights out of order or not finite")]
    return []


def horizontal(box: Sequence[float]) -> BBox:
    """Return west, south, east, north of a box of 4 or 6 numbers."""
    half = len(box) // 2
    return box[0], box[1], box[half], box[half + 1]


def to_shape(geometry: JsonObject) -> BaseGeometry:
    """Return the shape of a geometry in which `find_geometry_problems` found nothing."""
    return shapely.from_geojson(json.dumps(geometry))


def box_shape(box: BBox) -> BaseGeometry:
    """Return the polygon of a box, or its two halves where it crosses the antimeridian."""
    west, south, east, north = box
    if west <= east:
        return shapely.box(west, south, east, north)
    return shapely.MultiPolygon([shapely.box(west, south, 180, north), shapely.box(-180, south, east, north)])


def shape_bbox(shape: BaseGeometry) -> BBox:
    """Return the box of a non-empty shape.

    A shape cut at the antimeridian (RFC 7946, section 3.1.9: one part touches 180, another -180) gets the narrower box,
    which crosses it.
    """
    west, south, east, north = _clamped(shape.bounds)
    if west == -180 and east == 180 and shape.geom_type.startswith(("Multi", "Geometry")):
        parts = [_clamped(bounds) for bounds in shapely.bounds(shapely.get_parts(shape)).tolist()]
        west, east = _span([(part[0], part[2]) for part in parts])
    return west, south, east, north


def _clamped(bounds: Sequence[float]) -> BBox:
    west, south, east, north = (float(bound) for bound in bounds)
    return max(west, -180.0), max(south, -90.0), min(east, 180.0), min(north, 90.0)


def enclosing_box(boxes: Iterable[BBox]) -> BBox:
    """Return the narrowest box around *boxes*, at least one, any of which may cross the antimeridian."""
    parts, souths, norths = [], [], []
    for west, south, east, north in boxes:
        parts += [(west, east)] if west <= east else [(west, 180.0), (-180.0, east)]
        souths.append(south)
        norths.append(north)
    west, east = _span(parts)
    return west, min(souths), east, max(norths)


def _span(parts: list[tuple[float, float]]) -> tuple[float, float]:
    """Return west and east of the shortest arc over intervals of longitude, crossing only if both 180 and -180 are touched."""
    parts.sort()
    west, reach = parts[0]
    gap, gap_start, gap_end = 0.0, west, west
    for start, end in parts:
        if start - reach > gap:
            gap, gap_start, gap_end = start - reach, reach, start
        reach = max(reach, end)
    if west == -180 and reach == 180 and gap > 0:
        return gap_end, gap_start
    return west, reach


def geometry_bbox(geometry: JsonObject) -> BBox:
    """Return the box of a checked GeoJSON geometry; it may cross the antimeridian (`shape_bbox`)."""
    return shape_bbox(to_shape(geometry))
