"""`exp`."""

import numpy as np

from twinlake.processing.openeo.json_schemas import NUMBER_OR_NULL
from twinlake.processing.openeo.kernels.cells.numbers import floating
from twinlake.processing.openeo.process import Parameter, Pointwise, Process

PROCESS = Process(
    id="exp",
    summary="Power of e",
    description="Raises Euler's number *e* to the power of `p`. No-data stays no-data.",
    categories=("math > exponential & logarithmic",),
    parameters=(Parameter("p", NUMBER_OR_NULL, "The exponent."),),
    returns={"type": ["number", "null"], "minimumExclusive": 0},
    returned="The power, which is positive.",
    work=Pointwise(),
    kernel=floating(np.exp),
    examples=(
        {"arguments": {"p": 0}, "returns": 1},
        {"arguments": {"p": 1}, "returns": 2.718281828459045},
        {"arguments": {"p": None}, "returns": None},
    ),
)
