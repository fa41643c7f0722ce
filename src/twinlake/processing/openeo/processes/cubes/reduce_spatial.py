"""`reduce_spatial`."""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twinlake.processing.openeo.cubes import Cube, one_per_cell
from twinlake.processing.openeo.evaluating import Callback
from twinlake.processing.openeo.json_schemas import ANYTHING, ARRAY, CUBE, RASTER, callback, passed
from twinlake.processing.openeo.process import Keeps, Opaque, Parameter, Process
from twinlake.processing.openeo.shapes.dimensions import find_horizontal
from twinlake.processing.openeo.values import Values


def _reduce(data: Cube, reducer: Callback, context: Any = None) -> Cube:
    pixels = _pixels(data)
    made = one_per_cell(
        reducer(data=pixels, context=context), data.without(*find_horizontal(data.dimensions)), pixels.data.shape[1:]
    )
    # The one pixel of a hollow cube is there, and all of a layer may be gaps.
    has_lost_mask = made.values.valid is None and pixels.valid is None and data.values.valid is not None
    return replace(made, values=replace(made.values, valid=made.values.where())) if has_lost_mask else made


def _pixels(cube: Cube) -> Values:
    """Return the pixels of each layer as an array; of a hollow cube one."""
    y, x = find_horizontal(cube.dimensions)

    def flat(data: NDArray[Any]) -> NDArray[Any]:
        moved = np.moveaxis(data, (y, x), (0, 1))
        return moved.reshape(-1, *moved.shape[2:])

    if cube.is_hollow_along(y) or cube.is_hollow_along(x):
        data = flat(cube.values.data)
        return replace(cube.values, data=np.zeros((1, *data.shape[1:]), dtype=data.dtype), valid=None, is_array=True)
    valid = None if cube.values.valid is None else flat(cube.values.valid)
    return replace(cube.values, data=flat(cube.values.data), valid=valid, is_array=True)


PROCESS = Process(
    id="reduce_spatial",
    summary="One value for all pixels",
    description="Makes one value of all pixels of each layer. The dimensions along x and y are gone afterwards.",
    categories=("aggregate", "cubes", "reducer"),
    parameters=(
        Parameter("data", RASTER, "A raster cube."),
        Parameter(
            "reducer",
            callback(
                passed("data", "The values of all pixels, in no particular order.", ARRAY),
                passed("context", "What the user passes on.", default=None),
                returns=ANYTHING,
            ),
            "What makes one value of them.",
        ),
        Parameter("context", ANYTHING, "Passed on to the reducer.", default=None, is_plain=True),
    ),
    returns=CUBE,
    returned="The cube without the dimensions along x and y; all others are as before.",
    work=Opaque(),
    kernel=_reduce,
    keeps=Keeps(through="reducer", over="area"),
)
