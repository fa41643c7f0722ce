"""`add`."""

import numpy as np

from twinlake.processing.openeo.json_schemas import NUMBER_OR_NULL
from twinlake.processing.openeo.kernels.cells.numbers import exact
from twinlake.processing.openeo.process import Keeps, Parameter, Pointwise, Process

PROCESS = Process(
    id="add",
    version=2,
    summary="Sum of two numbers",
    description="Adds `x` and `y`. The sum is no-data where either of them is. Arithmetic of infinities follows IEEE 754.",
    categories=("math",),
    parameters=(Parameter("x", NUMBER_OR_NULL, "One summand."), Parameter("y", NUMBER_OR_NULL, "The other summand.")),
    returns=NUMBER_OR_NULL,
    returned="The sum.",
    work=Pointwise(),
    kernel=exact(np.add),
    keeps=Keeps(of=("x", "y"), only_unit=True),
    examples=(
        {"arguments": {"x": 5, "y": 2.5}, "returns": 7.5},
        {"arguments": {"x": 1, "y": None}, "returns": None},
    ),
)
