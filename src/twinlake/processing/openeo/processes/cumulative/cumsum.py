"""`cumsum`."""

from twinlake.processing.openeo.json_schemas import NUMBERS, TRUTH
from twinlake.processing.openeo.kernels.arrays.cumulating import cumulative, totals
from twinlake.processing.openeo.process import Along, Parameter, Process

PROCESS = Process(
    id="cumsum",
    summary="Cumulative sums",
    description=(
        "Adds up, for each element, all that come before it and itself. Elements without data are passed over and stay"
        " without; if `ignore_nodata` is false, all behind the first of them are no-data, too."
    ),
    categories=("math > cumulative",),
    parameters=(
        Parameter("data", NUMBERS, "An array of numbers."),
        Parameter(
            "ignore_nodata",
            TRUTH,
            "Whether what stands behind an element without data keeps its own.",
            default=True,
            is_plain=True,
        ),
    ),
    returns=NUMBERS,
    returned="The sums, as many as there are elements.",
    is_experimental=True,
    work=Along(),
    kernel=cumulative(totals),
    examples=(
        {"arguments": {"data": [1, 3, None, 3, 1]}, "returns": [1, 4, None, 7, 8]},
        {"arguments": {"data": [1, 3, None, 3, 1], "ignore_nodata": False}, "returns": [1, 4, None, None, None]},
    ),
)
