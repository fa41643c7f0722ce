"""`lt`."""

import numpy as np

from twinlake.processing.openeo.json_schemas import SCALAR_OR_NULL, TRUTH_OR_NULL
from twinlake.processing.openeo.kernels.cells.comparing import compare
from twinlake.processing.openeo.process import Parameter, Pointwise, Process
from twinlake.processing.openeo.values import Values


def _lt(x: Values, y: Values) -> Values:
    return compare(x, y, np.less)


PROCESS = Process(
    id="lt",
    summary="Less than another value",
    description=(
        "Tells whether the number `x` is less than `y`; no-data where either is. NaN compares as IEEE 754 says."
        " What are no numbers is never less than anything, dates included."
    ),
    categories=("comparison",),
    parameters=(
        Parameter("x", SCALAR_OR_NULL, "What is compared."),
        Parameter("y", SCALAR_OR_NULL, "What it is compared with."),
    ),
    returns=TRUTH_OR_NULL,
    returned="Whether it is so.",
    work=Pointwise(),
    kernel=_lt,
    examples=(
        {"arguments": {"x": 1, "y": 2}, "returns": True},
        {"arguments": {"x": 1, "y": None}, "returns": None},
        {"arguments": {"x": "a", "y": "b"}, "returns": False},
    ),
)
