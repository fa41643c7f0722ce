"""`subtract`."""

import numpy as np

from twinlake.processing.openeo.json_schemas import NUMBER_OR_NULL
from twinlake.processing.openeo.kernels.cells.numbers import exact
from twinlake.processing.openeo.process import Keeps, Parameter, Pointwise, Process

PROCESS = Process(
    id="subtract",
    version=2,
    summary="Difference of two numbers",
    description=(
        "Takes `y` from `x`. The difference is no-data where either of them is. Arithmetic of infinities follows IEEE 754."
    ),
    categories=("math",),
    parameters=(
        Parameter("x", NUMBER_OR_NULL, "What is taken from."),
        Parameter("y", NUMBER_OR_NULL, "What is taken away."),
    ),
    returns=NUMBER_OR_NULL,
    returned="The difference.",
    work=Pointwise(),
    kernel=exact(np.subtract),
    keeps=Keeps(of=("x", "y"), only_unit=True),
    examples=(
        {"arguments": {"x": 5, "y": 2.5}, "returns": 2.5},
        {"arguments": {"x": -2, "y": 4}, "returns": -6},
        {"arguments": {"x": 1, "y": None}, "returns": None},
    ),
)
