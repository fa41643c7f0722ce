"""`arsinh`."""

import numpy as np

from twinlake.processing.openeo.json_schemas import NUMBER_OR_NULL
from twinlake.processing.openeo.kernels.cells.numbers import floating
from twinlake.processing.openeo.process import Parameter, Pointwise, Process

PROCESS = Process(
    id="arsinh",
    summary="Inverse hyperbolic sine",
    description="The hyperbolic angle whose hyperbolic sine is `x`. No-data stays no-data.",
    categories=("math > trigonometric",),
    parameters=(Parameter("x", NUMBER_OR_NULL, "A hyperbolic sine."),),
    returns=NUMBER_OR_NULL,
    returned="The hyperbolic angle in radians.",
    work=Pointwise(),
    kernel=floating(np.arcsinh),
    examples=(
        {"arguments": {"x": 0}, "returns": 0},
        {"arguments": {"x": 1.1752011936438014}, "returns": 1},
    ),
)
