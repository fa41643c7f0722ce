"""`round`."""

from twinlake.processing.openeo.json_schemas import INTEGER, NUMBER_OR_NULL
from twinlake.processing.openeo.kernels.cells.rounding import rounded
from twinlake.processing.openeo.process import Keeps, Parameter, Pointwise, Process

PROCESS = Process(
    id="round",
    version=2,
    summary="Round to a number of digits",
    description=(
        "Rounds `x` to `p` digits behind the decimal point. What is half-way between two of them becomes the one whose"
        " last digit is even, so that many roundings do not add up to a trend. No-data stays no-data."
    ),
    categories=("math > rounding",),
    parameters=(
        Parameter("x", NUMBER_OR_NULL, "A number."),
        Parameter(
            "p", INTEGER, "How many digits are kept behind the decimal point; -2 rounds to hundreds.", default=0, is_plain=True
        ),
    ),
    returns=NUMBER_OR_NULL,
    returned="The rounded number.",
    work=Pointwise(),
    kernel=rounded,
    keeps=Keeps(),
    examples=(
        {"arguments": {"x": 3.56, "p": 1}, "returns": 3.6},
        {"arguments": {"x": -2.5}, "returns": -2},
        {"arguments": {"x": 1234.5, "p": -2}, "returns": 1200},
    ),
)
