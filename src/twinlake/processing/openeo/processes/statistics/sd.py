"""`sd`."""

from twinlake.processing.openeo.json_schemas import NUMBER_OR_NULL, NUMBERS, TRUTH
from twinlake.processing.openeo.kernels.arrays.reducing import deviation, reducer
from twinlake.processing.openeo.process import Keeps, Parameter, Process, Reducer

PROCESS = Process(
    id="sd",
    summary="Standard deviation of a sample",
    description=(
        "The square root of the sample's variance: how far elements are from their mean, in their own unit. For a single"
        " element it is `NaN`. Elements without data are left out, unless `ignore_nodata` is false: then one of them makes"
        " the result no-data. So does an array without any data."
    ),
    categories=("math > statistics", "reducer"),
    parameters=(
        Parameter("data", NUMBERS, "An array of numbers."),
        Parameter("ignore_nodata", TRUTH, "Whether elements without data are left out.", default=True, is_plain=True),
    ),
    returns=NUMBER_OR_NULL,
    returned="The standard deviation.",
    work=Reducer("algebraic"),
    kernel=reducer(deviation),
    keeps=Keeps(method="standard_deviation"),
    examples=(
        {"arguments": {"data": [-1, 1, 3, None]}, "returns": 2},
        {"arguments": {"data": [1, None], "ignore_nodata": False}, "returns": None},
    ),
)
