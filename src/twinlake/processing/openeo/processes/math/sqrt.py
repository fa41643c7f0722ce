"""`sqrt`."""

import numpy as np

from twinlake.processing.openeo.json_schemas import NUMBER_OR_NULL
from twinlake.processing.openeo.kernels.cells.numbers import floating
from twinlake.processing.openeo.process import Parameter, Pointwise, Process

PROCESS = Process(
    id="sqrt",
    summary="Square root",
    description=("The number, not negative, whose square is `x`. For a negative `x` the result is `NaN`. No-data stays no-data."),
    categories=("math", "math > exponential & logarithmic"),
    parameters=(Parameter("x", NUMBER_OR_NULL, "A number."),),
    returns=NUMBER_OR_NULL,
    returned="The square root.",
    work=Pointwise(),
    kernel=floating(np.sqrt),
    examples=(
        {"arguments": {"x": 9}, "returns": 3},
        {"arguments": {"x": 2.25}, "returns": 1.5},
        {"arguments": {"x": None}, "returns": None},
    ),
)
