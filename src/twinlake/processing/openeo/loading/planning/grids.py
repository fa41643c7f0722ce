"""Which pixels a cube of images has: pure functions over what is known of the images.

A grid is that of the CRS in which the images cover most of the Earth, at the finest pixels among them, or the declared one.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj.exceptions import ProjError

from twinlake.core.documents import JsonObject
from twinlake.core.errors import TwinlakeError
from twinlake.holdings.readers.crs import read_crs, way_between
from twinlake.processing.openeo.loading.planning.items import MAX_CELLS_ALONG, Unloadable
from twinlake.processing.openeo.shapes.areas import Pixels, enclose, find_in_box, order_columns
from twinlake.processing.openeo.shapes.dimensions import Dimension
from twinlake.processing.openeo.shapes.geometries import read_areas
from twinlake.processing.openeo.shapes.projecting import DEGREES, Crs, is_in_degrees
from twinlake.standards.openeo.errors import ProcessError, ProcessGraphComplexityError

Transform = tuple[float, float, float, float, float, float]
Box = tuple[float, float, float, float]
"""Left, bottom, right, top."""
_CLOSE = 1e-6
"""Of a pixel: so near to a border a place is on it."""
_EDGE_PLACES = 21
"""Along each side of an image, for its place in another CRS."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Footing:
    """Where the pixels of one image lie."""

    crs: Crs
    transform: Transform
    shape: tuple[int, int]
    """Rows, columns."""

    @property
    def is_upright(self) -> bool:
        """Whether rows and columns run along the axes of the CRS."""
        return self.transform[1] == 0 and self.transform[3] == 0

    @property
    def pixel(self) -> tuple[float, float]:
        """Width and height of a pixel in the unit of the CRS."""
        return abs(self.transform[0]), abs(self.transform[4])

    def outline(self, places: int = 2) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return x and y of places along the edge."""
        rows, columns = self.shape
        along = np.linspace(0.0, 1.0, places)
        zero, one = np.zeros(places), np.ones(places)
        column = np.concatenate([along, one, along, zero]) * columns
        row = np.concatenate([zero, along, one, along]) * rows
        a, b, c, d, e, f = self.transform
        return a * column + b * row + c, d * column + e * row + f

    def bounds(self, crs: Crs) -> Box | None:
        """Return the box around it in a CRS; None where it has no place there."""
        x, y = self.outline() if crs == self.crs else self.outline(_EDGE_PLACES)
        if crs != self.crs:
            x, y = _take_over(x, y, self.crs, crs)
        if not (np.isfinite(x).all() and np.isfinite(y).all()):
            return None
        return float(x.min()), float(y.min()), float(x.max()), float(y.max())


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """Pixels along the axes of a CRS, the first row in the north."""

    crs: Crs
    x0: float
    """Left border of column 0."""
    y0: float
    """Upper border of row 0."""
    width: float
    height: float
    columns: range
    rows: range

    def y(self) -> NDArray[np.float64]:
        """Return the centres of the rows, from north to south."""
        return self.y0 - self.height * _centres(self.rows)

    def x(self) -> NDArray[np.float64]:
        """Return the centres of the columns."""
        return self.x0 + self.width * _centres(self.columns)

    def over(self, box: Box) -> "Grid":
        """Return it with the pixels that touch a box."""
        left, bottom, right, top = box
        columns = _reach((left - self.x0) / self.width, (right - self.x0) / self.width)
        rows = _reach((self.y0 - top) / self.height, (self.y0 - bottom) / self.height)
        return replace(self, columns=columns, rows=rows)


def _centres(cells: range) -> NDArray[np.float64]:
    return np.arange(cells.start, cells.stop, dtype=np.float64) + 0.5


def choose_grid(footings: Sequence[Footing], *, declared: Grid | None = None) -> Grid:
    """Return the grid for images, with all pixels that they touch.

    Parameters
    ----------
    footings
        In the order of the images: of several equally fine ones the first tells where pixels begin.
    declared
        What the collection says; its extent does not count.

    Raises
    ------
    Unloadable
        None of the images lies along the axes of its CRS.
    ProcessGraphComplexityError
        The images lie too far apart.
    """
    different = list(dict.fromkeys(footings))
    grid = _grid_of(different) if declared is None else _align(declared, different)
    boxes = [box for each in different if (box := each.bounds(grid.crs)) is not None]
    if not boxes:
        raise Unloadable("None of the images has a place in the CRS of the declared grid.")
    left, bottom = min(box[0] for box in boxes), min(box[1] for box in boxes)
    right, top = max(box[2] for box in boxes), max(box[3] for box in boxes)
    whole = grid.over((left, bottom, right, top))
    if max(len(whole.rows), len(whole.columns)) > MAX_CELLS_ALONG:
        raise ProcessGraphComplexityError(
            f"What is asked for spans {len(whole.columns)} x {len(whole.rows)} pixels.", remedy="Give a smaller spatial_extent."
        )
    return whole


def _align(declared: Grid, footings: Sequence[Footing]) -> Grid:
    """Return the declared grid where images have pixels of its size: an extent does not tell whether it is of their centres."""
    for each in footings:
        width, height = each.pixel
        is_alike = np.allclose((width, height), (declared.width, declared.height), rtol=_CLOSE, atol=0.0)
        if each.crs == declared.crs and each.is_upright and is_alike:
            return _grid_at(each)
    return declared


def _grid_of(footings: Sequence[Footing]) -> Grid:
    upright = [each for each in footings if each.is_upright]
    if not upright:
        raise Unloadable("The images do not lie along the axes of their CRS; declare a grid in the collection's cube:dimensions.")
    crs = max(dict.fromkeys(each.crs for each in upright), key=lambda crs: _covered(upright, crs))
    finest = min((each for each in upright if each.crs == crs), key=lambda each: each.pixel[0] * each.pixel[1])
    return _grid_at(finest)


def _grid_at(footing: Footing) -> Grid:
    left, _, _, top = footing.bounds(footing.crs) or (0.0, 0.0, 0.0, 0.0)
    width, height = footing.pixel
    return Grid(crs=footing.crs, x0=left, y0=top, width=width, height=height, columns=range(0), rows=range(0))


def _covered(footings: Sequence[Footing], crs: Crs) -> tuple[float, int]:
    """Return how much of the Earth the images of a CRS cover, in a projection of equal areas, and how many there are."""
    own = [each for each in footings if each.crs == crs]
    polygons = []
    for each in own:
        longitude, latitude = _take_over(*each.outline(_EDGE_PLACES), crs, DEGREES)
        good = np.isfinite(longitude) & np.isfinite(latitude)
        if good.sum() > 3:
            unwrapped = np.unwrap(longitude[good], period=360.0)
            polygons.append(shapely.box(*_extremes(unwrapped, np.sin(np.radians(latitude[good])))))
    return round(float(shapely.union_all(polygons).area), 9), len(own)


def _extremes(x: NDArray[np.float64], y: NDArray[np.float64]) -> Box:
    return float(x.min()), float(y.min()), float(x.max()), float(y.max())


def _take_over(
    x: NDArray[np.float64], y: NDArray[np.float64], source: Crs, target: Crs
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    if source == target:
        return x, y
    try:
        moved = way_between(read_crs(source), read_crs(target)).transform(x, y)
    except (ProjError, TwinlakeError) as error:
        raise Unloadable(f"There is no way from one CRS of the images to another: {str(error)[:200]}.") from error
    return np.asarray(moved[0]), np.asarray(moved[1])


def _reach(low: float, high: float) -> range:
    """Return the numbers of the pixels between two places, in pixels; one that is touched at its border alone is not meant."""
    first = round(low) if abs(low - round(low)) < _CLOSE else int(np.floor(low))
    last = round(high) if abs(high - round(high)) < _CLOSE else int(np.ceil(high))
    return range(first, max(last, first))


def read_declared(collection: JsonObject) -> Grid | None:
    """Return the grid that a collection declares: ``cube:dimensions`` with axes x and y, a CRS, ``extent`` and ``step``.

    The extent is taken for that of the centres; where images have pixels of this size theirs counts (`choose_grid`).
    """
    dimensions = collection.get("cube:dimensions")
    by_axis = {each.get("axis"): each for each in dimensions.values()} if isinstance(dimensions, dict) else {}
    x, y = by_axis.get("x"), by_axis.get("y")
    if x is None or y is None or x.get("reference_system") != y.get("reference_system"):
        return None
    crs, width, height = x.get("reference_system", DEGREES), x.get("step"), y.get("step")
    if not isinstance(crs, int | str) or not width or not height or "extent" not in x or "extent" not in y:
        return None
    west, north = min(x["extent"]) - abs(width) / 2, max(y["extent"]) + abs(height) / 2
    return Grid(crs=crs, x0=west, y0=north, width=abs(width), height=abs(height), columns=range(0), rows=range(0))


def limit(y: Dimension, x: Dimension, *, box: JsonObject | None, area: JsonObject | None) -> tuple[list[int], list[int]]:
    """Return the places along y and x that an extent leaves, a box of openEO or GeoJSON; those along x for `take_columns`.

    Raises
    ------
    ProcessError
        ``NoDataAvailable``: none.
    ProcessParameterInvalidError
        The extent is none.
    """
    pixels = Pixels(y=y.coordinates(), x=x.coordinates(), crs=x.crs or DEGREES)
    rows, columns = list(range(len(y.labels))), list(range(len(x.labels)))
    if box is not None:
        rows, columns = find_in_box(pixels, box)
    if area is not None:
        rows, columns = enclose(pixels, read_areas(area, pixels.crs, within=pixels.outline))
    if not rows or not columns:
        raise ProcessError("NoDataAvailable", "There are no pixels within the spatial extent.")
    return rows, order_columns(pixels, columns)


def cut(grid: Grid, box: JsonObject) -> Grid:
    """Return the grid without what certainly lies beyond a box, so that few pixels are looked at one by one."""
    if is_in_degrees(grid.crs) or box.get("crs", DEGREES) != grid.crs:
        return grid
    near = grid.over((float(box["west"]), float(box["south"]), float(box["east"]), float(box["north"])))
    return replace(
        grid,
        columns=range(max(grid.columns.start, near.columns.start - 1), min(grid.columns.stop, near.columns.stop + 1)),
        rows=range(max(grid.rows.start, near.rows.start - 1), min(grid.rows.stop, near.rows.stop + 1)),
    )


def axes_of(grid: Grid) -> tuple[Dimension, Dimension]:
    """Return the dimensions y and x of a grid."""
    return (
        Dimension(name="y", kind="spatial", axis="y", labels=tuple(grid.y().tolist()), crs=grid.crs),
        Dimension(name="x", kind="spatial", axis="x", labels=tuple(grid.x().tolist()), crs=grid.crs),
    )
