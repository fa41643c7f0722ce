"""`array_filter`."""

from typing import Any

import numpy as np

from twinlake.processing.openeo.evaluating import Callback
from twinlake.processing.openeo.json_schemas import ANYTHING, ARRAY, LABEL_OR_NULL, PLACE, TRUTH, callback, passed
from twinlake.processing.openeo.kernels.arrays.elements import require_array
from twinlake.processing.openeo.kernels.cells.truths import require_truths, split
from twinlake.processing.openeo.process import Along, Parameter, Process
from twinlake.processing.openeo.values import Values
from twinlake.standards.openeo.errors import ProcessParameterInvalidError

_ABOVE_ONE = {"gt": {"process_id": "gt", "arguments": {"x": {"from_parameter": "x"}, "y": 1}, "result": True}}


def _filter(data: Values, condition: Callback, context: Any = None) -> Values:
    require_array("data", data)
    if data.data.ndim == 1:
        is_kept = condition.for_each(data, context)
    else:
        is_kept = condition.for_all(data, context)
        if is_kept.is_array or is_kept.data.ndim not in {0, data.data.ndim} or any(size > 1 for size in is_kept.data.shape[1:]):
            raise ProcessParameterInvalidError(
                "In a cube 'condition' may depend on index and label only: all cells must have arrays of one length."
            )
    require_truths("condition", is_kept)
    is_true, _ = split(is_kept)
    return data.elements(np.flatnonzero(np.broadcast_to(is_true.ravel(), len(data.data))))


PROCESS = Process(
    id="array_filter",
    summary="The elements that fulfil a condition",
    description=(
        "Keeps the elements of an array for which a condition is true; not those for which it is false or no-data. Labels stay."
        " In a cube the condition can depend on place and label of an element, and not on its value."
    ),
    categories=("arrays", "filter"),
    parameters=(
        Parameter("data", ARRAY, "An array."),
        Parameter(
            "condition",
            callback(
                passed("x", "The element."),
                passed("index", "Its place, counted from 0.", PLACE),
                passed("label", "Its label, if the array has labels.", LABEL_OR_NULL, default=None),
                passed("context", "What the user passes on.", default=None),
                returns=TRUTH,
            ),
            "Tells of each element whether it is kept.",
        ),
        Parameter("context", ANYTHING, "Passed on to the condition.", default=None),
    ),
    returns=ARRAY,
    returned="The elements that are kept, in their order.",
    work=Along(),
    kernel=_filter,
    examples=(
        {
            "arguments": {"data": [1, None, 3], "condition": {"process_graph": _ABOVE_ONE}},
            "returns": [3],
        },
        {"arguments": {"data": [], "condition": {"process_graph": _ABOVE_ONE}}, "returns": []},
    ),
)
