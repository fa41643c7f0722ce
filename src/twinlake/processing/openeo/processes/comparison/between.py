"""`between`."""

import numpy as np

from twinlake.processing.openeo.json_schemas import ANYTHING, NUMBER, TRUTH, TRUTH_OR_NULL
from twinlake.processing.openeo.kernels.cells.comparing import compare, same
from twinlake.processing.openeo.kernels.cells.numbers import require_numbers
from twinlake.processing.openeo.kernels.cells.truths import both
from twinlake.processing.openeo.process import Parameter, Pointwise, Process
from twinlake.processing.openeo.values import Values, from_json


def _between(x: Values, min: Values, max: Values, exclude_max: bool = False) -> Values:
    require_numbers("min", min)
    require_numbers("max", max)
    if x.is_array:
        return from_json(value=False)  # an array is one thing here, and no number
    return both(compare(x, min, np.greater_equal, same), compare(x, max, np.less if exclude_max else np.less_equal, same))


PROCESS = Process(
    id="between",
    summary="Whether a number lies between two others",
    description=(
        "Tells whether `x` is at least `min` and at most `max`, or less than `max` if `exclude_max` is set. False where `min` is"
        " larger than `max`, and for whatever is no number; no-data where `x` is."
    ),
    categories=("comparison",),
    parameters=(
        Parameter("x", ANYTHING, "What is looked at."),
        Parameter("min", NUMBER, "The least that it may be."),
        Parameter("max", NUMBER, "The most that it may be."),
        Parameter("exclude_max", TRUTH, "Whether `max` itself lies outside.", default=False, is_plain=True),
    ),
    returns=TRUTH_OR_NULL,
    returned="Whether it lies between them.",
    work=Pointwise(),
    kernel=_between,
    examples=(
        {"arguments": {"x": 1, "min": 0, "max": 1}, "returns": True},
        {"arguments": {"x": 1, "min": 0, "max": 1, "exclude_max": True}, "returns": False},
        {"arguments": {"x": 0.5, "min": 1, "max": 0}, "returns": False},
    ),
)
