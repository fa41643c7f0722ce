"""`divide`."""

import numpy as np

from twinlake.processing.openeo.json_schemas import NUMBER_OR_NULL
from twinlake.processing.openeo.kernels.cells.numbers import floating
from twinlake.processing.openeo.process import Parameter, Pointwise, Process

PROCESS = Process(
    id="divide",
    summary="Quotient of two numbers",
    description=(
        "Divides `x` by `y`. The quotient is no-data where either of them is. As IEEE 754 has it, a division by zero"
        " gives an infinity of the sign of `x`, or `NaN` if `x` is zero, too."
    ),
    categories=("math",),
    parameters=(
        Parameter("x", NUMBER_OR_NULL, "What is divided."),
        Parameter("y", NUMBER_OR_NULL, "What it is divided by."),
    ),
    returns=NUMBER_OR_NULL,
    returned="The quotient.",
    work=Pointwise(),
    kernel=floating(np.divide),
    exceptions={"DivisionByZero": "Nothing can be divided by zero."},
    examples=(
        {"arguments": {"x": 5, "y": 2.5}, "returns": 2},
        {"arguments": {"x": -2, "y": 4}, "returns": -0.5},
        {"arguments": {"x": 1, "y": None}, "returns": None},
    ),
)
