"""`median`."""

from twinlake.processing.openeo.json_schemas import NUMBER_OR_NULL, NUMBERS, TRUTH
from twinlake.processing.openeo.kernels.arrays.reducing import median, reducer
from twinlake.processing.openeo.process import Keeps, Parameter, Process, Reducer

PROCESS = Process(
    id="median",
    summary="Median",
    description=(
        "The element in the middle when all are put in order, or the mean of the two there. Elements without data are"
        " left out, unless `ignore_nodata` is false: then one of them makes the result no-data. So does an array without"
        " any data."
    ),
    categories=("math > statistics", "reducer"),
    parameters=(
        Parameter("data", NUMBERS, "An array of numbers."),
        Parameter("ignore_nodata", TRUTH, "Whether elements without data are left out.", default=True, is_plain=True),
    ),
    returns=NUMBER_OR_NULL,
    returned="The median.",
    work=Reducer("holistic"),
    kernel=reducer(median),
    keeps=Keeps(method="median"),
    examples=(
        {"arguments": {"data": [1, 3, 3, 6, 7, 8, 9]}, "returns": 6},
        {"arguments": {"data": [-1, 0.5, None, 1, 3]}, "returns": 0.75},
        {"arguments": {"data": [1, None], "ignore_nodata": False}, "returns": None},
    ),
)
