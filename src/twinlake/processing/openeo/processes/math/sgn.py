"""`sgn`."""

import numpy as np

from twinlake.processing.openeo.json_schemas import NUMBER_OR_NULL
from twinlake.processing.openeo.kernels.cells.numbers import pointwise
from twinlake.processing.openeo.process import Parameter, Pointwise, Process

PROCESS = Process(
    id="sgn",
    summary="Sign of a number",
    description="Is 1 for a positive number, -1 for a negative one, and 0 for zero. No-data stays no-data.",
    categories=("math",),
    parameters=(Parameter("x", NUMBER_OR_NULL, "A number."),),
    returns={"type": ["number", "null"], "enum": [-1, 0, 1, None]},
    returned="The sign.",
    work=Pointwise(),
    kernel=pointwise(np.sign),
    examples=(
        {"arguments": {"x": -2}, "returns": -1},
        {"arguments": {"x": 3.5}, "returns": 1},
        {"arguments": {"x": 0}, "returns": 0},
    ),
)
