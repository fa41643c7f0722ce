"""`int`."""

import numpy as np

from twinlake.processing.openeo.json_schemas import NUMBER_OR_NULL
from twinlake.processing.openeo.kernels.cells.numbers import pointwise
from twinlake.processing.openeo.process import Parameter, Pointwise, Process

PROCESS = Process(
    id="int",
    summary="Integer part of a number",
    description=(
        "Leaves out what stands behind the decimal point: negative numbers get larger, where `floor` makes them smaller."
        " No-data stays no-data."
    ),
    categories=("math", "math > rounding"),
    parameters=(Parameter("x", NUMBER_OR_NULL, "A number."),),
    returns={"type": ["integer", "null"]},
    returned="The integer.",
    work=Pointwise(),
    kernel=pointwise(np.trunc),
    examples=(
        {"arguments": {"x": 3.5}, "returns": 3},
        {"arguments": {"x": -3.5}, "returns": -3},
        {"arguments": {"x": None}, "returns": None},
    ),
)
