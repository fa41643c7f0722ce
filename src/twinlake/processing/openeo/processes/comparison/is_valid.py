"""`is_valid`."""

from twinlake.processing.openeo.json_schemas import ANYTHING, TRUTH
from twinlake.processing.openeo.kernels.cells.states import is_valid
from twinlake.processing.openeo.process import Parameter, Pointwise, Process

PROCESS = Process(
    id="is_valid",
    summary="Whether a value is valid",
    description=(
        "Tells whether `x` is neither no-data nor NaN nor infinite. Texts, truths, arrays and objects always are valid."
    ),
    categories=("comparison",),
    parameters=(Parameter("x", ANYTHING, "What is looked at."),),
    returns=TRUTH,
    returned="Whether it is so; never no-data.",
    work=Pointwise(),
    kernel=is_valid,
    examples=(
        {"arguments": {"x": 1}, "returns": True},
        {"arguments": {"x": None}, "returns": False},
        {"arguments": {"x": [None]}, "returns": True},
    ),
)
