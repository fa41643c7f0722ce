"""`gt`."""

import numpy as np

from twinlake.processing.openeo.json_schemas import SCALAR_OR_NULL, TRUTH_OR_NULL
from twinlake.processing.openeo.kernels.cells.comparing import compare
from twinlake.processing.openeo.process import Parameter, Pointwise, Process
from twinlake.processing.openeo.values import Values


def _gt(x: Values, y: Values) -> Values:
    return compare(x, y, np.greater)


PROCESS = Process(
    id="gt",
    summary="Greater than another value",
    description=(
        "Tells whether the number `x` is greater than `y`; no-data where either is. NaN compares as IEEE 754 says."
        " What are no numbers is never greater than anything, dates included."
    ),
    categories=("comparison",),
    parameters=(
        Parameter("x", SCALAR_OR_NULL, "What is compared."),
        Parameter("y", SCALAR_OR_NULL, "What it is compared with."),
    ),
    returns=TRUTH_OR_NULL,
    returned="Whether it is so.",
    work=Pointwise(),
    kernel=_gt,
    examples=(
        {"arguments": {"x": 2, "y": 1}, "returns": True},
        {"arguments": {"x": 1, "y": None}, "returns": None},
        {"arguments": {"x": "b", "y": "a"}, "returns": False},
    ),
)
