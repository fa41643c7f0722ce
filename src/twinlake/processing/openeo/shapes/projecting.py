"""Geometries of GeoJSON, taken over into the CRS of a cube."""

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.errors import ShapelyError
from shapely.geometry.base import BaseGeometry

from twinlake.core.documents import JsonObject
from twinlake.core.errors import TwinlakeError
from twinlake.holdings.readers.crs import read_crs, way_between
from twinlake.standards.geojson import find_geometry_problems, to_shape
from twinlake.standards.openeo.errors import ProcessParameterInvalidError

if TYPE_CHECKING:
    import pyproj

Crs = int | str
"""EPSG code, or WKT2."""
DEGREES: Crs = 4326
_PARTS = 1000
"""Of the longest side of a geometry: its edges are bent in another CRS."""
_LATTICE = 33
"""Places along each side of a cube at which is looked where it lies."""
_TURNS = (-360.0, 0.0, 360.0)
_AREAL = frozenset({"Polygon", "MultiPolygon"})
_TAKEN = _AREAL | {"Point", "MultiPoint", "LineString", "MultiLineString"}


def is_in_degrees(crs: Crs) -> bool:
    """Tell whether coordinates are longitude and latitude.

    Raises
    ------
    ProcessParameterInvalidError
        The CRS is not understood.
    """
    return bool(_read(crs).is_geographic)


def read_geometries(document: object, crs: Crs, *, within: BaseGeometry | None, only_areas: bool = False) -> list[BaseGeometry]:
    """Return the geometries of a GeoJSON document in a CRS, each of one part, as far as they are near the cube.

    A ``crs`` member, which GeoJSON had before RFC 7946 and clients of openEO write, is understood.

    Raises
    ------
    ProcessParameterInvalidError
        It is none, has geometries that are not taken, or none at all.
    """
    if not isinstance(document, dict):
        raise ProcessParameterInvalidError("The geometries are no GeoJSON.")
    own = _crs_of(document)
    found: list[BaseGeometry] = []
    is_there = False
    for geometry in _list_geometries(document):
        shape = _read_shape(geometry, own, _AREAL if only_areas else _TAKEN)
        parts = shapely.get_parts(project(shape, own, crs, within=within))
        # What merely touches the surroundings of the cube may have become less than it was.
        found.extend(
            part for part in parts if not part.is_empty and shapely.get_dimensions(part) == shapely.get_dimensions(shape)
        )
        is_there = is_there or not shape.is_empty
    if not is_there:
        raise ProcessParameterInvalidError("There is no polygon." if only_areas else "There is no geometry.")
    return found


def project(shape: BaseGeometry, source: Crs, target: Crs, *, within: BaseGeometry | None) -> BaseGeometry:
    """Take a geometry over into another CRS, with enough vertices for its edges to stay where they are.

    Parameters
    ----------
    within
        What matters of the target; nothing does for None. What is far from there is left out, since it may have no place in
        that CRS: the Earth has none in a zone of UTM.

    Raises
    ------
    ProcessParameterInvalidError
        There is no way from one to the other.
    """
    start, end = _read(source), _read(target)
    if start == end or shape.is_empty or within is None:
        return shape
    around = _surroundings(within, end, start)
    turns = _TURNS if start.is_geographic else (0.0,)
    near = shapely.union_all([shapely.intersection(shapely.transform(shape, _shift(turn)), around) for turn in turns])
    if near.is_empty:
        return near
    west, south, east, north = shapely.bounds(near)
    longest = max(east - west, north - south)
    dense = shapely.segmentize(near, longest / _PARTS) if longest > 0 else near
    way = way_between(start, end)
    moved = shapely.transform(dense, lambda points: np.column_stack(way.transform(points[:, 0], points[:, 1])))
    if end.is_geographic:
        # No jump at the antimeridian: the middle of the cube is nowhere far.
        middle = within.centroid.x
        moved = shapely.transform(moved, lambda points: points - [360, 0] * np.round((points[:, :1] - middle) / 360))
    return moved


def _surroundings(area: BaseGeometry, own: "pyproj.CRS", other: "pyproj.CRS") -> BaseGeometry:
    """Return the box of another CRS around an area, which may hold a pole, and a little more."""
    west, south, east, north = shapely.bounds(area)
    columns, rows = np.meshgrid(np.linspace(west, east, _LATTICE), np.linspace(south, north, _LATTICE))
    x, y = map(np.asarray, way_between(own, other).transform(columns, rows))
    there = np.isfinite(x) & np.isfinite(y)
    if not there.any():
        raise ProcessParameterInvalidError("The cube has no place in the coordinate reference system of the area.")
    if other.is_geographic and there.all():
        x = np.unwrap(np.unwrap(x, axis=0, period=360.0), axis=1, period=360.0)
    x, y = x[there], y[there]
    margin = max(np.ptp(x), np.ptp(y)) / 10
    return shapely.box(x.min() - margin, y.min() - margin, x.max() + margin, y.max() + margin)


def _shift(turn: float) -> Callable[[NDArray[np.float64]], NDArray[np.float64]]:
    return lambda points: points + np.array([turn, 0])


def _read_shape(geometry: JsonObject, crs: Crs, taken: frozenset[str]) -> BaseGeometry:
    kind = geometry.get("type")
    if kind not in taken:
        raise ProcessParameterInvalidError(
            f"A geometry of type {str(kind)[:40]} is not taken here; there is {', '.join(sorted(taken))}."
        )
    if crs == DEGREES and (problems := find_geometry_problems(geometry)):
        raise ProcessParameterInvalidError(f"A geometry is wrong: {problems[0].path} {problems[0].message}.")
    try:
        shape = to_shape(geometry)
    except (ShapelyError, ValueError, TypeError) as error:
        raise ProcessParameterInvalidError(f"A geometry is wrong: {str(error)[:200]}.") from error
    if kind in _AREAL and not shape.is_valid:
        parts = shapely.get_parts(shapely.make_valid(shape))
        shape = shapely.union_all([part for part in shapely.get_parts(parts) if part.geom_type == "Polygon"])
    return shapely.force_2d(shape)


def _list_geometries(document: JsonObject) -> Iterator[JsonObject]:
    """Yield the geometries of a geometry, a feature or a collection of features; features without one are passed over."""
    features: Any = document.get("features") if document.get("type") == "FeatureCollection" else [document]
    if not isinstance(features, list):
        raise ProcessParameterInvalidError("A collection of features has no list of them.")
    for each in features:
        geometry = each.get("geometry") if isinstance(each, dict) and each.get("type") == "Feature" else each
        if isinstance(geometry, dict):
            yield geometry


def _crs_of(document: JsonObject) -> Crs:
    named = document.get("crs")
    if named is None:
        return DEGREES
    properties = named.get("properties") if isinstance(named, dict) else None
    name = properties.get("name") if isinstance(properties, dict) else None
    if not isinstance(name, str):
        raise ProcessParameterInvalidError("The CRS of the geometries has no name.")
    return name


@lru_cache(maxsize=64)
def _read(crs: Crs) -> "pyproj.CRS":
    try:
        return read_crs(crs)
    except TwinlakeError as error:
        raise ProcessParameterInvalidError(f"The coordinate reference system {str(crs)[:80]!r} is not understood.") from error
