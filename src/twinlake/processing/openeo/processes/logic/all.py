"""`all`."""

from twinlake.processing.openeo.json_schemas import TRUTH, TRUTH_OR_NULL, TRUTHS
from twinlake.processing.openeo.kernels.cells.truths import quantifier
from twinlake.processing.openeo.process import Parameter, Process, Reducer

PROCESS = Process(
    id="all",
    summary="Whether all are true",
    description=(
        "True where no element of an array is false, and so for an array without elements. Elements without data are left out,"
        " unless `ignore_nodata` is false: then they make no-data of what would be true."
    ),
    categories=("logic", "reducer"),
    parameters=(
        Parameter("data", TRUTHS, "An array of truths."),
        Parameter("ignore_nodata", TRUTH, "Whether elements without data are left out.", default=True, is_plain=True),
    ),
    returns=TRUTH_OR_NULL,
    returned="What follows from them.",
    work=Reducer("distributive"),
    kernel=quantifier(decisive=False),
    examples=(
        {"arguments": {"data": [True, None]}, "returns": True},
        {"arguments": {"data": [True, None], "ignore_nodata": False}, "returns": None},
        {"arguments": {"data": []}, "returns": True},
    ),
)
