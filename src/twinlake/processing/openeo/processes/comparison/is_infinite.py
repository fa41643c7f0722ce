"""`is_infinite`."""

from twinlake.processing.openeo.json_schemas import ANYTHING, TRUTH
from twinlake.processing.openeo.kernels.cells.states import is_infinite
from twinlake.processing.openeo.process import Parameter, Pointwise, Process

PROCESS = Process(
    id="is_infinite",
    summary="Whether a number is infinite",
    description=(
        "Tells whether `x` is positive or negative infinity. NaN, no-data and all that are no numbers are not infinite."
    ),
    categories=("comparison",),
    parameters=(Parameter("x", ANYTHING, "What is looked at."),),
    returns=TRUTH,
    returned="Whether it is so; never no-data.",
    work=Pointwise(),
    kernel=is_infinite,
    examples=(
        {"arguments": {"x": 1}, "returns": False},
        {"arguments": {"x": "Infinity"}, "returns": False},
        {"arguments": {"x": None}, "returns": False},
    ),
    is_experimental=True,
)
