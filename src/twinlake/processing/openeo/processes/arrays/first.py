"""`first`."""

from twinlake.processing.openeo.json_schemas import ANYTHING, ARRAY, TRUTH
from twinlake.processing.openeo.kernels.arrays.finding import element, find_first
from twinlake.processing.openeo.process import Keeps, Parameter, Process, Reducer

PROCESS = Process(
    id="first",
    summary="First element",
    description=(
        "The first element of an array that has data, or simply the first one if `ignore_nodata` is false. No-data if there is"
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
    kernel=element(find_first),
    keeps=Keeps(),
    examples=(
        {"arguments": {"data": [1, 0, 3]}, "returns": 1},
        {"arguments": {"data": [None, "A", "B"]}, "returns": "A"},
        {"arguments": {"data": [None, 2], "ignore_nodata": False}, "returns": None},
    ),
)
