"""Boxes and geometries against the pixels of a cube, which are told by their centres.

Predicates are those of Simple Features: what lies on an edge counts. On grids of degrees a longitude is the same 360 degrees on.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise, product

import msgspec
import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from twinlake.core.documents import JsonObject
from twinlake.processing.openeo.shapes.dimensions import Dimension, find_horizontal
from twinlake.processing.openeo.shapes.geometries import crs_of, parts_near, read_geojson, read_shapes
from twinlake.processing.openeo.shapes.projecting import DEGREES, TURN, Crs, is_in_degrees, project, turns_of
from twinlake.standards.openeo.errors import ProcessParameterInvalidError

_BLOCK = 32
"""Rows and columns of a block of pixels that are looked at together."""
_FEW = 4096
"""Places that are looked at one by one."""
_MOST_TURNED = 180.0
"""Degrees: what would span more than half of the world from its west to its east has these taken for each other."""

Window = tuple[slice, slice]
"""Rows and columns, as slices of step 1."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Pixels:
    """The centres of a cube's pixels."""

    y: NDArray[np.float64]
    x: NDArray[np.float64]
    crs: Crs

    @property
    def turns(self) -> Sequence[float]:
        """What may be added to x without going anywhere."""
        return turns_of(self.crs)

    @property
    def outline(self) -> BaseGeometry | None:
        """The box around all pixels; None where there is none."""
        if not self.x.size or not self.y.size:
            return None
        x, y = self.sides[0.0]
        return shapely.box(x.low.min(), y.low.min(), x.high.max(), y.high.max())

    @cached_property
    def sides(self) -> dict[float, tuple["Side", "Side"]]:
        """The pixels along x and along y, by what is added to x; on grids of degrees they end at the poles."""
        steps = [abs(centres[1] - centres[0]) for centres in (self.x, self.y) if len(centres) > 1]
        step, pole = steps[0] if steps else 0.0, 90.0 if is_in_degrees(self.crs) else math.inf
        y = Side.of(self.y, step, end=pole)
        return {turn: (Side.of(self.x + turn, step), y) for turn in self.turns}

    def part(self, window: "Window") -> "Pixels":
        """Return those of a window, with the borders that they have in the whole."""
        rows, columns = window
        made = Pixels(y=self.y[rows], x=self.x[columns], crs=self.crs)
        made.__dict__["sides"] = {turn: (x.part(columns), y.part(rows)) for turn, (x, y) in self.sides.items()}
        return made


def read_pixels(dimensions: Sequence[Dimension]) -> Pixels:
    """Return the centres of the pixels of a cube; without a CRS they are in degrees.

    Raises
    ------
    ProcessParameterInvalidError
        The cube has no pixels, or their labels are no coordinates.
    """
    y, x = (dimensions[number] for number in find_horizontal(dimensions))
    return Pixels(y=y.coordinates(), x=x.coordinates(), crs=x.crs or DEGREES)


def find_in_box(pixels: Pixels, box: JsonObject) -> tuple[list[int], list[int]]:
    """Return the places along y and along x that lie in a box of openEO: ``west``, ``south``, ``east``, ``north``, ``crs``.

    Raises
    ------
    ProcessParameterInvalidError
        As `read_box` does.
    """
    west, south, east, north = shapely.bounds(read_box(box, pixels.crs, within=pixels.outline))
    is_in_x = np.zeros(len(pixels.x), dtype=bool)
    for turn in pixels.turns:
        is_in_x |= (pixels.x + turn >= west) & (pixels.x + turn <= east)
    is_in_y = (pixels.y >= south) & (pixels.y <= north)
    return np.flatnonzero(is_in_y).tolist(), np.flatnonzero(is_in_x).tolist()


def order_columns(pixels: Pixels, columns: Sequence[int]) -> list[int]:
    """Return places along x from west to east: those beyond the seam of a grid all around the Earth stand first."""
    x, found = pixels.x, list(columns)
    gaps = np.flatnonzero(np.diff(found) > 1)
    if len(gaps) != 1 or found[0] != 0 or found[-1] != len(x) - 1 or not is_in_degrees(pixels.crs):
        return found
    width = abs(float(x[-1] - x[0]))
    step = width / (len(x) - 1)
    behind = int(gaps[0]) + 1
    return found[behind:] + found[:behind] if abs(width + step - TURN) < step / 2 else found


def take_columns(x: Dimension, columns: Sequence[int]) -> Dimension:
    """Return the labels along x at places that `order_columns` has put in order, without a jump where they meet at the seam."""
    taken = x.take(columns)
    if all(one < other for one, other in pairwise(columns)):
        return taken
    labels = np.unwrap(taken.coordinates(), period=TURN)
    labels -= TURN * np.ceil(((labels[0] + labels[-1]) / 2 - TURN / 2) / TURN)
    return msgspec.structs.replace(taken, labels=tuple(labels.tolist()))


def find_vectors_in_box(dimension: Dimension, box: JsonObject) -> list[int]:
    """Return the places of the geometries that lie within a box of openEO; on grids of degrees also 360 degrees on.

    Raises
    ------
    ProcessParameterInvalidError
        As `read_box` does.
    """
    shapes, crs = list(read_shapes(dimension)), crs_of(dimension)
    around = _box_around(shapes)
    area = read_box(box, crs, within=around)
    if around is None or area.is_empty:
        return []
    west, south, east, north = shapely.bounds(area)
    areas = [shapely.box(west + turn, south, east + turn, north) for turn in turns_of(crs)]
    return [place for place, shape in enumerate(shapes) if shapely.within(shape, areas).any()]


def _box_around(shapes: Sequence[BaseGeometry]) -> BaseGeometry | None:
    return shapely.box(*shapely.total_bounds(shapes)) if any(not each.is_empty for each in shapes) else None


def find_vectors_in_areas(dimension: Dimension, document: JsonObject) -> list[int]:
    """Return the places of the geometries that lie within one of the polygons of a GeoJSON document.

    Raises
    ------
    ProcessParameterInvalidError
        As `read_geojson` and `parts_near` do.
    """
    shapes, crs = list(read_shapes(dimension)), crs_of(dimension)
    around = _box_around(shapes)
    parts = parts_near(read_geojson(document), crs, within=around, only_areas=True)
    areas = [shapely.union_all(each) for each in parts]
    return [place for place, shape in enumerate(shapes) if shapely.within(shape, areas).any()]


def read_box(box: JsonObject, crs: Crs, *, within: BaseGeometry | None) -> BaseGeometry:
    """Return a box of openEO in another CRS: what holds its edges there is what counts.

    Parameters
    ----------
    within
        Where the cube is, in *crs*; None where it is nowhere.

    Raises
    ------
    ProcessParameterInvalidError
        The box is none, or cannot be taken over into the CRS of the cube.
    """
    west, south, east, north = (float(box[side]) for side in ("west", "south", "east", "north"))
    own = box.get("crs") or DEGREES
    if south > north:
        raise ProcessParameterInvalidError(f"The box has its south, {south:g}, beyond its north, {north:g}.")
    if west > east and is_in_degrees(own) and west - east >= _MOST_TURNED:
        east += 360
    if west > east:
        more = " One over the antimeridian begins far in the east, as from 170 to -170." if is_in_degrees(own) else ""
        raise ProcessParameterInvalidError(f"The box has its west, {west:g}, beyond its east, {east:g}.{more}")
    return project(shapely.box(west, south, east, north), own, crs, within=within)


def cover(pixels: Pixels, geometries: Sequence[BaseGeometry], window: Window | None = None) -> NDArray[np.bool_]:
    """Return which pixels belong to *geometries*, each of one part; y before x.

    Those are: of a polygon the pixels whose centre lies in it, or on its edge; of a line those whose centre is the closest to a
    place on it; of a point the closest one. Of a *window* each pixel is found as in the whole.
    """
    window = window or (slice(0, len(pixels.y)), slice(0, len(pixels.x)))
    top, left = (each.start for each in window)
    covered = np.zeros([each.stop - each.start for each in window], dtype=bool)
    for rows, columns, hit in _hits(pixels, geometries, window):
        covered[np.ix_(rows - top, columns - left)] |= hit
    return covered


def find_pixels(pixels: Pixels, geometries: Sequence[BaseGeometry], window: Window | None = None) -> NDArray[np.int64]:
    """Return the numbers of the pixels that belong to *geometries*, as `cover` has them, counted row by row; in order.

    Those in a *window* are counted in it.
    """
    window = window or (slice(0, len(pixels.y)), slice(0, len(pixels.x)))
    (top, left), width = (each.start for each in window), window[1].stop - window[1].start
    found = [
        ((rows[:, None] - top) * width + columns - left)[hit]  # one after the other: no array of all pixels is made
        for rows, columns, hit in _hits(pixels, geometries, window)
    ]
    if len(found) < 2:
        return found[0].astype(np.int64) if found else np.zeros(0, dtype=np.int64)
    return np.unique(np.concatenate(found)).astype(np.int64)


def _hits(
    pixels: Pixels, geometries: Sequence[BaseGeometry], window: Window
) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.bool_]]]:
    """Yield rows, columns, and which of the pixels there belong to a geometry."""
    for geometry, (x, y) in product(geometries, pixels.sides.values()):
        rows, columns = (_within(each, part) for each, part in zip(_reach(y, x, geometry), window, strict=True))
        if not rows.size or not columns.size:
            continue
        shapely.prepare(geometry)
        if geometry.geom_type == "Polygon":
            hit = _find_within(geometry, y.centres[rows], x.centres[columns])
        else:
            cells = shapely.box(x.low[None, columns], y.low[rows, None], x.high[None, columns], y.high[rows, None])
            hit = shapely.intersects(geometry, cells)
        yield rows, columns, hit


def _within(places: NDArray[np.intp], part: slice) -> NDArray[np.intp]:
    return np.asarray(places[(places >= part.start) & (places < part.stop)])


def _find_within(polygon: BaseGeometry, y: NDArray[np.float64], x: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return which places of a grid lie in a polygon that is prepared; y before x.

    Blocks that lie in it, or beside it, as a whole are not looked at place by place.
    """
    if len(y) * len(x) <= _FEW:
        return np.asarray(shapely.intersects_xy(polygon, x[None, :], y[:, None]))
    rows, columns = (np.arange(0, len(each), _BLOCK) for each in (y, x))
    south, north = np.minimum.reduceat(y, rows), np.maximum.reduceat(y, rows)
    west, east = np.minimum.reduceat(x, columns), np.maximum.reduceat(x, columns)
    blocks = shapely.box(west[None, :], south[:, None], east[None, :], north[:, None])
    covers = shapely.covers(polygon, blocks)
    meets = shapely.intersects(polygon, blocks) & ~covers

    def spread(blocks: NDArray[np.bool_]) -> NDArray[np.bool_]:
        return np.repeat(np.repeat(blocks, _BLOCK, axis=0), _BLOCK, axis=1)[: len(y), : len(x)]

    hit, (row, column) = spread(covers), np.nonzero(spread(meets))
    hit[row, column] = shapely.intersects_xy(polygon, x[column], y[row])
    return hit


def enclose(pixels: Pixels, geometries: Sequence[BaseGeometry]) -> tuple[list[int], list[int]]:
    """Return the places along y and along x of the box around *geometries*, and around the pixels that belong to them."""
    rows, columns = np.zeros(len(pixels.y), dtype=bool), np.zeros(len(pixels.x), dtype=bool)
    around = [shapely.box(*shapely.total_bounds(geometries))] if geometries else []
    for geometry, (x, y) in product((*around, *geometries), pixels.sides.values()):
        along_y, along_x = _reach(y, x, geometry)
        if along_y.size and along_x.size:
            rows[along_y] = columns[along_x] = True
    return np.flatnonzero(rows).tolist(), np.flatnonzero(columns).tolist()


def _reach(y: "Side", x: "Side", geometry: BaseGeometry) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the places along y and along x that a geometry may have pixels at."""
    west, south, east, north = shapely.bounds(geometry)
    if geometry.geom_type == "Polygon":
        return y.find_centres(south, north), x.find_centres(west, east)
    rows, columns = y.find_cells(south, north), x.find_cells(west, east)
    # A point between two centres belongs to one of them.
    return (rows[:1], columns[:1]) if geometry.geom_type == "Point" else (rows, columns)


@dataclass(frozen=True, slots=True)
class Side:
    """Centres along one axis, and between which borders each is the closest."""

    centres: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]

    @classmethod
    def of(cls, centres: NDArray[np.float64], step: float, *, end: float = math.inf) -> "Side":
        """Return the side of *centres*; a single one has borders half a *step* away. No border is farther from 0 than *end*."""
        order = np.argsort(centres)
        ordered = centres[order]
        between = (ordered[1:] + ordered[:-1]) / 2
        first, last = (between[0] - ordered[0], ordered[-1] - between[-1]) if between.size else (step / 2, step / 2)
        borders = np.clip(np.concatenate([ordered[:1] - first, between, ordered[-1:] + last]), -end, end)
        low, high = np.empty_like(centres), np.empty_like(centres)
        low[order], high[order] = borders[:-1], borders[1:]
        return cls(centres, low, high)

    def part(self, places: slice) -> "Side":
        """Return some of the centres, with their borders."""
        return Side(self.centres[places], self.low[places], self.high[places])

    @property
    def widths(self) -> NDArray[np.float64]:
        """How far the borders of each are apart."""
        return self.high - self.low

    @property
    def is_falling(self) -> bool:
        """Whether the first centre is beyond the last."""
        return bool(self.centres[0] > self.centres[-1])

    def find_centres(self, low: float, high: float) -> NDArray[np.intp]:
        """Return the places of the centres from *low* to *high*."""
        return np.flatnonzero((self.centres >= low) & (self.centres <= high))

    def find_cells(self, low: float, high: float) -> NDArray[np.intp]:
        """Return the places of the pixels that reach between *low* and *high*."""
        return np.flatnonzero((self.high >= low) & (self.low <= high))
