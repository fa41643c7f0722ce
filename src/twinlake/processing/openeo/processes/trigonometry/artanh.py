"""`artanh`."""

import numpy as np

from twinlake.processing.openeo.json_schemas import NUMBER_OR_NULL
from twinlake.processing.openeo.kernels.cells.numbers import floating
from twinlake.processing.openeo.process import Parameter, Pointwise, Process

PROCESS = Process(
    id="artanh",
    summary="Inverse hyperbolic tangent",
    description=(
        "The hyperbolic angle whose hyperbolic tangent is `x`. At 1 and -1 it is infinite, beyond them there is none: the"
        " result is `NaN`. No-data stays no-data."
    ),
    categories=("math > trigonometric",),
    parameters=(
        Parameter(
            "x",
            {"type": ["number", "null"], "minimumExclusive": -1, "maximumExclusive": 1},
            "A hyperbolic tangent, between -1 and 1.",
        ),
    ),
    returns=NUMBER_OR_NULL,
    returned="The hyperbolic angle in radians.",
    work=Pointwise(),
    kernel=floating(np.arctanh),
    examples=(
        {"arguments": {"x": 0}, "returns": 0},
        {"arguments": {"x": 0.5}, "returns": 0.5493061443340549},
    ),
)
