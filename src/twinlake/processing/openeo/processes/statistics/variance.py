"""`variance`."""

from twinlake.processing.openeo.json_schemas import NUMBER_OR_NULL, NUMBERS, TRUTH
from twinlake.processing.openeo.kernels.arrays.reducing import reducer, variance
from twinlake.processing.openeo.process import Parameter, Process, Reducer

PROCESS = Process(
    id="variance",
    summary="Variance of a sample",
    description=(
        "The squared distances of the elements from their mean, added up and divided by one less than their number. For a"
        " single element it is `NaN`. Elements without data are left out, unless `ignore_nodata` is false: then one of"
        " them makes the result no-data. So does an array without any data."
    ),
    categories=("math > statistics", "reducer"),
    parameters=(
        Parameter("data", NUMBERS, "An array of numbers."),
        Parameter("ignore_nodata", TRUTH, "Whether elements without data are left out.", default=True, is_plain=True),
    ),
    returns=NUMBER_OR_NULL,
    returned="The variance.",
    work=Reducer("algebraic"),
    kernel=reducer(variance),
    examples=(
        {"arguments": {"data": [-1, 1, 3]}, "returns": 4},
        {"arguments": {"data": [2, 3, 3, None, 4, 4, 5]}, "returns": 1.1},
        {"arguments": {"data": [1, None], "ignore_nodata": False}, "returns": None},
    ),
)
