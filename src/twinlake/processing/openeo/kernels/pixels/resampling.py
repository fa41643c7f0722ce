"""The pixels of one grid, made of those of another one.

The centre of each pixel is taken over into the CRS of the source, to less than a millionth of a pixel, and so are its corners
where it is an area that counts. What is made of it depends on nothing but these and the pixels around: so it has the same bits in
every tile. Methods are those of gdalwarp, but for what GDAL makes otherwise from tile to tile:

- `near` takes the pixel that the centre is on; right between two the one to the east, and to the south.
- Filters (`bilinear`, `cubic`, `cubicspline`, `lanczos`) lie on the centre. Where pixels of the target are larger than those of
  the source they are as much wider, by one factor for the whole grid. There is data where the nearest pixel has some or, under a
  wider filter, half of what weighs anything; the weights of what has none go to the others. With negative weights that cannot be
  done: where a pixel is missing, `bilinear` takes their place.
- Areas (`average`, `rms`, `sum` and what selects: `min`, `max`, `med`, `mode`, `q1`, `q3`) count each pixel by the share of it
  that lies in the quadrilateral between the corners. What selects takes a value that is there, quartiles by the nearest rank.

Nothing lies beyond the outline of the source; a grid of degrees that goes around the Earth has none in the east and west.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from twinlake.processing.openeo.cubes import Cube
from twinlake.processing.openeo.kernels.cells.numbers import as_float
from twinlake.processing.openeo.kernels.pixels.covering import Covered
from twinlake.processing.openeo.kernels.pixels.filtering import Filtered, Nearest, Sampling
from twinlake.processing.openeo.kernels.pixels.filters import FILTERS
from twinlake.processing.openeo.kernels.pixels.placing import find_stretch, locate_centres, locate_outlines
from twinlake.processing.openeo.kernels.pixels.selecting import SELECTIONS
from twinlake.processing.openeo.process import Reach
from twinlake.processing.openeo.shapes.dimensions import find_horizontal
from twinlake.processing.openeo.shapes.grids import Grid, read_grid
from twinlake.processing.openeo.values import Values, are_all
from twinlake.standards.openeo.errors import ProcessParameterInvalidError

_CELLS = 1 << 20
"""Pixels that are made at once, roughly: all layers of some rows."""


def resample(data: Cube, target: Grid, method: str) -> Cube:
    """Return the cube with the pixels of another grid; of a hollow cube a hollow one."""
    y, x = find_horizontal(data.dimensions)
    is_hollow = data.is_hollow_along(y) or data.is_hollow_along(x)
    height, width = (0, 0) if is_hollow else (target.y.count, target.x.count)
    layers = max(1, data.values.data.size // max(1, data.values.data.shape[y] * data.values.data.shape[x]))
    step = max(1, _CELLS // (layers * max(1, width)))
    made: NDArray[Any] | None = None
    valid: NDArray[np.bool_] | None = None
    for top in range(0, max(1, height), step):
        rows = slice(top, min(top + step, height))
        reach = reach_of(data, target, rows, slice(0, width), method)
        part = reach.compute(data.cut(y, reach.rows).cut(x, reach.columns)).values
        if made is None:
            shape = [{y: height, x: width}.get(number, size) for number, size in enumerate(part.data.shape)]
            made = np.empty(shape, dtype=part.data.dtype)
        np.moveaxis(made, y, 0)[rows] = np.moveaxis(part.data, y, 0)
        if part.valid is not None:
            valid = np.ones(made.shape, dtype=bool) if valid is None else valid
            np.moveaxis(valid, y, 0)[rows] = np.moveaxis(part.valid, y, 0)
    assert made is not None
    values = Values(data=made, valid=valid, nan_is_nodata=part.nan_is_nodata)
    return Cube(values=values, dimensions=target.label(data.dimensions))


def reach_of(data: Cube, target: Grid, rows: slice, columns: slice, method: str) -> Reach:
    """Return what a tile of the target comes of, and how."""
    source = read_grid(data.dimensions)
    y, x = find_horizontal(data.dimensions)
    sampling = _sample(source, target, rows, columns, method)
    labelled = target.label(data.dimensions)
    made = {
        number: labelled[number].take(range(len(labelled[number].labels))[each]) for number, each in ((y, rows), (x, columns))
    }

    def compute(part: Cube) -> Cube:
        size = rows.stop - rows.start, columns.stop - columns.start
        dimensions = tuple([made.get(number, each) for number, each in enumerate(part.dimensions)])
        return Cube(values=_compute(part.values, (y, x), size, sampling, method), dimensions=dimensions)

    return Reach(rows=sampling.rows, columns=sampling.columns, compute=compute)


def _sample(source: Grid, target: Grid, rows: slice, columns: slice, method: str) -> Sampling:
    if method == "near":
        return Nearest(source, locate_centres(source, target, rows, columns))
    if method in FILTERS:
        centres = locate_centres(source, target, rows, columns)
        return Filtered(source, centres, FILTERS[method], find_stretch(source, target))
    return Covered(source, locate_outlines(source, target, rows, columns), method)


def _compute(values: Values, axes: tuple[int, int], size: tuple[int, int], sampling: Sampling, method: str) -> Values:
    given = values.data if method == "near" else _numbers(values.data, method)
    # What is NaN is so wherever it is taken.
    is_told_by_nan = method == "near" and values.nan_is_nodata and given.dtype.kind == "f"
    valid = values.valid if is_told_by_nan else values.mask()
    if method != "near" and given.dtype.kind == "f":
        finite = np.isfinite(given)  # and so no NaN
        valid = values.valid if finite.all() else finite if values.valid is None else values.valid & finite
    pixels, layers = _layers(given, axes)
    made = np.zeros((len(pixels), size[0] * size[1]), dtype=pixels.dtype)
    is_there = np.zeros(made.shape, dtype=bool)
    if pixels.size:
        sampling.fill(pixels, None if valid is None else _layers(valid, axes)[0], made, is_there)

    def settle(data: NDArray[Any]) -> NDArray[Any]:
        return np.moveaxis(data.reshape(*layers, *size), (-2, -1), axes)

    if values.data.dtype.kind == "b":
        made = made.astype(bool)
    if values.nan_is_nodata and made.dtype.kind == "f":
        np.copyto(made, np.nan, where=~is_there)
        return Values(data=settle(made), nan_is_nodata=True)
    return Values(data=settle(made), valid=None if are_all(is_there) else settle(is_there))


def _numbers(data: NDArray[Any], method: str) -> NDArray[Any]:
    """Return numbers of the type that the method makes: what selects keeps integers; truths are chosen among as 0 and 1."""
    if data.dtype.kind == "b" and method in SELECTIONS:
        return data.view(np.uint8)
    if data.dtype.kind not in "iuf":
        raise ProcessParameterInvalidError(f"The cube has something other than numbers, and '{method}' takes nothing else.")
    return data if method in SELECTIONS else as_float(data)


def _layers(data: NDArray[Any], axes: tuple[int, int]) -> tuple[NDArray[Any], tuple[int, ...]]:
    """Return layers of rows and columns one after the other, and the shape in which they lie."""
    moved = np.moveaxis(data, axes, (-2, -1))
    layers = moved.shape[:-2]
    return moved.reshape(int(np.prod(layers)), *moved.shape[-2:]), layers
