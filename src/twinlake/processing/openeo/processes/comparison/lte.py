"""`lte`."""

import numpy as np

from twinlake.processing.openeo.json_schemas import SCALAR_OR_NULL, TRUTH_OR_NULL
from twinlake.processing.openeo.kernels.cells.comparing import compare, same
from twinlake.processing.openeo.process import Parameter, Pointwise, Process
from twinlake.processing.openeo.values import Values


def _lte(x: Values, y: Values) -> Values:
    return compare(x, y, np.less_equal, same)


PROCESS = Process(
    id="lte",
    summary="Less than or equal to another value",
    description=(
        "Tells whether the number `x` is less or equal to `y`; no-data where either is. NaN compares as IEEE 754 says."
        " Texts and truths, dates included, have no order: of them only equal ones, as `eq` has it, give true."
    ),
    categories=("comparison",),
    parameters=(
        Parameter("x", SCALAR_OR_NULL, "What is compared."),
        Parameter("y", SCALAR_OR_NULL, "What it is compared with."),
    ),
    returns=TRUTH_OR_NULL,
    returned="Whether it is so.",
    work=Pointwise(),
    kernel=_lte,
    examples=(
        {"arguments": {"x": 1, "y": 1.0}, "returns": True},
        {"arguments": {"x": 1, "y": None}, "returns": None},
        {"arguments": {"x": "a", "y": "b"}, "returns": False},
    ),
)
