"""`arcsin`."""

import numpy as np

from twinlake.processing.openeo.json_schemas import NUMBER_OR_NULL
from twinlake.processing.openeo.kernels.cells.numbers import floating
from twinlake.processing.openeo.process import Parameter, Pointwise, Process

PROCESS = Process(
    id="arcsin",
    summary="Arc sine",
    description=(
        "The angle whose sine is `x`, between minus and plus half of pi. Outside of [-1, 1] there is none: the result is"
        " `NaN`. No-data stays no-data."
    ),
    categories=("math > trigonometric",),
    parameters=(Parameter("x", {"type": ["number", "null"], "minimum": -1, "maximum": 1}, "A sine, in [-1, 1]."),),
    returns=NUMBER_OR_NULL,
    returned="The angle in radians.",
    work=Pointwise(),
    kernel=floating(np.arcsin),
    examples=(
        {"arguments": {"x": 0}, "returns": 0},
        {"arguments": {"x": 1}, "returns": 1.5707963267948966},
    ),
)
