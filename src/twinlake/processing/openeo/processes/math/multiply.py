"""`multiply`."""

import numpy as np

from twinlake.processing.openeo.json_schemas import NUMBER_OR_NULL
from twinlake.processing.openeo.kernels.cells.numbers import exact
from twinlake.processing.openeo.process import Parameter, Pointwise, Process

PROCESS = Process(
    id="multiply",
    version=2,
    summary="Product of two numbers",
    description=(
        "Multiplies `x` by `y`. The product is no-data where either of them is. Arithmetic of infinities follows IEEE 754."
    ),
    categories=("math",),
    parameters=(
        Parameter("x", NUMBER_OR_NULL, "One factor."),
        Parameter("y", NUMBER_OR_NULL, "The other factor."),
    ),
    returns=NUMBER_OR_NULL,
    returned="The product.",
    work=Pointwise(),
    kernel=exact(np.multiply),
    exceptions={"MultiplicandMissing": "A product needs two numbers."},
    examples=(
        {"arguments": {"x": 5, "y": 2.5}, "returns": 12.5},
        {"arguments": {"x": -2, "y": -4}, "returns": 8},
        {"arguments": {"x": 1, "y": None}, "returns": None},
    ),
)
