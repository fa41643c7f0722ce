"""`is_nan`."""

from twinlake.processing.openeo.json_schemas import ANYTHING, TRUTH
from twinlake.processing.openeo.kernels.cells.states import is_nan
from twinlake.processing.openeo.process import Parameter, Pointwise, Process

PROCESS = Process(
    id="is_nan",
    summary="Whether a value is NaN",
    description=(
        "Tells whether `x` is NaN, the floating-point value of what is no number. No-data is no NaN, but in cubes whose no-data"
        " value is NaN, as it is in those of floating-point numbers: there it is both. Arrays, texts and truths are no NaN."
    ),
    categories=("comparison", "math > constants"),
    parameters=(Parameter("x", ANYTHING, "What is looked at."),),
    returns=TRUTH,
    returned="Whether it is so; never no-data.",
    work=Pointwise(),
    kernel=is_nan,
    examples=(
        {"arguments": {"x": 1}, "returns": False},
        {"arguments": {"x": "NaN"}, "returns": False},
        {"arguments": {"x": None}, "returns": False},
    ),
)
