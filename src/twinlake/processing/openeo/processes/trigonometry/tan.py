"""`tan`."""

import numpy as np

from twinlake.processing.openeo.json_schemas import NUMBER_OR_NULL
from twinlake.processing.openeo.kernels.cells.numbers import floating
from twinlake.processing.openeo.process import Parameter, Pointwise, Process

PROCESS = Process(
    id="tan",
    summary="Tangent",
    description=(
        "The sine of an angle divided by its cosine. Half of pi is no number that a computer has: beside it the tangent"
        " is very large, but finite. No-data stays no-data."
    ),
    categories=("math > trigonometric",),
    parameters=(Parameter("x", NUMBER_OR_NULL, "An angle in radians."),),
    returns=NUMBER_OR_NULL,
    returned="The tangent.",
    work=Pointwise(),
    kernel=floating(np.tan),
    examples=(
        {"arguments": {"x": 0}, "returns": 0},
        {"arguments": {"x": 0.7853981633974483}, "returns": 1},
    ),
)
