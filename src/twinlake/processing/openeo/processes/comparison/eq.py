"""`eq`."""

from twinlake.processing.openeo.json_schemas import SCALAR_OR_NULL, TRUTH, TRUTH_OR_NULL
from twinlake.processing.openeo.kernels.cells.comparing import equal
from twinlake.processing.openeo.process import Parameter, Pointwise, Process

PROCESS = Process(
    id="eq",
    summary="Equality",
    description=(
        "Tells whether two values are the same; no-data where either is. Numbers equal numbers, whole or not; values of different"
        " kinds are never equal. NaN equals nothing. Dates are compared as the texts they are."
    ),
    categories=("texts", "comparison"),
    parameters=(
        Parameter("x", SCALAR_OR_NULL, "One value."),
        Parameter("y", SCALAR_OR_NULL, "The other value."),
        Parameter(
            "delta",
            {"type": ["number", "null"], "minimumExclusive": 0},
            "How far two numbers may lie apart and still count as equal.",
            default=None,
            is_plain=True,
        ),
        Parameter("case_sensitive", TRUTH, "Whether capital and small letters differ.", default=True, is_plain=True),
    ),
    returns=TRUTH_OR_NULL,
    returned="Whether they are equal.",
    work=Pointwise(),
    kernel=equal,
    examples=(
        {"arguments": {"x": 1, "y": 1.0}, "returns": True},
        {"arguments": {"x": 1, "y": "1"}, "returns": False},
        {"arguments": {"x": "Ost", "y": "ost", "case_sensitive": False}, "returns": True},
    ),
)
