"""`array_contains`."""

import numpy as np

from twinlake.processing.openeo.json_schemas import ARRAY, SCALAR_OR_NULL, TRUTH
from twinlake.processing.openeo.kernels.arrays.finding import where_equal
from twinlake.processing.openeo.process import Parameter, Process, Reducer
from twinlake.processing.openeo.values import Values


def _contains(data: Values, value: Values) -> Values:
    return Values(data=np.asarray(where_equal(data, value).any(axis=0)))


PROCESS = Process(
    id="array_contains",
    summary="Whether an array has a value in it",
    description="Tells whether an element of an array is equal to a value, as `eq` has it. No-data is never found.",
    categories=("arrays", "comparison", "reducer"),
    parameters=(Parameter("data", ARRAY, "An array."), Parameter("value", SCALAR_OR_NULL, "What is looked for.")),
    returns=TRUTH,
    returned="Whether it is there.",
    work=Reducer("algebraic"),
    kernel=_contains,
    examples=(
        {"arguments": {"data": [1, 2, 3], "value": 2}, "returns": True},
        {"arguments": {"data": [1, 2, 3], "value": "2"}, "returns": False},
        {"arguments": {"data": [1, None], "value": None}, "returns": False},
    ),
)
