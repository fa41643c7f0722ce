"""Where the pixels of a tile lie among those of another grid; in pixels, from the centre of the first row and column there."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twinlake.processing.openeo.shapes.axes import Axis, Coordinates
from twinlake.processing.openeo.shapes.grids import Grid
from twinlake.processing.openeo.shapes.lattices import transform
from twinlake.processing.openeo.shapes.projecting import find_way

_WIDER = 1 / 0.95
"""Pixels of the source to one of the target, from which on filters are wider: as for gdalwarp."""
_POLE = 90.0
_LATTICE = 9
"""Pixels along each side of a grid at which their size is looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Centres:
    """The centres of pixels."""

    y: Coordinates
    """Of one column, if they are separable, else of rows and columns; NaN is nowhere near."""
    x: Coordinates
    """Of one row, if they are separable, else of rows and columns."""
    is_separable: bool
    """Whether those of a row of pixels lie in one row there, and those of a column in one column: both grids have one CRS."""


def locate_centres(source: Grid, target: Grid, rows: slice, columns: slice) -> Centres:
    """Return where the centres of the pixels of a tile of *target* lie in *source*."""
    if _is_separable(source, target):
        y, x = target.y.centres[rows], target.x.centres[columns]
        return Centres(y=source.y.locate(y)[:, None], x=source.x.locate(x + source.x.turned(x))[None, :], is_separable=True)
    y, x = _locate(source, target, target.y.centres, target.x.centres, (rows, columns))
    return Centres(y=y, x=x, is_separable=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Corners:
    """The outlines of pixels, in one CRS with the other grid: where rows and columns begin and end, the lower place first."""

    y: tuple[Coordinates, Coordinates]
    x: tuple[Coordinates, Coordinates]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlines:
    """The outlines of pixels in another CRS: the four corners of each, one after the other around it.

    The outline of a pixel that has a pole in it goes around the Earth, and back along the pole.
    """

    y: Coordinates
    """Of shape ``(corners, pixels)``; NaN is nowhere near."""
    x: Coordinates


def locate_outlines(source: Grid, target: Grid, rows: slice, columns: slice) -> Corners | Outlines:
    """Return where the borders of the pixels of a tile of *target* lie in *source*."""
    rows, columns = (slice(each.start, each.stop + 1) for each in (rows, columns))
    if _is_separable(source, target):
        y, x = target.y.borders[rows], target.x.borders[columns]
        turns = source.x.turned(target.x.centres[columns.start : columns.stop - 1])
        sides = [source.y.locate(each) for each in (y[:-1], y[1:])], [source.x.locate(each + turns) for each in (x[:-1], x[1:])]
        (low_y, high_y), (low_x, high_x) = [(np.minimum(*pair), np.maximum(*pair)) for pair in sides]
        return Corners(y=(low_y, high_y), x=(low_x, high_x))
    x, y = _project(source, target, target.y.borders, target.x.borders, (rows, columns))
    if not source.x.turn:
        return Outlines(y=_around(source.y.locate(y)), x=_around(source.x.locate(x)))
    with np.errstate(invalid="ignore"):
        around_y, around_x = _over_poles(_around(y), _around(x), source.x.turn)
        around_x = around_x + source.x.turned(around_x.mean(axis=0))
    return Outlines(y=source.y.locate(around_y), x=source.x.locate(around_x))


def find_stretch(source: Grid, target: Grid) -> tuple[float, float]:
    """Return how many pixels of *source*, along y and along x, a pixel of *target* is as large as; at least 1.

    That is one number for the whole of both: in another CRS the median over the pixels that lie on *source*.
    """
    if _is_separable(source, target):
        return _at_least(abs(target.y.step / source.y.step)), _at_least(abs(target.x.step / source.x.step))
    y, x = (axis.centres[np.unique(np.linspace(0, axis.count - 1, _LATTICE).astype(int))] for axis in (target.y, target.x))
    whole = slice(0, len(y)), slice(0, len(x))
    here_y, here_x = _locate(source, target, y, x, whole)
    steps = [_locate(source, target, *moved, whole) for moved in ((y + target.y.step, x), (y, x + target.x.step))]
    is_there = source.y.holds(here_y) & source.x.holds(here_x) & np.all(np.isfinite(steps), axis=(0, 1))
    if not is_there.any():
        return 1.0, 1.0
    sizes = [
        np.hypot(*[step[number][is_there] - here[is_there] for step in steps]) for number, here in enumerate((here_y, here_x))
    ]
    return _at_least(float(np.median(sizes[0]))), _at_least(float(np.median(sizes[1])))


def find_window(axis: Axis, first: NDArray[Any], last: NDArray[Any]) -> slice:
    """Return which pixels of an axis lie between others, both included, which may be beyond the border."""
    if not first.size:
        return slice(0, 0)
    start, stop = int(first.min()), int(last.max()) + 1
    if axis.wraps and (start < 0 or stop > axis.count):
        return slice(0, axis.count)
    return slice(min(max(start, 0), axis.count), max(min(stop, axis.count), 0))


def _at_least(size: float) -> float:
    return size if size > _WIDER else 1.0


def _is_separable(source: Grid, target: Grid) -> bool:
    return find_way(target.crs, source.crs) is None


def _project(
    source: Grid, target: Grid, y: Coordinates, x: Coordinates, window: tuple[slice, slice]
) -> tuple[Coordinates, Coordinates]:
    """Return x and y of a window of a grid in the CRS of *source*, which is another one than that of *target*."""
    way = find_way(target.crs, source.crs)
    assert way is not None
    return transform(way, y, x, *window, pixel=(source.x.finest, source.y.finest))


def _locate(
    source: Grid, target: Grid, y: Coordinates, x: Coordinates, window: tuple[slice, slice]
) -> tuple[Coordinates, Coordinates]:
    x, y = _project(source, target, y, x, window)
    if source.x.turn:
        with np.errstate(invalid="ignore"):
            x += source.x.turned(x)
    return source.y.locate(y), source.x.locate(x)


def _over_poles(y: Coordinates, x: Coordinates, turn: float) -> tuple[Coordinates, Coordinates]:
    """Return outlines in degrees of which no side goes around the Earth; those around a pole have it in them."""
    for number in range(1, len(x)):
        x[number] += turn * np.round((x[number - 1] - x[number]) / turn)
    beyond = turn * np.round((x[-1] - x[0]) / turn)
    is_polar = np.isfinite(beyond) & (beyond != 0)
    if not is_polar.any():
        return y, x
    pole = np.where(is_polar, np.copysign(_POLE, y.mean(axis=0)), y[-1])
    end = np.where(is_polar, x[0] + beyond, x[-1])
    back = np.where(is_polar, x[0], x[-1])
    return np.stack([*y, np.where(is_polar, y[0], y[-1]), pole, pole]), np.stack([*x, end, end, back])


def _around(lattice: Coordinates) -> Coordinates:
    """Return the four corners of each square of a lattice, of shape ``(4, squares)``."""
    corners = lattice[:-1, :-1], lattice[:-1, 1:], lattice[1:, 1:], lattice[1:, :-1]
    return np.stack([each.ravel() for each in corners])
