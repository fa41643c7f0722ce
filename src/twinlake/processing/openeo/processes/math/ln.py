"""`ln`."""

import numpy as np

from twinlake.processing.openeo.json_schemas import NUMBER_OR_NULL
from twinlake.processing.openeo.kernels.cells.numbers import floating
from twinlake.processing.openeo.process import Parameter, Pointwise, Process

PROCESS = Process(
    id="ln",
    summary="Natural logarithm",
    description=(
        "The power to which *e* must be raised to give `x`. For zero it is minus infinity, for a negative `x` it is"
        " `NaN`. No-data stays no-data."
    ),
    categories=("math > exponential & logarithmic",),
    parameters=(Parameter("x", {"type": ["number", "null"], "minimum": 0}, "A number that is not negative."),),
    returns=NUMBER_OR_NULL,
    returned="The natural logarithm.",
    work=Pointwise(),
    kernel=floating(np.log),
    examples=(
        {"arguments": {"x": 1}, "returns": 0},
        {"arguments": {"x": 2.718281828459045}, "returns": 1},
    ),
)
