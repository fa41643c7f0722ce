"""`cummin`."""

from twinlake.processing.openeo.json_schemas import NUMBERS, TRUTH
from twinlake.processing.openeo.kernels.arrays.cumulating import cumulative, minima
from twinlake.processing.openeo.process import Along, Keeps, Parameter, Process

PROCESS = Process(
    id="cummin",
    summary="Cumulative minima",
    description=(
        "Finds, for each element, the least of all that come before it and itself. Elements without data are passed over"
        " and stay without; if `ignore_nodata` is false, all behind the first of them are no-data, too."
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
    returned="The minima, as many as there are elements.",
    is_experimental=True,
    work=Along(),
    kernel=cumulative(minima),
    keeps=Keeps(),
    examples=(
        {"arguments": {"data": [5, 3, None, 1, 5]}, "returns": [5, 3, None, 1, 1]},
        {"arguments": {"data": [5, None, 1], "ignore_nodata": False}, "returns": [5, None, None]},
    ),
)
