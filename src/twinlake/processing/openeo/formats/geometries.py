"""Geometries of vector cubes on their way into files."""

from typing import TYPE_CHECKING

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.errors import ShapelyError
from shapely.geometry.base import BaseGeometry

from twinlake.core.errors import TwinlakeError
from twinlake.holdings.readers.crs import read_crs, to_degrees
from twinlake.processing.openeo.formats.suiting import unsuitable
from twinlake.processing.openeo.shapes.dimensions import Dimension
from twinlake.processing.openeo.shapes.projecting import DEGREES

if TYPE_CHECKING:
    import pyproj

_TURNS = (-360.0, 0.0, 360.0)


def read_geometries(dimension: Dimension) -> list[BaseGeometry]:
    """Return the geometries that the labels of *dimension*, WKT, tell.

    Raises
    ------
    ProcessError
        ``FormatUnsuitable``: one tells none.
    """
    try:
        return [shapely.from_wkt(str(label)) for label in dimension.labels]
    except ShapelyError as error:
        raise unsuitable(
            f"A label of {dimension.name!r} is no geometry: {str(error)[:100]}.", "Save the result as JSON."
        ) from None


def to_wgs84(shapes: list[BaseGeometry], crs: int | str | None, decimals: int) -> list[BaseGeometry]:
    """Return geometries in degrees, with outer rings that go to the left, cut where they cross the antimeridian.

    Raises
    ------
    ProcessError
        ``FormatUnsuitable``: there is no way from their reference system to degrees, or one has no place there.
    """
    try:
        way = None if crs in {None, DEGREES} else to_degrees(read_crs(crs))  # degrees have no jump that is not theirs
        moved = [each if way is None else _move(each, way) for each in shapes]
    except TwinlakeError as error:
        raise unsuitable(f"The geometries cannot be brought to WGS 84: {error.message}.", "Save them as Parquet.") from error
    cut = [_cut(each) for each in moved]
    rounded = [shapely.transform(each, lambda points: np.round(points, decimals)) for each in cut]
    return [shapely.orient_polygons(each) for each in rounded]


def _move(shape: BaseGeometry, way: "pyproj.Transformer") -> BaseGeometry:
    """Bring a geometry to degrees, without a jump at the antimeridian."""
    if shape.is_empty:
        return shape
    moved = shapely.transform(shape, lambda points: np.column_stack(way.transform(points[:, 0], points[:, 1])))
    if not np.isfinite(moved.bounds).all():
        raise unsuitable("A geometry has no place in WGS 84.", "Save the result as Parquet, which keeps the reference system.")
    first = shapely.get_coordinates(moved)[0, 0]
    unwrapped = shapely.transform(moved, lambda points: _near(points, first))
    if shape.is_valid and not unwrapped.is_valid:
        raise unsuitable("A geometry reaches around a pole.", "Save the result as Parquet, which keeps the reference system.")
    return unwrapped


def _near(points: NDArray[np.float64], longitude: float) -> NDArray[np.float64]:
    turns = np.round((points[:, 0] - longitude) / 360)
    return np.column_stack([points[:, 0] - 360 * turns, points[:, 1]])


def _cut(shape: BaseGeometry) -> BaseGeometry:
    """Return a geometry between -180 and 180 degrees of longitude."""
    if shape.is_empty:
        return shape
    west, _, east, _ = shape.bounds
    if west >= -180 and east <= 180:
        return shape
    shape = shape if shape.is_valid else shapely.make_valid(shape)
    parts = []
    for turn in _TURNS:
        inside = shapely.intersection(shape, shapely.box(-180 + turn, -90, 180 + turn, 90))
        parts.append(shapely.transform(inside, lambda points, turn=turn: points - [turn, 0.0]))
    there = [each for each in parts if not each.is_empty and shapely.get_dimensions(each) == shapely.get_dimensions(shape)]
    return there[0] if len(there) == 1 else shapely.union_all(there)
