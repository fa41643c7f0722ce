"""`cumproduct`."""

from twinlake.processing.openeo.json_schemas import NUMBERS, TRUTH
from twinlake.processing.openeo.kernels.arrays.cumulating import cumulative, products
from twinlake.processing.openeo.process import Along, Parameter, Process

PROCESS = Process(
    id="cumproduct",
    summary="Cumulative products",
    description=(
        "Multiplies, for each element, all that come before it and itself. Elements without data are passed over and stay"
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
    returned="The products, as many as there are elements.",
    is_experimental=True,
    work=Along(),
    kernel=cumulative(products),
    examples=(
        {"arguments": {"data": [1, 2, 3, None, 3, 1]}, "returns": [1, 2, 6, None, 18, 18]},
        {"arguments": {"data": [1, 2, None, 3], "ignore_nodata": False}, "returns": [1, 2, None, None]},
    ),
)
