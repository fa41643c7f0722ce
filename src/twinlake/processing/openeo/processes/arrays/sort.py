"""`sort`."""

from twinlake.processing.openeo.json_schemas import SORTABLE, TRUTH
from twinlake.processing.openeo.kernels.arrays.sorting import sort
from twinlake.processing.openeo.process import Along, Keeps, Parameter, Process

PROCESS = Process(
    id="sort",
    summary="Elements in sorted order",
    description=(
        "Puts the elements of an array into the order of their values; labels are dropped."
        " Equal elements stay in their order; NaN is larger than all numbers; dates are compared as instants. In a cube all cells"
        " keep arrays of one length: elements that are left out leave no-data at the end."
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
    returns=SORTABLE,
    returned="The sorted array.",
    work=Along(),
    kernel=sort,
    keeps=Keeps(),
    examples=(
        {"arguments": {"data": [6, -1, None, 2]}, "returns": [-1, 2, 6]},
        {"arguments": {"data": [6, -1, None, 2], "asc": False, "nodata": True}, "returns": [6, 2, -1, None]},
        {
            "arguments": {"data": ["2020-01-01T01:00:00+02:00", "2019-12-31"]},
            "returns": ["2019-12-31", "2020-01-01T01:00:00+02:00"],
        },
    ),
)
