"""`arctan`."""

import numpy as np

from twinlake.processing.openeo.json_schemas import NUMBER_OR_NULL
from twinlake.processing.openeo.kernels.cells.numbers import floating
from twinlake.processing.openeo.process import Parameter, Pointwise, Process

PROCESS = Process(
    id="arctan",
    summary="Arc tangent",
    description="The angle whose tangent is `x`, between minus and plus half of pi. No-data stays no-data.",
    categories=("math > trigonometric",),
    parameters=(Parameter("x", NUMBER_OR_NULL, "A tangent."),),
    returns=NUMBER_OR_NULL,
    returned="The angle in radians.",
    work=Pointwise(),
    kernel=floating(np.arctan),
    examples=(
        {"arguments": {"x": 0}, "returns": 0},
        {"arguments": {"x": 1}, "returns": 0.7853981633974483},
    ),
)
