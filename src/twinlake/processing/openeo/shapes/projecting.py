"""Geometries, taken over from one CRS into another."""

import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from twinlake.core.errors import TwinlakeError
from twinlake.holdings.readers.crs import read_crs, reference_system, way_between
from twinlake.standards.openeo.errors import ProcessParameterInvalidError

if TYPE_CHECKING:
    import pyproj

Crs = int | str
"""EPSG code, or WKT2."""
Way = Callable[[NDArray[np.float64], NDArray[np.float64]], tuple[NDArray[np.float64], NDArray[np.float64]]]
"""Takes x (or longitude) and y."""
DEGREES: Crs = 4326
CRS_FORMS = "Give the number of an EPSG code, such as 4326 or 32631, or WKT2."
_PARTS = 1000
"""Of the longest side of a geometry: its edges are bent in another CRS."""
_LATTICE = 33
"""Places along each side of a cube at which is looked where it lies."""
TURN = 360.0
"""Degrees."""
_TURNS = (-TURN, 0.0, TURN)


def turns_of(crs: Crs) -> tuple[float, ...]:
    """Return what may be added to x without going anywhere: whole turns in degrees, and nothing else.

    Raises
    ------
    ProcessParameterInvalidError
        The CRS is not understood.
    """
    return _TURNS if is_in_degrees(crs) else (0.0,)


def is_in_degrees(crs: Crs) -> bool:
    """Tell whether coordinates are longitude and latitude.

    Raises
    ------
    ProcessParameterInvalidError
        The CRS is not understood.
    """
    return bool(_read(crs).is_geographic)


def metres_of_unit(crs: Crs) -> float:
    """Return how many metres the unit of a projected CRS is.

    Raises
    ------
    ProcessParameterInvalidError
        The CRS is not understood, or its coordinates are no lengths.
    """
    axes = _read(crs).axis_info
    if not axes or is_in_degrees(crs):
        raise ProcessParameterInvalidError("The coordinates are no lengths: say how many pixels, or degrees, are meant.")
    return float(axes[0].unit_conversion_factor)


def find_way(source: Crs, target: Crs) -> Way | None:
    """Return what takes coordinates over into another CRS, each exactly; None where both are the same.

    What has no place there gets infinite ones.

    Raises
    ------
    ProcessParameterInvalidError
        A CRS is not understood, or there is no way from one to the other.
    """
    from pyproj.exceptions import ProjError

    start, end = _read(source), _read(target)
    if start == end:
        return None
    try:
        transform: Way = way_between(start, end).transform
    except ProjError as error:
        raise ProcessParameterInvalidError("There is no way from one coordinate reference system to the other.") from error
    return transform


def describe_crs(name: int | str) -> Crs:
    """Return a CRS, told by a name such as ``urn:ogc:def:crs:EPSG::32631``, by its code, or else as WKT2.

    Raises
    ------
    ProcessParameterInvalidError
        It is not understood.
    """
    crs = _read(name)
    # The CRS of GeoJSON, which GDAL writes by this name.
    return DEGREES if crs.to_authority() == ("OGC", "CRS84") else reference_system(crs)


def move(shapes: Sequence[BaseGeometry], source: Crs, target: Crs) -> tuple[BaseGeometry, ...]:
    """Return geometries with their vertices taken over into another CRS, and no others.

    Raises
    ------
    ProcessParameterInvalidError
        A vertex has no place there.
    """
    start, end = _read(source), _read(target)
    if start == end:
        return tuple(shapes)
    moved = shapely.transform(np.array(shapes, dtype=object), _way(start, end))
    if not np.isfinite(shapely.get_coordinates(moved)).all():
        raise ProcessParameterInvalidError("A geometry has no place in the other coordinate reference system.")
    return tuple(moved.tolist())


def is_in_metres(crs: Crs) -> bool:
    """Tell whether coordinates are in metres.

    Raises
    ------
    ProcessParameterInvalidError
        The CRS is not understood.
    """
    return all(axis.unit_name in {"metre", "meter"} for axis in _read(crs).axis_info[:2])


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
    near = shapely.union_all([shapely.intersection(turn(shape, each), around) for each in turns_of(source)])
    if near.is_empty:
        return near
    west, south, east, north = shapely.bounds(near)
    longest = max(east - west, north - south)
    dense = shapely.segmentize(near, longest / _PARTS) if longest > 0 else near
    moved = shapely.transform(dense, _way(start, end))
    if end.is_geographic:
        # No jump at the antimeridian: the middle of the cube is nowhere far.
        middle = within.centroid.x
        moved = shapely.transform(moved, lambda points: points - [360, 0] * np.round((points[:, :1] - middle) / 360))
    return moved


def ellipsoid_of(crs: Crs) -> tuple[float, float]:
    """Return the semi-major axis in metres and the eccentricity of the ellipsoid of a CRS.

    Raises
    ------
    ProcessParameterInvalidError
        The CRS is not understood, or has none.
    """
    geod = _read(crs).get_geod()
    if geod is None:
        raise ProcessParameterInvalidError("The coordinate reference system has no ellipsoid.")
    return float(geod.a), float(math.sqrt(geod.es))


def area_scales(crs: Crs, x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how many square metres on the ellipsoid one square unit of a projected CRS is at places.

    Raises
    ------
    ProcessParameterInvalidError
        The CRS is not understood, or is no projection of the Earth.
    """
    import pyproj

    own = _read(crs)
    if not own.is_projected or own.geodetic_crs is None:
        raise ProcessParameterInvalidError("How large pixels are on the Earth is told by a projected CRS, and this is none.")
    longitude, latitude = way_between(own, own.geodetic_crs).transform(x, y)
    scales = pyproj.Proj(own).get_factors(longitude, latitude).areal_scale
    to_metres = own.axis_info[0].unit_conversion_factor * own.axis_info[1].unit_conversion_factor
    return np.asarray(to_metres / np.asarray(scales))


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


def turn(shape: BaseGeometry, degrees: float) -> BaseGeometry:
    """Return a geometry with *degrees* added to x."""
    return shapely.transform(shape, lambda points: points + np.array([degrees, 0.0])) if degrees else shape


def _way(start: "pyproj.CRS", end: "pyproj.CRS") -> Callable[[NDArray[np.float64]], NDArray[np.float64]]:
    way = way_between(start, end)
    return lambda points: np.column_stack(way.transform(points[:, 0], points[:, 1]))


@lru_cache(maxsize=64)
def _read(crs: Crs) -> "pyproj.CRS":
    try:
        return read_crs(crs)
    except TwinlakeError as error:
        message = f"The coordinate reference system {str(crs)[:80]!r} is not understood."
        raise ProcessParameterInvalidError(message, remedy=CRS_FORMS) from error
