"""`if`."""

from dataclasses import replace

from twinlake.processing.openeo.json_schemas import ANYTHING, TRUTH_OR_NULL
from twinlake.processing.openeo.kernels.arrays.joining import choose
from twinlake.processing.openeo.kernels.cells.truths import require_truths, split
from twinlake.processing.openeo.process import Parameter, Pointwise, Process
from twinlake.processing.openeo.values import Values


def _if(value: Values, accept: Values, reject: Values) -> Values:
    require_truths("value", value)
    is_true, _ = split(value)
    if is_true.ndim == 0:
        return accept if is_true else reject
    return choose(replace(value, data=is_true, valid=None, nan_is_nodata=False), accept, reject)


PROCESS = Process(
    id="if",
    summary="One of two values",
    description="Returns `accept` where `value` is true, and `reject` where it is false or no-data. Both are computed.",
    categories=("logic", "comparison", "masks"),
    parameters=(
        Parameter("value", TRUTH_OR_NULL, "A truth."),
        Parameter("accept", ANYTHING, "What is returned if it is true."),
        Parameter("reject", ANYTHING, "What is returned if not.", default=None),
    ),
    returns=ANYTHING,
    returned="One of the two.",
    work=Pointwise(),
    kernel=_if,
    examples=(
        {"arguments": {"value": True, "accept": "A", "reject": "B"}, "returns": "A"},
        {"arguments": {"value": None, "accept": 1, "reject": [2, 3]}, "returns": [2, 3]},
        {"arguments": {"value": False, "accept": 1}, "returns": None},
    ),
)
