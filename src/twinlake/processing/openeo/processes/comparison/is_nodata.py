"""`is_nodata`."""

from twinlake.processing.openeo.json_schemas import ANYTHING, TRUTH
from twinlake.processing.openeo.kernels.cells.states import is_nodata
from twinlake.processing.openeo.process import Parameter, Pointwise, Process

PROCESS = Process(
    id="is_nodata",
    summary="Whether a value is no-data",
    description=(
        "Tells whether `x` is a no-data value of its cube, or null. NaN is one only in cubes of floating-point numbers. An"
        " array is none, whatever is in it."
    ),
    categories=("comparison",),
    parameters=(Parameter("x", ANYTHING, "What is looked at."),),
    returns=TRUTH,
    returned="Whether it is so; never no-data.",
    work=Pointwise(),
    kernel=is_nodata,
    examples=(
        {"arguments": {"x": None}, "returns": True},
        {"arguments": {"x": 0}, "returns": False},
        {"arguments": {"x": [None]}, "returns": False},
    ),
)
