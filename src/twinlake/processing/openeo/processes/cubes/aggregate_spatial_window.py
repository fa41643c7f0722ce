"""`aggregate_spatial_window`."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twinlake.processing.openeo.cubes import Cube, one_per_cell
from twinlake.processing.openeo.evaluating import Callback
from twinlake.processing.openeo.json_schemas import ANYTHING, ARRAY, RASTER, callback, passed
from twinlake.processing.openeo.kernels.cells.assembling import extend
from twinlake.processing.openeo.process import Keeps, Opaque, Parameter, Process, Reach
from twinlake.processing.openeo.processes.cubes.resample_spatial import CORNER
from twinlake.processing.openeo.shapes.axes import Axis
from twinlake.processing.openeo.shapes.dimensions import find_horizontal
from twinlake.processing.openeo.shapes.grids import Corner, Grid, read_grid
from twinlake.processing.openeo.shapes.windows import Blocks, clip, lay_blocks
from twinlake.standards.openeo.errors import ProcessParameterInvalidError


def _aggregate(data: Cube, reducer: Callback, **options: Any) -> Cube:
    numbers, blocks = find_horizontal(data.dimensions), _lay(data, **options)
    rows, columns = (
        slice(0, 0 if data.is_hollow_along(number) else each.count) for number, each in zip(numbers, blocks, strict=True)
    )
    reach = _reach(rows, columns, data, reducer, **options)
    made = reach.compute(data.cut(numbers[0], reach.rows).cut(numbers[1], reach.columns))
    return Cube(values=made.values, dimensions=_middles(data, blocks).label(data.dimensions))


def _reach(rows: slice, columns: slice, data: Cube, reducer: Callback, *, context: Any = None, **options: Any) -> Reach:
    axes, blocks = find_horizontal(data.dimensions), _lay(data, **options)
    spans = [each.span(numbers) for each, numbers in zip(blocks, (rows, columns), strict=True)]
    windows = [clip(span, len(data.dimensions[number].labels)) for number, span in zip(axes, spans, strict=True)]
    labeled = _middles(data, blocks).label(data.dimensions)
    made = {
        number: labeled[number].take(range(len(labeled[number].labels))[numbers])
        for number, numbers in zip(axes, (rows, columns), strict=True)
    }

    def compute(part: Cube) -> Cube:
        values = part.values
        for number, window, span in zip(axes, windows, spans, strict=True):
            values = extend(values, number, window.start - span.start, span.stop - window.stop)
        sizes = blocks[0].size, blocks[1].size

        def elements(data: NDArray[Any]) -> NDArray[Any]:
            return _elements(data, axes, sizes)

        pixels = replace(
            values,
            data=elements(values.data),
            valid=None if values.valid is None else elements(values.valid),
            is_array=True,
        )
        dimensions = tuple([made.get(number, each) for number, each in enumerate(part.dimensions)])
        return one_per_cell(reducer(data=pixels, context=context), dimensions, pixels.data.shape[1:])

    return Reach(rows=windows[0], columns=windows[1], compute=compute)


def _lay(
    data: Cube, size: Sequence[int], boundary: str = "pad", align: Corner = "upper-left", context: Any = None
) -> tuple[Blocks, Blocks]:
    """Return the windows along y and along x."""
    del context
    grid = read_grid(data.dimensions)
    is_at_end = align.startswith("lower") == (grid.y.step < 0), align.endswith("right") == (grid.x.step > 0)
    found = []
    for axis, length, from_end in zip((grid.y, grid.x), (size[1], size[0]), is_at_end, strict=True):
        if length < 1:
            raise ProcessParameterInvalidError("'size' has a number below 1.")
        found.append(lay_blocks(axis.count, length, from_end=from_end, cuts=boundary == "trim"))
        if not found[-1].count:
            raise ProcessParameterInvalidError(f"There are {axis.count} pixels, and a window of {length} has no place.")
    return found[0], found[1]


def _middles(data: Cube, blocks: tuple[Blocks, Blocks]) -> Grid:
    """Return the grid that has the middles of windows as centres."""
    grid = read_grid(data.dimensions)
    return Grid(y=_middles_along(grid.y, blocks[0]), x=_middles_along(grid.x, blocks[1]), crs=grid.crs)


def _middles_along(axis: Axis, blocks: Blocks) -> Axis:
    places = blocks.start + np.arange(blocks.count) * blocks.size + (blocks.size - 1) / 2
    return replace(axis, centres=axis.coordinates(places), step=axis.step * blocks.size)


def _elements(data: NDArray[Any], axes: tuple[int, int], sizes: tuple[int, int]) -> NDArray[Any]:
    """Return the pixels of each window along the first dimension, row after row, and windows where pixels were."""
    moved = np.moveaxis(data, axes, (-2, -1))
    height, width = moved.shape[-2] // sizes[0], moved.shape[-1] // sizes[1]
    cut = moved.reshape(*moved.shape[:-2], height, sizes[0], width, sizes[1])
    lines = np.moveaxis(cut, (-3, -1), (0, 1))
    flat = lines.reshape(sizes[0] * sizes[1], *lines.shape[2:])
    return np.moveaxis(flat, (-2, -1), [axis + 1 for axis in axes])


PROCESS = Process(
    id="aggregate_spatial_window",
    summary="One value for each window of pixels",
    description=(
        "Divides the rows and columns of a cube into windows of equal size, beside each other, and makes one value of the pixels"
        " in each. Windows that would not be full at the far side are filled up with no-data, or left out."
    ),
    categories=("cubes", "aggregate"),
    parameters=(
        Parameter("data", RASTER, "A raster cube."),
        Parameter(
            "reducer",
            callback(
                passed("data", "The pixels of a window, row after row.", ARRAY),
                passed("context", "What the user passes on.", default=None),
                returns=ANYTHING,
            ),
            "What makes one value of them.",
        ),
        Parameter(
            "size",
            {"type": "array", "minItems": 2, "maxItems": 2, "items": {"type": "integer", "minimum": 1}},
            "How many pixels a window has along x, then along y.",
            is_plain=True,
        ),
        Parameter(
            "boundary",
            {"type": "string", "enum": ["pad", "trim"]},
            "What becomes of windows that are not full: no-data is added (`pad`), or they are left out (`trim`).",
            default="pad",
            is_plain=True,
        ),
        Parameter("align", CORNER, "The corner in which windows begin.", default="upper-left", is_plain=True),
        Parameter("context", ANYTHING, "Passed on to the reducer.", default=None, is_plain=True),
    ),
    returns=RASTER,
    returned="The cube with a pixel for each window; its label is the middle of that. Other dimensions are as before.",
    work=Opaque(),
    kernel=_aggregate,
    reach=_reach,
    keeps=Keeps(through="reducer", over="area"),
    is_experimental=True,
)
