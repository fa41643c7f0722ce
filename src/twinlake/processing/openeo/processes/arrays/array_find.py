"""`array_find`."""

import numpy as np

from twinlake.processing.openeo.json_schemas import ANYTHING, ARRAY, PLACE, TRUTH
from twinlake.processing.openeo.kernels.arrays.finding import find_first, find_last, where_equal
from twinlake.processing.openeo.process import Parameter, Process, Reducer
from twinlake.processing.openeo.values import Values, are_all


def _find(data: Values, value: Values, reverse: bool = False) -> Values:
    is_equal = where_equal(data, value)
    found = np.asarray(is_equal.any(axis=0))
    return Values(data=(find_last if reverse else find_first)(is_equal), valid=None if are_all(found) else found)


PROCESS = Process(
    id="array_find",
    summary="Place of a value in an array",
    description=(
        "The place, counted from 0, of the first element that is equal to a value, as `eq` has it, or of the last one. No-data if"
        " there is none. No-data, arrays and objects are never found."
    ),
    categories=("arrays", "reducer"),
    parameters=(
        Parameter("data", ARRAY, "An array."),
        Parameter("value", ANYTHING, "What is looked for."),
        Parameter("reverse", TRUTH, "Whether the last element is returned that is equal.", default=False, is_plain=True),
    ),
    returns=[{"type": "null"}, PLACE],
    returned="The place.",
    work=Reducer("holistic"),
    kernel=_find,
    examples=(
        {"arguments": {"data": [1, 2, 3, 2], "value": 2}, "returns": 1},
        {"arguments": {"data": [1, 2, 3, 2], "value": 2, "reverse": True}, "returns": 3},
        {"arguments": {"data": ["A", "B"], "value": "b"}, "returns": None},
    ),
)
