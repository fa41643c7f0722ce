"""`xor`."""

from twinlake.processing.openeo.json_schemas import TRUTH_OR_NULL
from twinlake.processing.openeo.kernels.cells.truths import one_only
from twinlake.processing.openeo.process import Parameter, Pointwise, Process

PROCESS = Process(
    id="xor",
    summary="Whether exactly one is true",
    description="True where one of `x` and `y` is true and the other is false. No-data where either is.",
    categories=("logic",),
    parameters=(Parameter("x", TRUTH_OR_NULL, "One truth."), Parameter("y", TRUTH_OR_NULL, "The other truth.")),
    returns=TRUTH_OR_NULL,
    returned="What follows from them.",
    work=Pointwise(),
    kernel=one_only,
    examples=(
        {"arguments": {"x": True, "y": False}, "returns": True},
        {"arguments": {"x": True, "y": True}, "returns": False},
        {"arguments": {"x": True, "y": None}, "returns": None},
    ),
)
