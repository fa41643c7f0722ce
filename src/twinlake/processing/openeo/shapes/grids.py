"""Grids: the pixels of a cube in their CRS, and those that it is to have."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from twinlake.processing.openeo.shapes.axes import CLOSE, Axis, Coordinates, read_axis
from twinlake.processing.openeo.shapes.dimensions import Dimension, find_horizontal
from twinlake.processing.openeo.shapes.projecting import DEGREES, TURN, Crs, find_way, is_in_degrees
from twinlake.standards.openeo.errors import ProcessParameterInvalidError

Corner = Literal["lower-left", "upper-left", "lower-right", "upper-right"]
_MOST = 1_000_000
"""Pixels along one axis."""
_LATTICE = 65
"""Places along each side of a grid at which is looked where it lies in another CRS."""
_DRAWN_OUT = 12.0
"""How much longer than elsewhere a distance may become: Mercator's projection reaches 85 degrees."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """Rows and columns of pixels."""

    y: Axis
    x: Axis
    crs: Crs

    def label(self, dimensions: Sequence[Dimension]) -> tuple[Dimension, ...]:
        """Return dimensions with those along y and x as this grid has them."""
        changed = list(dimensions)
        for number, axis in zip(find_horizontal(dimensions), (self.y, self.x), strict=True):
            crs = dimensions[number].crs if self.crs == DEGREES and dimensions[number].crs is None else self.crs
            labels = tuple(axis.centres.tolist())
            # Labels that stay are kept as they are, be they whole numbers.
            labels = dimensions[number].labels if labels == dimensions[number].labels else labels
            changed[number] = msgspec.structs.replace(dimensions[number], labels=labels, crs=crs, is_enumerated=False)
        return tuple(changed)


def read_grid(dimensions: Sequence[Dimension]) -> Grid:
    """Return the grid of a cube; without a CRS it is in degrees.

    Raises
    ------
    ProcessParameterInvalidError
        The cube has no pixels, or their labels are no coordinates that rise or fall.
    """
    y, x = (dimensions[number] for number in find_horizontal(dimensions))
    crs = x.crs or DEGREES
    steps = [abs(float(each.coordinates()[1] - each.coordinates()[0])) for each in (y, x) if len(each.labels) > 1]
    step = steps[0] if steps else None
    return Grid(
        y=read_axis(y, step=None if step is None else -step),
        x=read_axis(x, step=step, turn=TURN if is_in_degrees(crs) else 0.0),
        crs=crs,
    )


def lay_grid(source: Grid, *, resolution: tuple[float, float], crs: Crs, align: Corner) -> Grid:
    """Return the grid that covers another one, with pixels of another size or in another CRS.

    It begins in a corner of the box around *source* and has the rows and columns of which the centre lies in that box, at least
    one. Rows and columns are in the order of *source*.

    Parameters
    ----------
    resolution
        The size of a pixel along x and along y, in the unit of *crs*. 0 does not change it; in another CRS that is a square of
        the area that the pixel in the middle has there.

    Raises
    ------
    ProcessParameterInvalidError
        *source* has no place in *crs*, or there would be too many pixels.
    """
    across, along = resolution
    from_north, from_east = align.startswith("upper"), align.endswith("right")
    if find_way(source.crs, crs) is None:
        x = source.x if not across else _lay(source.x, (source.x.borders[0], source.x.borders[-1]), across, turned=from_east)
        y = source.y if not along else _lay(source.y, (source.y.borders[0], source.y.borders[-1]), along, turned=from_north)
        return Grid(y=y, x=x, crs=source.crs)
    size = 0.0 if across and along else _size_of_middle(source, crs)
    over_x, over_y = _box(source, crs)
    x = _lay(source.x, over_x, across or size, turned=from_east)
    y = _lay(source.y, over_y, along or size, turned=from_north)
    return Grid(y=y, x=replace(x, turn=TURN if is_in_degrees(crs) else 0.0), crs=crs)


def _lay(axis: Axis, over: tuple[float, float], size: float, *, turned: bool) -> Axis:
    """Return pixels of a size that begin at the low end, or *turned* at the high one, in the order of *axis*."""
    low, high = sorted(over)
    count = max(1.0, np.floor((high - low) / size + 0.5 - CLOSE))
    if not count <= _MOST:
        raise ProcessParameterInvalidError(
            f"With a resolution of {size:g} there are {count:.0f} pixels along one axis, and {_MOST} are the most.",
            remedy=f"Give a resolution of {(high - low) / _MOST * 1.01:.2g} or more, or a smaller extent.",
        )
    offsets = (np.arange(count) + 0.5) * size
    centres = (high - offsets)[::-1] if turned else low + offsets
    return replace(axis, centres=centres if axis.step > 0 else centres[::-1], step=float(np.copysign(size, axis.step)))


def _box(source: Grid, crs: Crs) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return the box around a grid in another CRS, along x and along y."""
    columns, rows = (np.linspace(axis.borders[0], axis.borders[-1], _LATTICE) for axis in (source.x, source.y))
    x, y = _move(source, crs, *np.meshgrid(columns, rows))
    is_there = np.isfinite(x) & np.isfinite(y)
    if not is_in_degrees(crs):
        is_there &= _is_bounded(x, y)
    if not is_there.any():
        raise ProcessParameterInvalidError("The cube has no place in that coordinate reference system.")
    x, y = x[is_there], y[is_there]
    return (float(x.min()), float(x.max())), (float(y.min()), float(y.max()))


def _is_bounded(x: Coordinates, y: Coordinates) -> NDArray[np.bool_]:
    """Tell which places of a lattice are not drawn out without measure: to where a pole is infinitely far away, no grid leads."""
    with np.errstate(invalid="ignore"):
        along, across = (np.hypot(np.diff(x, axis=axis), np.diff(y, axis=axis)) for axis in (0, 1))
        sides = np.maximum(np.maximum(along[:, 1:], along[:, :-1]), np.maximum(across[1:], across[:-1]))
        is_kept = np.pad(sides <= _DRAWN_OUT * np.nanmin(np.where(np.isfinite(sides), sides, np.inf)), 1)
    return np.asarray(is_kept[1:, 1:] | is_kept[1:, :-1] | is_kept[:-1, 1:] | is_kept[:-1, :-1])


def _move(source: Grid, crs: Crs, x: Coordinates, y: Coordinates) -> tuple[Coordinates, Coordinates]:
    """Take places over into another CRS; those that have none there become infinite. Longitudes make no jump."""
    way = find_way(source.crs, crs)
    x, y = (x, y) if way is None else way(x, y)
    middle = x[tuple(size // 2 for size in x.shape)]
    if is_in_degrees(crs) and np.isfinite(middle):
        with np.errstate(invalid="ignore"):
            x = x - TURN * np.round((x - middle) / TURN)
    return x, y


def _size_of_middle(source: Grid, crs: Crs) -> float:
    """Return the side of the square that has, in another CRS, the area of the pixel in the middle."""
    row, column = source.y.count // 2, source.x.count // 2
    south, north = source.y.borders[row : row + 2]
    west, east = source.x.borders[column : column + 2]
    x, y = _move(source, crs, np.array([west, east, east, west]), np.array([south, south, north, north]))
    if not np.isfinite(x + y).all():
        raise ProcessParameterInvalidError("The middle of the cube has no place in that CRS: say which resolution is wanted.")
    return float(np.sqrt(abs(np.sum(x * np.roll(y, -1) - y * np.roll(x, -1))) / 2))
