"""`arcosh`."""

import numpy as np

from twinlake.processing.openeo.json_schemas import NUMBER_OR_NULL
from twinlake.processing.openeo.kernels.cells.numbers import floating
from twinlake.processing.openeo.process import Parameter, Pointwise, Process

PROCESS = Process(
    id="arcosh",
    summary="Inverse hyperbolic cosine",
    description=(
        "The hyperbolic angle, not negative, whose hyperbolic cosine is `x`. Below 1 there is none: the result is `NaN`."
        " No-data stays no-data."
    ),
    categories=("math > trigonometric",),
    parameters=(Parameter("x", NUMBER_OR_NULL, "A hyperbolic cosine, at least 1."),),
    returns={"type": ["number", "null"], "minimum": 0},
    returned="The hyperbolic angle in radians.",
    work=Pointwise(),
    kernel=floating(np.arccosh),
    examples=(
        {"arguments": {"x": 1}, "returns": 0},
        {"arguments": {"x": None}, "returns": None},
    ),
)
