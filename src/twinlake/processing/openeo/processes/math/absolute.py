"""`absolute`."""

import numpy as np

from twinlake.processing.openeo.json_schemas import NUMBER_OR_NULL
from twinlake.processing.openeo.kernels.cells.numbers import exact
from twinlake.processing.openeo.process import Parameter, Pointwise, Process

PROCESS = Process(
    id="absolute",
    version=2,
    summary="Absolute value",
    description="How large a number is, whatever its sign: `|x|`. No-data stays no-data.",
    categories=("math",),
    parameters=(Parameter("x", NUMBER_OR_NULL, "A number."),),
    returns={"type": ["number", "null"], "minimum": 0},
    returned="The absolute value.",
    work=Pointwise(),
    kernel=exact(np.absolute),
    examples=(
        {"arguments": {"x": -3.5}, "returns": 3.5},
        {"arguments": {"x": None}, "returns": None},
    ),
)
