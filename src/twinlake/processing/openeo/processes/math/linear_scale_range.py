"""`linear_scale_range`."""

from typing import Any

import numpy as np

from twinlake.processing.openeo.json_schemas import NUMBER, NUMBER_OR_NULL
from twinlake.processing.openeo.kernels.cells.numbers import floating
from twinlake.processing.openeo.process import Parameter, Pointwise, Process


def _scaled(x: Any, low: Any, high: Any, to_low: Any, to_high: Any) -> Any:
    share = np.clip(np.divide(x - low, high - low), 0, 1)
    return (1 - share) * to_low + share * to_high


PROCESS = Process(
    id="linear_scale_range",
    summary="Map one range onto another",
    description=(
        "Moves and stretches numbers so that `inputMin` becomes `outputMin` and `inputMax` becomes `outputMax`. Numbers outside"
        " of the first range are first brought to its ends. No-data stays no-data."
    ),
    categories=("math",),
    parameters=(
        Parameter("x", NUMBER_OR_NULL, "A number."),
        Parameter("inputMin", NUMBER, "Where the range begins that numbers come from."),
        Parameter("inputMax", NUMBER, "Where that range ends."),
        Parameter("outputMin", NUMBER, "Where the range begins that they are brought to.", default=0),
        Parameter("outputMax", NUMBER, "Where that range ends.", default=1),
    ),
    returns=NUMBER_OR_NULL,
    returned="The number within the new range.",
    work=Pointwise(),
    kernel=floating(_scaled),
    examples=(
        {"arguments": {"x": 0.3, "inputMin": -1, "inputMax": 1, "outputMin": 0, "outputMax": 255}, "returns": 165.75},
        {"arguments": {"x": 25.5, "inputMin": 0, "inputMax": 255}, "returns": 0.1},
        {"arguments": {"x": None, "inputMin": 0, "inputMax": 100}, "returns": None},
    ),
)
