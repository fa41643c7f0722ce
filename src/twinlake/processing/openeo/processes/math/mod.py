"""`mod`."""

from typing import Any

import numpy as np

from twinlake.processing.openeo.json_schemas import NUMBER_OR_NULL
from twinlake.processing.openeo.kernels.cells.numbers import pointwise
from twinlake.processing.openeo.process import Parameter, Pointwise, Process


def _modulo(x: Any, y: Any) -> Any:
    rest = np.mod(x, y)
    if rest.dtype.kind == "i" and np.all(np.not_equal(y, 0)):
        return rest
    rest = np.where(np.isinf(y) & np.isfinite(x), x, rest)
    return np.where(np.equal(y, 0), np.divide(x, y), rest)


PROCESS = Process(
    id="mod",
    summary="Remainder of a division",
    description=(
        "What is left when `x` is divided by `y`, with the sign of `y`. An infinite `y` leaves all of a finite `x`. Where `y` is"
        " zero the result is an infinity of the sign of `x`, or `NaN` if `x` is zero, too. No-data where either of them has none."
    ),
    categories=("math",),
    parameters=(Parameter("x", NUMBER_OR_NULL, "What is divided."), Parameter("y", NUMBER_OR_NULL, "What it is divided by.")),
    returns=NUMBER_OR_NULL,
    returned="The remainder.",
    work=Pointwise(),
    kernel=pointwise(_modulo),
    exceptions={"DivisionByZero": "Nothing can be divided by zero."},
    examples=(
        {"arguments": {"x": 27, "y": 5}, "returns": 2},
        {"arguments": {"x": -27, "y": 5}, "returns": 3},
        {"arguments": {"x": 27, "y": None}, "returns": None},
    ),
)
