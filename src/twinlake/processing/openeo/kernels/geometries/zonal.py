"""Statistics of the pixels of geometries: how much each pixel counts is found once, and applied to all layers at once.

Everything goes in steps, so that a large cube can be worked on part by part::

    weights = weigh(y, x, geometries, "coverage", window)    # once; reads no pixel
    state = apply(weights, values, "mean")                   # of the pixels in the window
    state = merge(state, other)                              # of other pixels, of the same layers
    means = finish(state)

Sums are made in float64. Longitudes are the same 360 degrees on, wherever the grid begins to count.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import shapely
from numpy.typing import NDArray

from twinlake.processing.openeo.kernels.arrays.reducing import add_up
from twinlake.processing.openeo.kernels.geometries.coverage import Covered, area_to_latitude, cell_areas, find_coverage
from twinlake.processing.openeo.shapes.areas import Pixels, Window, find_pixels, read_pixels
from twinlake.processing.openeo.shapes.dimensions import Dimension
from twinlake.processing.openeo.shapes.geometries import crs_of, parts_near, read_shapes
from twinlake.processing.openeo.shapes.projecting import Crs, is_in_degrees, project, turn, turns_of
from twinlake.processing.openeo.values import Values

if TYPE_CHECKING:
    from scipy.sparse import csr_array

Weighting = Literal["centres", "coverage", "area"]
"""What a pixel counts: 1 if it belongs to the geometry as `shapes.areas.cover` says, else 0; the share of it that a polygon
covers; that share times its area in square metres."""
Statistic = Literal["sum", "mean", "variance", "min", "max"]
_STRAIGHT_DEGREES = 0.5
"""Between places of an edge that are laid out: in between it bends by less than 1e-5 of its length."""
_BLOCK = 1 << 21
"""Numbers that are worked on at a time: they fit into a cache."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Weights:
    """How much each pixel of a grid counts for each geometry."""

    shape: tuple[int, int]
    """Rows and columns of the grid."""
    cells: NDArray[np.int64]
    """Numbers of the pixels that count for any, counted row by row; in order."""
    matrix: "csr_array"
    """Geometries by *cells*, float64; all that is in it is more than 0."""
    totals: NDArray[np.float64]
    """For each geometry the weight of all pixels of the grid."""

    def pixels(self) -> list[NDArray[np.int64]]:
        """Return for each geometry the numbers of the pixels that count."""
        return [self.cells[each] for each in np.split(self.matrix.indices, self.matrix.indptr[1:-1])]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class State:
    """What is known of a statistic from some of the pixels: for each geometry, in each layer (all other dimensions)."""

    statistic: Statistic
    weight: NDArray[np.float64]
    """Of the pixels that have data."""
    value: NDArray[np.float64]
    """The sum of weight times number; or the least or greatest number, infinite where there is none."""
    squares: NDArray[np.float64] | None = None
    """Of a variance: the sum of weight times the square of the distance from the mean."""


def weigh(y: Dimension, x: Dimension, geometries: Dimension, weighting: Weighting, window: Window) -> Weights:
    """Return how much each pixel of a window of a grid counts, numbered in the window; found once for the same.

    Where geometries lie is found in the whole grid.

    Raises
    ------
    ProcessParameterInvalidError
        A geometry is none that has such weights, or none is there; or the size of pixels is not known.
    """
    return _weigh(y, x, geometries, weighting, tuple([(each.start, each.stop) for each in window]))


def find_window(y: Dimension, x: Dimension, geometries: Dimension, *, only_areas: bool = False) -> tuple[slice, slice]:
    """Return rows and columns between which all pixels lie that a geometry touches: quickly, and it may be one more on each side.

    Raises
    ------
    ProcessParameterInvalidError
        A geometry is not taken, or none is there.
    """
    return around(find_windows(y, x, geometries, only_areas=only_areas))


def around(windows: NDArray[np.intp]) -> tuple[slice, slice]:
    """Return rows and columns between which those of some geometries lie, as `find_windows` has them."""
    rows, columns = np.moveaxis(windows, -1, 0).reshape(2, -1)
    return _hull(rows[rows >= 0]), _hull(columns[columns >= 0])


def find_windows(y: Dimension, x: Dimension, geometries: Dimension, *, only_areas: bool = False) -> NDArray[np.intp]:
    """Return for each geometry first and last row and column, shape (geometries, 2, 2), -1 for none; raises as `find_window`."""
    return _find_windows(y, x, geometries, only_areas)


@lru_cache(maxsize=2)
def _find_windows(y: Dimension, x: Dimension, geometries: Dimension, only_areas: bool) -> NDArray[np.intp]:
    pixels = read_pixels((y, x))
    parts = _find_parts(y, x, geometries, only_areas)
    found = np.full((len(parts), 2, 2), -1, dtype=np.intp)
    for number, each in enumerate(parts):
        rows, columns = [], []
        for part in each:
            west, south, east, north = shapely.bounds(part)
            for along_x, along_y in pixels.sides.values():
                row, column = along_y.find_cells(south, north), along_x.find_cells(west, east)
                if row.size and column.size:
                    rows += [row[0], row[-1]]
                    columns += [column[0], column[-1]]
        if rows:
            found[number] = [[min(rows), min(columns)], [max(rows), max(columns)]]
    return found


def apply(weights: Weights, values: Values, statistic: Statistic) -> State:
    """Return what the pixels of the grid of *weights* tell.

    Parameters
    ----------
    values
        Numbers with y and x as the last two dimensions. NaN that is data makes its layers NaN.
    """
    layers = values.data.shape[:-2]
    flat = values.data.reshape(math.prod(layers), math.prod(weights.shape))
    there = None if values.valid is None else values.valid.reshape(flat.shape)
    count = len(weights.totals)
    states = [
        _apply(weights, *block, statistic)
        for block in _blocks(flat, there, weights.cells, nan_is_nodata=values.nan_is_nodata and flat.dtype.kind == "f")
    ]

    def together(name: str) -> NDArray[np.float64]:
        parts = [getattr(each, name) for each in states] or [np.zeros((count, 0))]
        return np.concatenate(parts, axis=1).reshape(count, *layers)

    squares = together("squares") if statistic == "variance" else None
    return State(statistic=statistic, weight=together("weight"), value=together("value"), squares=squares)


def merge(first: State, second: State) -> State:
    """Return what the pixels of both tell, none of which is in both.

    References
    ----------
    Chan, Golub and LeVeque 1983, The American Statistician 37(3), eq. 2.1, https://doi.org/10.1080/00031305.1983.10483115
    """
    weight = first.weight + second.weight
    if first.squares is None or second.squares is None:
        join = {"min": np.minimum, "max": np.maximum}.get(first.statistic, np.add)
        return State(statistic=first.statistic, weight=weight, value=join(first.value, second.value))
    with np.errstate(all="ignore"):
        apart = second.value / second.weight - first.value / first.weight
        between = np.square(apart) * first.weight * second.weight / weight
    between = np.where((first.weight > 0) & (second.weight > 0), between, 0.0)
    squares = first.squares + second.squares + between
    return State(statistic=first.statistic, weight=weight, value=first.value + second.value, squares=squares)


def finish(state: State) -> NDArray[np.float64]:
    """Return the statistic: geometries first, then layers; NaN where no pixel has data. A variance is that of all (not n - 1)."""
    with np.errstate(all="ignore"):
        match state.statistic:
            case "mean":
                found = state.value / state.weight
            case "variance":
                found = np.asarray(state.squares) / state.weight
            case _:
                found = state.value
    return np.where(state.weight > 0, found, np.nan)


def covered_share(state: State, totals: NDArray[np.float64], on_grid: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return which share of each geometry has pixels with data, from 0 to 1; NaN for one that has no pixel on the grid at all.

    Parameters
    ----------
    totals
        For each geometry the weight of all pixels of the grid.
    on_grid
        The share of each geometry that lies on the grid (`share_on_grid`).
    """
    column = (-1, *([1] * (state.weight.ndim - 1)))
    with np.errstate(all="ignore"):
        share = state.weight / totals.reshape(column) * on_grid.reshape(column)
    return np.minimum(np.where(totals.reshape(column) > 0, share, 0.0), 1.0)


def meet_grid(y: Dimension, x: Dimension, geometries: Dimension) -> list[bool]:
    """Return which geometries have a place in common with the grid."""
    pixels = read_pixels((y, x))
    if pixels.outline is None:
        return [False] * len(geometries.labels)
    grids = [turn(pixels.outline, -degrees) for degrees in pixels.turns]
    parts = parts_near(geometries, pixels.crs, within=pixels.outline)
    return [any(shapely.intersects(part, grids).any() for part in each) for each in parts]


def share_on_grid(y: Dimension, x: Dimension, geometries: Dimension, weighting: Weighting) -> NDArray[np.float64]:
    """Return which share of the area of each geometry lies on the grid; 0 where it has none.

    In the plane of its own CRS; on the ellipsoid where areas are weights, and the CRS is one of degrees.
    """
    pixels, own = read_pixels((y, x)), crs_of(geometries)
    shapes = list(read_shapes(geometries))
    if pixels.outline is None or all(each.is_empty for each in shapes):
        return np.zeros(len(shapes))
    grid = project(pixels.outline, pixels.crs, own, within=shapely.box(*shapely.total_bounds(shapes)))
    around = shapely.union_all([turn(grid, degrees) for degrees in turns_of(own)])
    valid = shapely.make_valid(shapes)
    shared_parts = shapely.intersection(valid, around)
    if weighting == "area" and is_in_degrees(own):
        valid, shared_parts = _lay_out_areas(valid, own), _lay_out_areas(shared_parts, own)
    areas, shared = shapely.area(valid), shapely.area(shared_parts)
    return np.asarray(np.divide(shared, areas, out=np.zeros(len(shapes)), where=areas > 0))


def _lay_out_areas(shapes: Any, crs: Crs) -> Any:
    """Return shapes in degrees on a plane in which areas are those on the ellipsoid; their edges are straight in degrees."""

    def lay_out(degrees: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.column_stack([np.radians(degrees[:, 0]), area_to_latitude(degrees[:, 1], crs)])

    return shapely.transform(shapely.segmentize(shapes, _STRAIGHT_DEGREES), lay_out)


@lru_cache(maxsize=2)
def _find_parts(y: Dimension, x: Dimension, geometries: Dimension, only_areas: bool) -> Sequence[Sequence[shapely.Geometry]]:
    pixels = read_pixels((y, x))
    return parts_near(geometries, pixels.crs, within=pixels.outline, only_areas=only_areas)


@lru_cache(maxsize=2)
def _weigh(
    y: Dimension, x: Dimension, geometries: Dimension, weighting: Weighting, bounds: tuple[tuple[int, int], ...]
) -> Weights:
    from scipy.sparse import csr_array

    whole, parts = read_pixels((y, x)), _find_parts(y, x, geometries, weighting != "centres")
    window = slice(*bounds[0]), slice(*bounds[1])
    pixels = whole.part(window)
    covered = list(_cover(whole, pixels, window, parts, weighting))
    numbers, shares = (np.concatenate([each[place] for each in covered] or [np.zeros(0)]) for place in (0, 1))
    cells, places = _find_places(numbers.astype(np.int64, copy=False))
    if weighting == "area":
        shares = shares * cell_areas(pixels, cells)[places]
    starts = np.cumsum([0, *(len(each) for each, _ in covered)])
    matrix = csr_array((shares, places, starts), shape=(len(covered), len(cells)))
    matrix.sum_duplicates()
    shape = len(pixels.y), len(pixels.x)
    return Weights(shape=shape, cells=cells, matrix=matrix, totals=np.asarray(matrix.sum(axis=1)))


def _cover(
    whole: Pixels, pixels: Pixels, window: Window, parts: Sequence[Sequence[shapely.Geometry]], weighting: Weighting
) -> Iterator[Covered]:
    if weighting != "centres":
        yield from find_coverage(pixels, parts)
        return
    for each in parts:
        numbers = find_pixels(whole, each, window)
        yield numbers, np.ones(len(numbers))


def _find_places(numbers: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.intp]]:
    """Return all *numbers* in order, each once, and where each stands among them; those of one geometry are in order already."""
    if (np.diff(numbers) > 0).all():
        return numbers, np.arange(len(numbers))
    return np.unique(numbers, return_inverse=True)


def _hull(places: NDArray[np.integer[Any]]) -> slice:
    return slice(int(places.min()), int(places.max()) + 1) if places.size else slice(0, 0)


def _blocks(
    flat: NDArray[Any], there: NDArray[np.bool_] | None, cells: NDArray[np.int64], *, nan_is_nodata: bool
) -> Iterator[tuple[NDArray[np.float64], NDArray[np.bool_] | None]]:
    """Yield the numbers of *cells* in some layers at a time, cells first, with 0 where there is no data, and where there is."""
    step = max(1, _BLOCK // max(1, len(cells)))
    for start in range(0, len(flat), step):
        block = np.empty((len(cells), len(flat[start : start + step])))
        block[...] = np.take(flat[start : start + step], cells, axis=1).T
        valid = None if there is None else np.take(there[start : start + step], cells, axis=1).T
        if nan_is_nodata:
            gaps = np.isnan(block)
            if gaps.any():
                valid = ~gaps if valid is None else valid & ~gaps
        if valid is not None and valid.all():
            valid = None
        if valid is not None:
            block[~valid] = 0.0
        yield block, valid


def _apply(weights: Weights, numbers: NDArray[np.float64], there: NDArray[np.bool_] | None, statistic: Statistic) -> State:
    matrix = weights.matrix
    weight = np.repeat(np.asarray(matrix.sum(axis=1))[:, None], numbers.shape[1], axis=1)
    if there is not None:
        # Seas and other gaps are mostly the same in all layers.
        is_same = bool((there == there[:, :1]).all())
        found = matrix @ (there[:, :1] if is_same else there).astype(np.float64)
        weight = np.broadcast_to(found, weight.shape)
    if statistic in {"min", "max"}:
        return State(statistic=statistic, weight=weight, value=_extremes(matrix, numbers, there, statistic))
    with np.errstate(all="ignore"):
        value = matrix @ numbers
        if statistic != "variance":
            return State(statistic=statistic, weight=weight, value=value)
        # Squares of what is left beside a number near all of them keep the digits that squares of the numbers would lose.
        near = add_up(numbers) / np.maximum(len(numbers) if there is None else there.sum(axis=0), 1)
        left = numbers - np.where(np.isfinite(near), near, 0.0)
        if there is not None:
            left[~there] = 0.0
        squares = matrix @ np.square(left) - np.square(matrix @ left) / weight
    return State(statistic=statistic, weight=weight, value=value, squares=np.where(weight > 0, np.maximum(squares, 0.0), 0.0))


def _extremes(
    matrix: "csr_array", numbers: NDArray[np.float64], there: NDArray[np.bool_] | None, statistic: Statistic
) -> NDArray[np.float64]:
    ufunc, neutral = (np.minimum, np.inf) if statistic == "min" else (np.maximum, -np.inf)
    found = np.full((matrix.shape[0], numbers.shape[1]), neutral)
    filled = numbers if there is None else np.where(there, numbers, neutral)
    has_pixels = np.diff(matrix.indptr) > 0
    if has_pixels.any():
        # A row without pixels starts where the next one does, and is left out.
        found[has_pixels] = ufunc.reduceat(filled[matrix.indices], matrix.indptr[:-1][has_pixels], axis=0)
    return found
