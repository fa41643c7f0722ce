"""`cos`."""

import numpy as np

from twinlake.processing.openeo.json_schemas import NUMBER_OR_NULL
from twinlake.processing.openeo.kernels.cells.numbers import floating
from twinlake.processing.openeo.process import Parameter, Pointwise, Process

PROCESS = Process(
    id="cos",
    summary="Cosine",
    description="The cosine of an angle. No-data stays no-data.",
    categories=("math > trigonometric",),
    parameters=(Parameter("x", NUMBER_OR_NULL, "An angle in radians."),),
    returns={"type": ["number", "null"], "minimum": -1, "maximum": 1},
    returned="The cosine.",
    work=Pointwise(),
    kernel=floating(np.cos),
    examples=(
        {"arguments": {"x": 0}, "returns": 1},
        {"arguments": {"x": 3.141592653589793}, "returns": -1},
    ),
)
