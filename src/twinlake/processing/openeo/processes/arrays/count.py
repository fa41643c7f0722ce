"""`count`."""

from typing import Any

import numpy as np

from twinlake.processing.openeo.evaluating import Callback
from twinlake.processing.openeo.json_schemas import ANYTHING, ARRAY, NUMBER, TRUTH, callback, passed
from twinlake.processing.openeo.kernels.arrays.elements import require_array
from twinlake.processing.openeo.kernels.cells.states import are_valid
from twinlake.processing.openeo.kernels.cells.truths import require_truths, split
from twinlake.processing.openeo.process import Parameter, Process, Reducer
from twinlake.processing.openeo.values import Values
from twinlake.standards.openeo.errors import ProcessParameterInvalidError

_CONDITION = callback(passed("x", "The element."), passed("context", "What the user passes on.", default=None), returns=TRUTH)


def _count(data: Values, condition: Callback | bool | None = None, context: Any = None) -> Values:
    require_array("data", data)
    if isinstance(condition, Callback):
        fulfils = condition.for_each(data, context)
        require_truths("condition", fulfils)
        counts, _ = split(fulfils)
    elif condition is None:
        counts = are_valid(data)
    elif condition is True:
        counts = np.ones(data.data.shape, dtype=bool)
    else:
        raise ProcessParameterInvalidError("'condition' is neither a process graph nor true nor null.")
    return Values(data=np.asarray(counts.sum(axis=0, dtype=np.int64)))


PROCESS = Process(
    id="count",
    summary="Number of elements",
    description=(
        "Counts the elements of an array that are valid, as `is_valid` has it, or all of them, or those for which a condition"
        " is true."
    ),
    categories=("arrays", "math > statistics", "reducer"),
    parameters=(
        Parameter("data", ARRAY, "An array."),
        Parameter(
            "condition",
            [_CONDITION, {"type": "boolean", "const": True}, {"type": "null"}],
            "A process that tells of each element whether it counts; true: all count; null: the valid ones do.",
            default=None,
            is_plain=True,
        ),
        Parameter("context", ANYTHING, "Passed on to the condition.", default=None),
    ),
    returns=NUMBER,
    returned="The number.",
    work=Reducer("algebraic"),
    kernel=_count,
    examples=(
        {"arguments": {"data": ["ABC", None]}, "returns": 1},
        {"arguments": {"data": [False, None], "condition": True}, "returns": 2},
        {"arguments": {"data": []}, "returns": 0},
    ),
)
