"""`sin`."""

import numpy as np

from twinlake.processing.openeo.json_schemas import NUMBER_OR_NULL
from twinlake.processing.openeo.kernels.cells.numbers import floating
from twinlake.processing.openeo.process import Parameter, Pointwise, Process

PROCESS = Process(
    id="sin",
    summary="Sine",
    description="The sine of an angle. No-data stays no-data.",
    categories=("math > trigonometric",),
    parameters=(Parameter("x", NUMBER_OR_NULL, "An angle in radians."),),
    returns={"type": ["number", "null"], "minimum": -1, "maximum": 1},
    returned="The sine.",
    work=Pointwise(),
    kernel=floating(np.sin),
    examples=(
        {"arguments": {"x": 0}, "returns": 0},
        {"arguments": {"x": 1.5707963267948966}, "returns": 1},
    ),
)
