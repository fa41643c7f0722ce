"""`max`."""

from twinlake.processing.openeo.json_schemas import NUMBER_OR_NULL, NUMBERS, TRUTH
from twinlake.processing.openeo.kernels.arrays.reducing import largest, reducer
from twinlake.processing.openeo.process import Keeps, Parameter, Process, Reducer

PROCESS = Process(
    id="max",
    summary="Greatest of an array",
    description=(
        "Finds the greatest element. Elements without data are left out, unless `ignore_nodata` is false: then one of"
        " them makes the result no-data. So does an array without any data."
    ),
    categories=("math", "math > statistics", "reducer"),
    parameters=(
        Parameter("data", NUMBERS, "An array of numbers."),
        Parameter("ignore_nodata", TRUTH, "Whether elements without data are left out.", default=True, is_plain=True),
    ),
    returns=NUMBER_OR_NULL,
    returned="The greatest element.",
    work=Reducer("distributive"),
    kernel=reducer(largest),
    keeps=Keeps(method="maximum"),
    examples=(
        {"arguments": {"data": [1, 0, 3, 2]}, "returns": 3},
        {"arguments": {"data": [5, 2.5, None, -0.7]}, "returns": 5},
        {"arguments": {"data": [1, None], "ignore_nodata": False}, "returns": None},
    ),
)
