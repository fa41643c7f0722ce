"""`product`."""

from twinlake.processing.openeo.json_schemas import NUMBER_OR_NULL, NUMBERS, TRUTH
from twinlake.processing.openeo.kernels.arrays.reducing import product, reducer
from twinlake.processing.openeo.process import Parameter, Process, Reducer

PROCESS = Process(
    id="product",
    summary="Product of an array",
    description=(
        "Multiplies all elements. Elements without data are left out, unless `ignore_nodata` is false: then one of them"
        " makes the result no-data. So does an array without any data."
    ),
    categories=("math", "reducer"),
    parameters=(
        Parameter("data", NUMBERS, "An array of numbers."),
        Parameter("ignore_nodata", TRUTH, "Whether elements without data are left out.", default=True, is_plain=True),
    ),
    returns=NUMBER_OR_NULL,
    returned="The product.",
    work=Reducer("distributive"),
    kernel=reducer(product),
    examples=(
        {"arguments": {"data": [5, 0]}, "returns": 0},
        {"arguments": {"data": [-2, 4, 2.5]}, "returns": -20},
        {"arguments": {"data": [1, None], "ignore_nodata": False}, "returns": None},
    ),
)
