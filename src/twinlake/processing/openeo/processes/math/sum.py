"""`sum`."""

from twinlake.processing.openeo.json_schemas import NUMBER_OR_NULL, NUMBERS, TRUTH
from twinlake.processing.openeo.kernels.arrays.reducing import reducer, total
from twinlake.processing.openeo.process import Keeps, Parameter, Process, Reducer

PROCESS = Process(
    id="sum",
    summary="Sum of an array",
    description=(
        "Adds up all elements. Elements without data are left out, unless `ignore_nodata` is false: then one of them"
        " makes the result no-data. So does an array without any data."
    ),
    categories=("math", "reducer"),
    parameters=(
        Parameter("data", NUMBERS, "An array of numbers."),
        Parameter("ignore_nodata", TRUTH, "Whether elements without data are left out.", default=True, is_plain=True),
    ),
    returns=NUMBER_OR_NULL,
    returned="The sum.",
    work=Reducer("distributive"),
    kernel=reducer(total),
    keeps=Keeps(method="sum"),
    examples=(
        {"arguments": {"data": [5, 1]}, "returns": 6},
        {"arguments": {"data": [-2, 4, 2.5]}, "returns": 4.5},
        {"arguments": {"data": [1, None], "ignore_nodata": False}, "returns": None},
    ),
)
