"""`clip`."""

import numpy as np

from twinlake.processing.openeo.json_schemas import NUMBER, NUMBER_OR_NULL
from twinlake.processing.openeo.kernels.cells.numbers import pointwise
from twinlake.processing.openeo.process import Keeps, Parameter, Pointwise, Process
from twinlake.processing.openeo.values import Values
from twinlake.standards.openeo.errors import ProcessError

_greater = pointwise(np.greater)
_clip = pointwise(np.clip)


def _clipped(x: Values, min: Values, max: Values) -> Values:
    swapped = _greater(min=min, max=max)
    if (swapped.data & swapped.where()).any():
        raise ProcessError("MinMaxSwapped", "'min' is greater than 'max': swap them.")
    return _clip(x=x, min=min, max=max)


PROCESS = Process(
    id="clip",
    summary="Keep a number within bounds",
    description="Lifts what is below `min` to it and lowers what is above `max` to that. No-data stays no-data.",
    categories=("math",),
    parameters=(
        Parameter("x", NUMBER_OR_NULL, "A number."),
        Parameter("min", NUMBER, "The lower bound."),
        Parameter("max", NUMBER, "The upper bound."),
    ),
    returns=NUMBER_OR_NULL,
    returned="The number within the bounds.",
    work=Pointwise(),
    kernel=_clipped,
    keeps=Keeps(),
    exceptions={"MinMaxSwapped": "The lower bound must not be greater than the upper one."},
    examples=(
        {"arguments": {"x": -5, "min": -1, "max": 1}, "returns": -1},
        {"arguments": {"x": 10.001, "min": 1, "max": 10}, "returns": 10},
        {"arguments": {"x": None, "min": 0, "max": 1}, "returns": None},
    ),
)
