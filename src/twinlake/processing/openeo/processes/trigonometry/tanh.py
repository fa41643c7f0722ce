"""`tanh`."""

import numpy as np

from twinlake.processing.openeo.json_schemas import NUMBER_OR_NULL
from twinlake.processing.openeo.kernels.cells.numbers import floating
from twinlake.processing.openeo.process import Parameter, Pointwise, Process

PROCESS = Process(
    id="tanh",
    summary="Hyperbolic tangent",
    description="The hyperbolic sine divided by the hyperbolic cosine. No-data stays no-data.",
    categories=("math > trigonometric",),
    parameters=(Parameter("x", NUMBER_OR_NULL, "A hyperbolic angle in radians."),),
    returns={"type": ["number", "null"], "minimumExclusive": -1, "maximumExclusive": 1},
    returned="The hyperbolic tangent, between -1 and 1.",
    work=Pointwise(),
    kernel=floating(np.tanh),
    examples=(
        {"arguments": {"x": 0}, "returns": 0},
        {"arguments": {"x": None}, "returns": None},
    ),
)
