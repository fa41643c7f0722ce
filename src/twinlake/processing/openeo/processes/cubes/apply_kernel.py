"""`apply_kernel`."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twinlake.processing.openeo.cubes import Cube
from twinlake.processing.openeo.json_schemas import NUMBER, RASTER
from twinlake.processing.openeo.kernels.cells.numbers import as_float
from twinlake.processing.openeo.kernels.pixels.convolving import MODES, weigh_neighbours
from twinlake.processing.openeo.process import Opaque, Parameter, Process, Reach
from twinlake.processing.openeo.shapes.dimensions import find_horizontal
from twinlake.processing.openeo.shapes.windows import shift, widen
from twinlake.processing.openeo.values import Values
from twinlake.standards.openeo.errors import ProcessError, ProcessParameterInvalidError


def _apply(
    data: Cube, kernel: Sequence[Sequence[float]], *, factor: float = 1, border: str | float = 0, replace_invalid: float = 0
) -> Cube:
    weights = _read_kernel(kernel)
    y, x = find_horizontal(data.dimensions)
    numbers = np.moveaxis(_replaced(data.values, replace_invalid), (y, x), (-2, -1))
    if numbers.size:
        numbers = (weigh_neighbours(numbers, weights, border) * factor).astype(numbers.dtype)
    values = Values(data=np.moveaxis(numbers, (-2, -1), (y, x)), nan_is_nodata=data.values.nan_is_nodata)
    return Cube(values=values, dimensions=data.dimensions)


def _reach(
    rows: slice, columns: slice, data: Cube, kernel: Sequence[Sequence[float]], *, border: str | float = 0, **options: Any
) -> Reach:
    height, width = (size // 2 for size in _read_kernel(kernel).shape)
    y, x = find_horizontal(data.dimensions)
    around_y, around_x = (
        _around(wanted, reach, len(data.dimensions[number].labels), wraps=border == "wrap")
        for wanted, reach, number in ((rows, height, y), (columns, width, x))
    )

    def compute(part: Cube) -> Cube:
        applied = _apply(part, kernel, border=border, **options)
        return applied.cut(y, shift(rows, -around_y.start)).cut(x, shift(columns, -around_x.start))

    return Reach(rows=around_y, columns=around_x, compute=compute)


def _around(wanted: slice, reach: int, count: int, *, wraps: bool) -> slice:
    """Return which places count for those that are wanted; at a border all do where pixels of the other side lie beyond it."""
    near = widen(wanted, reach)
    if wraps and (near.start < 0 or near.stop > count):
        return slice(0, count)
    return slice(max(near.start, 0), min(near.stop, count))


def _read_kernel(kernel: Sequence[Sequence[float]]) -> NDArray[np.float64]:
    try:
        weights = np.array(kernel, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ProcessParameterInvalidError(
            "The rows of the kernel are not all as long, or it has something but numbers."
        ) from error
    if weights.ndim != 2:
        raise ProcessParameterInvalidError("The kernel has not two dimensions.")
    if not all(size % 2 for size in weights.shape):
        raise ProcessError(
            "KernelDimensionsUneven", f"The kernel is {weights.shape[0]} x {weights.shape[1]}, and both must be odd."
        )
    return weights


def _replaced(values: Values, replacement: float) -> NDArray[np.floating]:
    """Return numbers of floats, with *replacement* where there are none that are finite."""
    if values.data.dtype.kind not in "biuf":
        raise ProcessParameterInvalidError("The cube has something other than numbers.")
    data = as_float(values.data.astype(np.int8) if values.data.dtype.kind == "b" else values.data)
    return np.where(values.where() & np.isfinite(data), data, data.dtype.type(replacement))


PROCESS = Process(
    id="apply_kernel",
    summary="A weighted sum of neighbours",
    description=(
        "Puts the sum of each pixel and its neighbours, each times its weight in a kernel, in the place of the pixel. The middle"
        " of the kernel lies on the pixel; its rows lie along y and its columns along x, as the pixels do, and are not mirrored."
        " Sums are made in 64 bits."
    ),
    categories=("cubes", "math > image filter"),
    parameters=(
        Parameter("data", RASTER, "A raster cube of numbers; truths are 0 and 1."),
        Parameter(
            "kernel",
            {"type": "array", "subtype": "kernel", "items": {"type": "array", "items": NUMBER}},
            "Rows of weights, an odd number of each.",
            is_plain=True,
        ),
        Parameter("factor", NUMBER, "What each sum is multiplied by.", default=1, is_plain=True),
        Parameter(
            "border",
            [{"type": "string", "enum": list(MODES)}, NUMBER],
            (
                "What lies beyond the border: a number, the pixel at the border (`replicate`), pixels mirrored at the border"
                " (`reflect`) or at the middle of the pixel there (`reflect_pixel`), or those of the other side (`wrap`)."
            ),
            default=0,
            is_plain=True,
        ),
        Parameter("replace_invalid", NUMBER, "What counts for pixels without a finite number.", default=0, is_plain=True),
    ),
    returns=RASTER,
    returned="The cube with the sums; its dimensions are as before.",
    work=Opaque(),
    kernel=_apply,
    reach=_reach,
    exceptions={"KernelDimensionsUneven": "The kernel has an even number of rows or columns."},
)
