"""`mean`."""

from twinlake.processing.openeo.json_schemas import NUMBER_OR_NULL, NUMBERS, TRUTH
from twinlake.processing.openeo.kernels.arrays.reducing import average, reducer
from twinlake.processing.openeo.process import Keeps, Parameter, Process, Reducer

PROCESS = Process(
    id="mean",
    summary="Arithmetic mean",
    description=(
        "The sum of all elements divided by their number. Without any element the mean is no-data. Elements without data are left"
        " out, unless `ignore_nodata` is false: then one of them makes the mean no-data."
    ),
    categories=("math > statistics", "reducer"),
    parameters=(
        Parameter("data", NUMBERS, "An array of numbers."),
        Parameter("ignore_nodata", TRUTH, "Whether elements without data are left out.", default=True, is_plain=True),
    ),
    returns=NUMBER_OR_NULL,
    returned="The mean.",
    work=Reducer("algebraic"),
    kernel=reducer(average),
    keeps=Keeps(method="mean"),
    examples=(
        {"arguments": {"data": [1, 0, 3, 2]}, "returns": 1.5},
        {"arguments": {"data": [1, None], "ignore_nodata": False}, "returns": None},
    ),
)
