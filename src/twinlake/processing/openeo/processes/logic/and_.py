"""`and`."""

from twinlake.processing.openeo.json_schemas import TRUTH_OR_NULL
from twinlake.processing.openeo.kernels.cells.truths import both
from twinlake.processing.openeo.process import Parameter, Pointwise, Process

PROCESS = Process(
    id="and",
    summary="Whether both are true",
    description=(
        "True where `x` and `y` are, and false where one of them is false, whatever the other is. No-data where the data do not"
        " decide."
    ),
    categories=("logic",),
    parameters=(Parameter("x", TRUTH_OR_NULL, "One truth."), Parameter("y", TRUTH_OR_NULL, "The other truth.")),
    returns=TRUTH_OR_NULL,
    returned="What follows from them.",
    work=Pointwise(),
    kernel=both,
    examples=(
        {"arguments": {"x": True, "y": True}, "returns": True},
        {"arguments": {"x": False, "y": None}, "returns": False},
        {"arguments": {"x": True, "y": None}, "returns": None},
    ),
)
