"""Pictures of cubes: one slice of the leading variable, north up, whatever grid it is on."""

from pathlib import Path

import numpy as np
import shapely
from numpy.typing import NDArray

from twinlake.holdings.readers.arrays import ArrayFile, ArrayVariable
from twinlake.holdings.readers.axes import data_variables, leading_variable
from twinlake.holdings.readers.cubes import open_arrays
from twinlake.holdings.readers.footprints import unwrap_cloud
from twinlake.holdings.readers.formats import Format
from twinlake.holdings.readers.hints import Hints
from twinlake.holdings.readers.layouts import AxisGrid, CellCloud, find_layout
from twinlake.holdings.readers.limits import MAX_POINTS
from twinlake.holdings.readers.pictures import Canvas, Layer, colour_picture, outline_picture
from twinlake.holdings.readers.slices import horizontal_dimensions, read_slice

_MAX_ASPECT = 4.0
_FILL_ROUNDS = 4


def picture(path: Path, found: Format, hints: Hints) -> Canvas | None:
    """Draw the cube at *path*: a grid in colours, stations as dots; None where nothing has a place."""
    with open_arrays(path, found) as file:
        return _draw(file, hints)


def _draw(file: ArrayFile, hints: Hints) -> Canvas | None:
    leading = leading_variable(data_variables(file, hints.variables))
    layout = find_layout(file, leading, hints)
    match layout:
        case AxisGrid() if leading is not None:
            return _draw_grid(leading, layout)
        case CellCloud() if leading is not None and _is_area(leading, layout):
            return _draw_cells(leading, layout)
        case CellCloud():
            return _draw_places(layout)
        case _:
            return None


def _is_area(variable: ArrayVariable, cloud: CellCloud) -> bool:
    return bool(horizontal_dimensions(variable, cloud)) and (
        cloud.is_curvilinear or cloud.is_mesh or cloud.longitude.size > 20 * MAX_POINTS
    )


def read_layer(path: Path, found: Format, hints: Hints) -> Layer | None:
    """Return one slice of the cube at *path* for a picture; None if its cells do not lie on axes."""
    with open_arrays(path, found) as file:
        leading = leading_variable(data_variables(file, hints.variables))
        layout = find_layout(file, leading, hints)
        return _grid_layer(leading, layout) if leading is not None and isinstance(layout, AxisGrid) else None


def _draw_grid(variable: ArrayVariable, grid: AxisGrid) -> Canvas | None:
    layer = _grid_layer(variable, grid)
    return colour_picture(*layer) if layer is not None else None


def _grid_layer(variable: ArrayVariable, grid: AxisGrid) -> Layer | None:
    horizontal = horizontal_dimensions(variable, grid)
    if not horizontal:
        return None
    values, (down, across) = read_slice(variable, horizontal)
    y, x = grid.y_values()[down], grid.x_values()[across]
    if grid.is_geographic and np.ptp(x) > 300.0:
        x = np.mod(x + 180.0, 360.0)
    values = values[np.argsort(-y, kind="stable")][:, np.argsort(x, kind="stable")]
    return values, np.isfinite(values)


def _draw_cells(variable: ArrayVariable, cloud: CellCloud) -> Canvas:
    """Sort cells into a grid of longitude and latitude of about as many pixels as there are cells."""
    values, steps = read_slice(variable, horizontal_dimensions(variable, cloud))
    longitude, latitude = cloud.longitude.values(steps), cloud.latitude.values(steps)
    good = np.isfinite(longitude) & np.isfinite(latitude) & (np.abs(latitude) <= 90.0)
    x, y, cells = unwrap_cloud(longitude[good]), latitude[good], values[good]
    width, height = _size(x, y)
    column = _bin(x, width)
    row = height - 1 - _bin(y, height)
    pixel = row * width + column
    known = np.isfinite(cells)
    seen = np.bincount(pixel, minlength=width * height)
    count = np.bincount(pixel[known], minlength=width * height)
    total = np.bincount(pixel[known], weights=cells[known], minlength=width * height)
    with np.errstate(invalid="ignore"):
        image = (total / count).reshape(height, width)
    image = _fill(image, (seen > 0).reshape(height, width))
    return colour_picture(image, np.isfinite(image))


def _size(x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[int, int]:
    """Return columns and rows of a picture with about half a pixel per cell, at most `Canvas.SIZE`."""
    aspect = min(max((np.ptp(x) or 1.0) / (np.ptp(y) or 1.0), 1 / _MAX_ASPECT), _MAX_ASPECT)
    width = min(float(np.sqrt(x.size / 2 * aspect)), Canvas.SIZE * min(1.0, aspect))
    return max(2, round(width)), max(2, round(width / aspect))


def _bin(values: NDArray[np.float64], count: int) -> NDArray[np.int64]:
    low, span = values.min(), np.ptp(values) or 1.0
    bins: NDArray[np.int64] = np.minimum(((values - low) / span * count).astype(np.int64), count - 1)
    return bins


def _fill(image: NDArray[np.float64], seen: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Give pixels on which no cell fell the value of a neighbour; those with missing cells stay empty."""
    for _ in range(_FILL_ROUNDS):
        if seen.all():
            break
        for axis, shift in ((0, 1), (0, -1), (1, 1), (1, -1)):
            moved, moved_seen = np.roll(image, shift, axis), np.roll(seen, shift, axis)
            edge = [slice(None), slice(None)]
            edge[axis] = slice(0, 1) if shift > 0 else slice(-1, None)
            moved_seen[tuple(edge)] = False
            take = ~seen & moved_seen
            image = np.where(take, moved, image)
            seen = seen | take
    return image


def _draw_places(cloud: CellCloud) -> Canvas | None:
    longitude, latitude = cloud.longitude.values().ravel(), cloud.latitude.values().ravel()
    good = np.isfinite(longitude) & np.isfinite(latitude)
    if not good.any():
        return None
    return outline_picture(shapely.MultiPoint(np.column_stack([unwrap_cloud(longitude[good]), latitude[good]])))
