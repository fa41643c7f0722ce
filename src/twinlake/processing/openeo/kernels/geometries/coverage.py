"""How much of each pixel a geometry covers, and how large pixels are.

Pixels are the cells around their centres (`shapes.areas.Pixels`); on grids of degrees they end at the poles.

Sources: exactextract 0.3 (coverage of even grids), Snyder 1987, USGS Professional Paper 1395, eq. 3-12 (areas on the ellipsoid)
"""

from collections.abc import Iterator, Sequence

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from twinlake.processing.openeo.shapes.areas import Pixels, Side
from twinlake.processing.openeo.shapes.lattices import interpolate
from twinlake.processing.openeo.shapes.projecting import area_scales, ellipsoid_of, is_in_degrees, turn
from twinlake.standards.openeo.errors import ProcessParameterInvalidError

Covered = tuple[NDArray[np.int64], NDArray[np.float64]]
"""Pixels by their numbers, and the share of each that is covered."""
_NONE: Covered = (np.zeros(0, dtype=np.int64), np.zeros(0))
_EVEN = 1e-3
"""Of a cell: so far from its place on an even grid may a label be; it is what exactextract takes for the same grid."""
_SCALE_ERROR = 1e-9
"""Of the scale of areas: PROJ finds it by differences, and is no more exact itself."""


def find_coverage(pixels: Pixels, parts: Sequence[Sequence[BaseGeometry]]) -> Iterator[Covered]:
    """Yield for each geometry, given as its polygons, the numbers of the pixels that it covers, row by row, and how much of each.

    A share is one of the area in the plane of the CRS, more than 0 and at most 1.

    Raises
    ------
    ProcessParameterInvalidError
        There is one pixel alone, of which the size is not known.
    """
    x, y = pixels.sides[0.0]
    if not (y.widths > 0).all() or not (x.widths > 0).all():
        raise ProcessParameterInvalidError("How large the pixels are is not known: there is one alone, or two are at one place.")
    steps = _step(y), _step(x)
    turned = [[turn(part, degrees) for part in each for degrees in pixels.turns] for each in parts]
    near = [[part for part in each if _meets(y, x, part)] for each in turned]
    if steps[0] is None or steps[1] is None:
        yield from (_cut(y, x, each) for each in near)
        return
    found = _extract(y, x, [shapely.MultiPolygon(each) for each in near if each], (steps[0], steps[1]))
    yield from (next(found) if each else _NONE for each in near)


def cell_areas(pixels: Pixels, cells: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the areas of pixels, told by their numbers, row by row, on the ellipsoid of their CRS, in square metres.

    On grids of degrees they are exact; on others it is the area in the plane by the scale in the middle of the pixel, which is
    that of PROJ to 1e-9 of it.
    """
    x, y = pixels.sides[0.0]
    rows, columns = np.divmod(cells, len(pixels.x))
    if is_in_degrees(pixels.crs):
        strips = area_to_latitude(y.high, pixels.crs) - area_to_latitude(y.low, pixels.crs)
        return np.asarray(strips[rows] * np.radians(x.widths)[columns])
    return np.asarray(y.widths[rows] * x.widths[columns] * _scales(pixels, rows, columns))


def _scales(pixels: Pixels, rows: NDArray[np.int64], columns: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the scale of areas at some pixels: interpolated where that is known to be near enough, else as PROJ tells it."""
    if not rows.size:
        return np.zeros(0)
    top, left = int(rows.min()), int(columns.min())
    window = slice(top, int(rows.max()) + 1), slice(left, int(columns.max()) + 1)
    scales = np.empty([each.stop - each.start for each in window])
    for strip in interpolate(lambda x, y: (area_scales(pixels.crs, x, y),), pixels.y, pixels.x, *window):
        (found,), (errors,) = strip.values, strip.errors
        scales[strip.rows] = np.where(errors <= _SCALE_ERROR * found, found, np.nan)
    made: NDArray[np.float64] = scales[rows - top, columns - left]
    unknown = np.flatnonzero(np.isnan(made))
    if unknown.size:
        made[unknown] = area_scales(pixels.crs, pixels.x[columns[unknown]], pixels.y[rows[unknown]])
    return made


def _extract(y: Side, x: Side, shapes: Sequence[BaseGeometry], steps: tuple[float, float]) -> Iterator[Covered]:
    """Ask exactextract, whose grids are even and have their first row in the north."""
    from exactextract import exact_extract
    from exactextract.raster import NumPyRasterSource

    from twinlake.processing.openeo.kernels.geometries.zones import Zones

    rows, columns = len(y.centres), len(x.centres)
    south, west = y.centres.min() - steps[0] / 2, x.centres.min() - steps[1] / 2
    grid = np.broadcast_to(np.uint8(1), (rows, columns))
    raster = NumPyRasterSource(grid, west, south, west + columns * steps[1], south + rows * steps[0])
    # Cells that end at a pole are lower than the others, and what covers them covers more of each.
    cut = steps[0] / y.widths
    for found in exact_extract(raster, Zones(shapes), ["cell_id", "coverage"]):
        numbers, shares = (np.asarray(found["properties"][name]) for name in ("cell_id", "coverage"))
        row, column = np.divmod(numbers.astype(np.int64), columns)
        row = row if y.is_falling else rows - 1 - row
        column = columns - 1 - column if x.is_falling else column
        covered = shares > 0
        yield (row * columns + column)[covered], np.minimum(shares * cut[row], 1.0)[covered]


def _cut(y: Side, x: Side, polygons: Sequence[BaseGeometry]) -> Covered:
    """Cut polygons at the borders of the pixels, which lie in uneven rows or columns."""
    found = [_NONE, *(_cut_one(y, x, each) for each in polygons)]
    numbers, places = np.unique(np.concatenate([each for each, _ in found]), return_inverse=True)
    shares = np.bincount(places, np.concatenate([each for _, each in found]), len(numbers))
    return numbers, np.minimum(shares, 1.0)


def _cut_one(y: Side, x: Side, shape: BaseGeometry) -> Covered:
    west, south, east, north = shapely.bounds(shape)
    rows, columns = y.find_cells(south, north), x.find_cells(west, east)
    row, column = (each.ravel() for each in np.meshgrid(rows, columns, indexing="ij"))
    cells = shapely.box(x.low[column], y.low[row], x.high[column], y.high[row])
    shapely.prepare(shape)
    shares = shapely.contains_properly(shape, cells).astype(np.float64)
    edge = np.flatnonzero((shares == 0) & shapely.intersects(shape, cells))
    shares[edge] = shapely.area(shapely.intersection(shape, cells[edge])) / shapely.area(cells[edge])
    covered = shares > 0
    return (row * len(x.centres) + column)[covered].astype(np.int64), shares[covered]


def _meets(y: Side, x: Side, shape: BaseGeometry) -> bool:
    west, south, east, north = shapely.bounds(shape)
    return bool(west < x.high.max() and east > x.low.min() and south < y.high.max() and north > y.low.min())


def _step(side: Side) -> float | None:
    """Return the distance of two centres; None where they are not even."""
    count = len(side.centres)
    if count == 1:
        return float(side.widths[0])
    ordered = np.sort(side.centres)
    step = float((ordered[-1] - ordered[0]) / (count - 1))
    return step if (np.abs(ordered - (ordered[0] + step * np.arange(count))) <= _EVEN * step).all() else None


def area_to_latitude(latitude: NDArray[np.float64], crs: int | str) -> NDArray[np.float64]:
    """Return the area between the equator and a latitude in degrees, for one radian of longitude, in square metres."""
    major, eccentricity = ellipsoid_of(crs)
    sine = np.sin(np.radians(latitude))
    if eccentricity == 0:
        return np.asarray(major**2 * sine)
    inner = eccentricity * sine
    half = sine / (1 - inner**2) + np.arctanh(inner) / eccentricity
    return np.asarray(major**2 * (1 - eccentricity**2) * half / 2)
