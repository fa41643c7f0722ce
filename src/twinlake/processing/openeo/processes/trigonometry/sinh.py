"""`sinh`."""

import numpy as np

from twinlake.processing.openeo.json_schemas import NUMBER_OR_NULL
from twinlake.processing.openeo.kernels.cells.numbers import floating
from twinlake.processing.openeo.process import Parameter, Pointwise, Process

PROCESS = Process(
    id="sinh",
    summary="Hyperbolic sine",
    description="The hyperbolic sine. No-data stays no-data.",
    categories=("math > trigonometric",),
    parameters=(Parameter("x", NUMBER_OR_NULL, "A hyperbolic angle in radians."),),
    returns=NUMBER_OR_NULL,
    returned="The hyperbolic sine.",
    work=Pointwise(),
    kernel=floating(np.sinh),
    examples=(
        {"arguments": {"x": 0}, "returns": 0},
        {"arguments": {"x": 1}, "returns": 1.1752011936438014},
    ),
)
