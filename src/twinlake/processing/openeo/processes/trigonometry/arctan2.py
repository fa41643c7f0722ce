"""`arctan2`."""

import numpy as np

from twinlake.processing.openeo.json_schemas import NUMBER_OR_NULL
from twinlake.processing.openeo.kernels.cells.numbers import floating
from twinlake.processing.openeo.process import Parameter, Pointwise, Process

PROCESS = Process(
    id="arctan2",
    summary="Arc tangent in all four quadrants",
    description=(
        "The angle between the positive x-axis and the point (`x`, `y`), from minus pi to pi: the signs of both tell the"
        " quadrant. No-data where either of them has none."
    ),
    categories=("math > trigonometric",),
    parameters=(
        Parameter("y", NUMBER_OR_NULL, "The way along the y-axis."),
        Parameter("x", NUMBER_OR_NULL, "The way along the x-axis."),
    ),
    returns=NUMBER_OR_NULL,
    returned="The angle in radians.",
    work=Pointwise(),
    kernel=floating(np.arctan2),
    examples=(
        {"arguments": {"y": 0, "x": 0}, "returns": 0},
        {"arguments": {"y": 1, "x": -1}, "returns": 2.356194490192345},
        {"arguments": {"y": None, "x": 1.5}, "returns": None},
    ),
)
