"""`ceil`."""

import numpy as np

from twinlake.processing.openeo.json_schemas import NUMBER_OR_NULL
from twinlake.processing.openeo.kernels.cells.numbers import pointwise
from twinlake.processing.openeo.process import Parameter, Pointwise, Process

PROCESS = Process(
    id="ceil",
    summary="Next higher integer",
    description="The least integer that is not below `x`. No-data stays no-data.",
    categories=("math > rounding",),
    parameters=(Parameter("x", NUMBER_OR_NULL, "A number."),),
    returns={"type": ["integer", "null"]},
    returned="The integer.",
    work=Pointwise(),
    kernel=pointwise(np.ceil),
    examples=(
        {"arguments": {"x": 3.5}, "returns": 4},
        {"arguments": {"x": -3.5}, "returns": -3},
        {"arguments": {"x": None}, "returns": None},
    ),
)
