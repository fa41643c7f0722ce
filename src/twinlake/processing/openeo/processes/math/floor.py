"""`floor`."""

import numpy as np

from twinlake.processing.openeo.json_schemas import NUMBER_OR_NULL
from twinlake.processing.openeo.kernels.cells.numbers import pointwise
from twinlake.processing.openeo.process import Parameter, Pointwise, Process

PROCESS = Process(
    id="floor",
    summary="Next lower integer",
    description=(
        "The greatest integer that is not above `x`: negative numbers get smaller, where `int` makes them larger. No-data"
        " stays no-data."
    ),
    categories=("math > rounding",),
    parameters=(Parameter("x", NUMBER_OR_NULL, "A number."),),
    returns={"type": ["integer", "null"]},
    returned="The integer.",
    work=Pointwise(),
    kernel=pointwise(np.floor),
    examples=(
        {"arguments": {"x": 3.5}, "returns": 3},
        {"arguments": {"x": -3.5}, "returns": -4},
        {"arguments": {"x": None}, "returns": None},
    ),
)
