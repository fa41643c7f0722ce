"""Points within geometries: at random, or in a regular pattern."""

from collections.abc import Sequence

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from twinlake.processing.openeo.cubes import Cube
from twinlake.processing.openeo.shapes.geometries import (
    MOST_GEOMETRIES,
    MOST_VERTICES,
    crs_of,
    find_geometries,
    to_dimension,
    without_id,
)
from twinlake.standards.openeo.errors import ProcessParameterInvalidError

Points = NDArray[np.float64]
"""Of the shape (points, 2)."""


def draw_points(shape: BaseGeometry, count: int, random: np.random.Generator) -> Points:
    """Return *count* points of a geometry, as likely at any place of it as at any other; of points each once at most."""
    if shape.is_empty:
        return np.zeros((0, 2))
    match shapely.get_dimensions(shape):
        case 0:
            own = shapely.get_coordinates(shape)
            return np.asarray(own[np.sort(random.permutation(len(own))[:count])])
        case 1:
            lines = shapely.get_parts(shape)
            chosen = _choose(shapely.length(lines), count, random)
            places = shapely.line_interpolate_point(lines[chosen], random.random(count), normalized=True)
            return np.asarray(shapely.get_coordinates(places))
        case _:
            triangles = shapely.get_parts(shapely.constrained_delaunay_triangles(shape))
            corners = shapely.get_coordinates(triangles).reshape(-1, 4, 2)[_choose(shapely.area(triangles), count, random)]
            along, across = random.random((2, count, 1))
            is_beyond = along + across > 1  # in the other half of the parallelogram
            along, across = np.where(is_beyond, 1 - along, along), np.where(is_beyond, 1 - across, across)
            first = corners[:, 0]
            return np.asarray(first + along * (corners[:, 1] - first) + across * (corners[:, 2] - first))


def spread_points(shape: BaseGeometry, distance: float) -> Points:
    """Return points of a geometry that are *distance* apart.

    They are centres of cells that begin at the upper left of a polygon, or steps along a line; points stay as they are. A polygon
    in which no centre lies has its first vertex.

    Raises
    ------
    ProcessParameterInvalidError
        They would be too many.
    """
    if shape.is_empty:
        return np.zeros((0, 2))
    own = np.asarray(shapely.get_coordinates(shape))
    match shapely.get_dimensions(shape):
        case 0:
            return own
        case 1:
            _require_few(shapely.length(shape) / distance)
            return np.concatenate([_walk(part, distance) for part in shapely.get_parts(shape)])
        case _:
            found = np.concatenate([_fill(part, distance) for part in shapely.get_parts(shape)])
            return found if len(found) else own[:1]


def replace_by_points(cube: Cube, points: Sequence[Points], *, group: bool) -> Cube:
    """Return a vector cube with points in place of its geometries: all of each together, or each on its own, without ids.

    A geometry that is empty stays so.

    Raises
    ------
    ProcessParameterInvalidError
        There are too many points.
    """
    _require_few(sum(map(len, points)))
    number = find_geometries(cube.dimensions)
    own = cube.dimensions[number]
    if group:
        shapes = [shapely.MultiPoint(each) for each in points]
        return Cube(
            values=cube.values,
            dimensions=cube.with_dimension(number, to_dimension(shapes, crs_of(own), name=own.name, features=own.features)),
        )
    places = np.repeat(np.arange(len(points)), [max(len(each), 1) for each in points])
    if len(places) > MOST_GEOMETRIES:
        raise ProcessParameterInvalidError(f"There are {len(places)} points, and {MOST_GEOMETRIES} geometries are the most.")
    alone = [point for each in points for point in (shapely.points(each) if len(each) else [shapely.Point()])]
    spread = cube.take(number, places.tolist())
    features = spread.dimensions[number].features
    kept = None if features is None else [without_id(each) for each in features]
    dimension = to_dimension(alone, crs_of(own), name=own.name, features=kept)
    return Cube(values=spread.values, dimensions=spread.with_dimension(number, dimension))


def _choose(sizes: NDArray[np.float64], count: int, random: np.random.Generator) -> NDArray[np.int64]:
    """Return *count* places, each as likely as its size says; of no size at all the first."""
    total = sizes.sum()
    return random.choice(len(sizes), size=count, p=sizes / total) if total > 0 else np.zeros(count, dtype=np.int64)


def _walk(line: BaseGeometry, distance: float) -> Points:
    steps = np.arange(0, shapely.length(line) + distance * 1e-9, distance)
    return np.asarray(shapely.get_coordinates(shapely.line_interpolate_point(line, steps)))


def _fill(polygon: BaseGeometry, distance: float) -> Points:
    west, south, east, north = shapely.bounds(polygon)
    _require_few(((east - west) / distance + 1) * ((north - south) / distance + 1))
    x = np.arange(west + distance / 2, east, distance)
    y = np.arange(north - distance / 2, south, -distance)
    shapely.prepare(polygon)
    rows, columns = np.nonzero(shapely.contains_xy(polygon, x[None, :], y[:, None]))
    return np.column_stack([x[columns], y[rows]])


def _require_few(count: float) -> None:
    if count > MOST_VERTICES:
        raise ProcessParameterInvalidError(f"There would be {count:.0f} points, and {MOST_VERTICES} are the most.")
