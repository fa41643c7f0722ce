"""`order`."""

from twinlake.processing.openeo.json_schemas import PLACE, SORTABLE, TRUTH
from twinlake.processing.openeo.kernels.arrays.sorting import find_order
from twinlake.processing.openeo.process import Along, Parameter, Process

PROCESS = Process(
    id="order",
    summary="Places of the elements in sorted order",
    description=(
        "The places, counted from 0, at which the elements of an array stand, in the order of their values. `rearrange` puts an"
        " array into that order. Equal elements stay in theirs; NaN is larger than all numbers; dates are compared as instants."
        " In a cube all cells keep arrays of one length: elements that are left out leave no-data at the end."
    ),
    categories=("arrays", "sorting"),
    parameters=(
        Parameter("data", SORTABLE, "An array of numbers or dates."),
        Parameter("asc", TRUTH, "Whether the smallest comes first, or the largest.", default=True, is_plain=True),
        Parameter(
            "nodata",
            {"type": ["boolean", "null"]},
            "Where elements without data go: true: to the end; false: to the start; null: they are left out.",
            default=None,
            is_plain=True,
        ),
    ),
    returns={"type": "array", "items": PLACE},
    returned="The places.",
    work=Along(),
    kernel=find_order,
    examples=(
        {"arguments": {"data": [6, -1, None, 2]}, "returns": [1, 3, 0]},
        {"arguments": {"data": [6, -1, None, 2], "asc": False, "nodata": False}, "returns": [2, 0, 3, 1]},
    ),
)
