"""`rearrange`."""

from twinlake.processing.openeo.json_schemas import ARRAY, PLACE
from twinlake.processing.openeo.kernels.arrays.sorting import rearrange
from twinlake.processing.openeo.process import Along, Parameter, Process

PROCESS = Process(
    id="rearrange",
    summary="Elements in a given order",
    description=(
        "Returns the elements of an array in the order in which their places are listed, as `order` lists them; what is not"
        " listed is left out. Labels are dropped."
    ),
    categories=("arrays", "sorting"),
    parameters=(
        Parameter("data", ARRAY, "An array."),
        Parameter("order", {"type": "array", "items": PLACE}, "Places of elements, counted from 0."),
    ),
    returns=ARRAY,
    returned="The elements in their new order.",
    work=Along(),
    kernel=rearrange,
    examples=(
        {"arguments": {"data": [5, 4, 3], "order": [2, 1, 0]}, "returns": [3, 4, 5]},
        {"arguments": {"data": ["a", "b", None], "order": [2, 0]}, "returns": [None, "a"]},
    ),
)
