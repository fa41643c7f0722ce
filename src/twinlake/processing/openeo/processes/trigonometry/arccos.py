"""`arccos`."""

import numpy as np

from twinlake.processing.openeo.kernels.cells.numbers import floating
from twinlake.processing.openeo.process import Parameter, Pointwise, Process

PROCESS = Process(
    id="arccos",
    summary="Arc cosine",
    description=(
        "The angle whose cosine is `x`, between zero and pi. Outside of [-1, 1] there is none: the result is `NaN`."
        " No-data stays no-data."
    ),
    categories=("math > trigonometric",),
    parameters=(Parameter("x", {"type": ["number", "null"], "minimum": -1, "maximum": 1}, "A cosine, in [-1, 1]."),),
    returns={"type": ["number", "null"], "minimum": 0},
    returned="The angle in radians.",
    work=Pointwise(),
    kernel=floating(np.arccos),
    examples=(
        {"arguments": {"x": 1}, "returns": 0},
        {"arguments": {"x": -1}, "returns": 3.141592653589793},
    ),
)
