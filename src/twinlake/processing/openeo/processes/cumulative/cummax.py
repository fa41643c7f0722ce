"""`cummax`."""

from twinlake.processing.openeo.json_schemas import NUMBERS, TRUTH
from twinlake.processing.openeo.kernels.arrays.cumulating import cumulative, maxima
from twinlake.processing.openeo.process import Along, Keeps, Parameter, Process

PROCESS = Process(
    id="cummax",
    summary="Cumulative maxima",
    description=(
        "Finds, for each element, the greatest of all that come before it and itself. Elements without data are passed"
        " over and stay without; if `ignore_nodata` is false, all behind the first of them are no-data, too."
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
    returned="The maxima, as many as there are elements.",
    is_experimental=True,
    work=Along(),
    kernel=cumulative(maxima),
    keeps=Keeps(),
    examples=(
        {"arguments": {"data": [1, 3, None, 5, 1]}, "returns": [1, 3, None, 5, 5]},
        {"arguments": {"data": [1, None, 5], "ignore_nodata": False}, "returns": [1, None, None]},
    ),
)
