"""`last`."""

from twinlake.processing.openeo.json_schemas import ANYTHING, ARRAY, TRUTH
from twinlake.processing.openeo.kernels.arrays.finding import element, find_last
from twinlake.processing.openeo.process import Keeps, Parameter, Process, Reducer

PROCESS = Process(
    id="last",
    summary="Last element",
    description=(
        "The last element of an array that has data, or simply the last one if `ignore_nodata` is false. No-data if there is"
        " none."
    ),
    categories=("arrays", "reducer"),
    parameters=(
        Parameter("data", ARRAY, "An array."),
        Parameter("ignore_nodata", TRUTH, "Whether elements without data are left out.", default=True, is_plain=True),
    ),
    returns=ANYTHING,
    returned="The element.",
    work=Reducer("distributive"),
    kernel=element(find_last),
    keeps=Keeps(),
    examples=(
        {"arguments": {"data": [1, 0, 3]}, "returns": 3},
        {"arguments": {"data": ["A", "B", None]}, "returns": "B"},
        {"arguments": {"data": [2, None], "ignore_nodata": False}, "returns": None},
    ),
)
