"""`array_interpolate_linear`."""

from twinlake.processing.openeo.json_schemas import NUMBERS
from twinlake.processing.openeo.kernels.arrays.interpolating import interpolate_linear
from twinlake.processing.openeo.process import Along, Keeps, Parameter, Process

PROCESS = Process(
    id="array_interpolate_linear",
    summary="Gaps filled along straight lines",
    description=(
        "Replaces NaN and no-data that stand between two numbers of an array by what lies on the straight line between these."
        " What stands before the first number or behind the last one stays. Elements stand at their labels, if these are numbers"
        " or dates (which must be sorted), else one behind the other."
    ),
    categories=("arrays", "math", "math > interpolation"),
    parameters=(Parameter("data", NUMBERS, "An array of numbers."),),
    returns=NUMBERS,
    returned="The array without gaps.",
    work=Along(),
    kernel=interpolate_linear,
    keeps=Keeps(),
    examples=(
        {"arguments": {"data": [None, 1, None, 6, None, -8]}, "returns": [None, 1, 3.5, 6, -1, -8]},
        {"arguments": {"data": [None, 1, None, None]}, "returns": [None, 1, None, None]},
    ),
)
