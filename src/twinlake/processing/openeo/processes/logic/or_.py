"""`or`."""

from twinlake.processing.openeo.json_schemas import TRUTH_OR_NULL
from twinlake.processing.openeo.kernels.cells.truths import either
from twinlake.processing.openeo.process import Parameter, Pointwise, Process

PROCESS = Process(
    id="or",
    summary="Whether at least one is true",
    description=(
        "True where one of `x` and `y` is, whatever the other is, and false where both are false. No-data where the data do not"
        " decide."
    ),
    categories=("logic",),
    parameters=(Parameter("x", TRUTH_OR_NULL, "One truth."), Parameter("y", TRUTH_OR_NULL, "The other truth.")),
    returns=TRUTH_OR_NULL,
    returned="What follows from them.",
    work=Pointwise(),
    kernel=either,
    examples=(
        {"arguments": {"x": False, "y": False}, "returns": False},
        {"arguments": {"x": True, "y": None}, "returns": True},
        {"arguments": {"x": False, "y": None}, "returns": None},
    ),
)
