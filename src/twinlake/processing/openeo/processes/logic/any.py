"""`any`."""

from twinlake.processing.openeo.json_schemas import TRUTH, TRUTH_OR_NULL, TRUTHS
from twinlake.processing.openeo.kernels.cells.truths import quantifier
from twinlake.processing.openeo.process import Parameter, Process, Reducer

PROCESS = Process(
    id="any",
    summary="Whether at least one is true",
    description=(
        "True where an element of an array is true; false for an array without elements. Elements without data are left out,"
        " unless `ignore_nodata` is false: then they make no-data of what would be false."
    ),
    categories=("logic", "reducer"),
    parameters=(
        Parameter("data", TRUTHS, "An array of truths."),
        Parameter("ignore_nodata", TRUTH, "Whether elements without data are left out.", default=True, is_plain=True),
    ),
    returns=TRUTH_OR_NULL,
    returned="What follows from them.",
    work=Reducer("distributive"),
    kernel=quantifier(decisive=True),
    examples=(
        {"arguments": {"data": [False, None]}, "returns": False},
        {"arguments": {"data": [False, None], "ignore_nodata": False}, "returns": None},
        {"arguments": {"data": []}, "returns": False},
    ),
)
