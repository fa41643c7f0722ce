"""`normalized_difference`."""

from typing import Any

from twinlake.processing.openeo.json_schemas import NUMBER
from twinlake.processing.openeo.kernels.cells.numbers import floating
from twinlake.processing.openeo.process import Parameter, Pointwise, Process


def _index(x: Any, y: Any) -> Any:
    return (x - y) / (x + y)


PROCESS = Process(
    id="normalized_difference",
    summary="Normalized difference of two bands",
    description=(
        "Divides the difference of two bands by their sum: `(x - y) / (x + y)`. With near infrared and red it is the vegetation"
        " index NDVI, with green and short-wave infrared the snow index NDSI. No-data where either of them has none."
    ),
    categories=("math > indices", "vegetation indices"),
    parameters=(Parameter("x", NUMBER, "The value of one band."), Parameter("y", NUMBER, "The value of the other band.")),
    returns={"type": "number", "minimum": -1, "maximum": 1},
    returned="The index: within -1 and 1 for bands that are not negative.",
    work=Pointwise(),
    kernel=floating(_index),
    examples=(
        {"arguments": {"x": 3000, "y": 1000}, "returns": 0.5},
        {"arguments": {"x": 0.2, "y": 0.2}, "returns": 0},
    ),
)
