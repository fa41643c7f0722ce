"""`cosh`."""

import numpy as np

from twinlake.processing.openeo.json_schemas import NUMBER_OR_NULL
from twinlake.processing.openeo.kernels.cells.numbers import floating
from twinlake.processing.openeo.process import Parameter, Pointwise, Process

PROCESS = Process(
    id="cosh",
    summary="Hyperbolic cosine",
    description="The hyperbolic cosine. No-data stays no-data.",
    categories=("math > trigonometric",),
    parameters=(Parameter("x", NUMBER_OR_NULL, "A hyperbolic angle in radians."),),
    returns={"type": ["number", "null"], "minimum": 1},
    returned="The hyperbolic cosine, which is never below 1.",
    work=Pointwise(),
    kernel=floating(np.cosh),
    examples=(
        {"arguments": {"x": 0}, "returns": 1},
        {"arguments": {"x": None}, "returns": None},
    ),
)
