"""`log`."""

from typing import Any

import numpy as np

from twinlake.processing.openeo.json_schemas import NUMBER_OR_NULL
from twinlake.processing.openeo.kernels.cells.numbers import floating
from twinlake.processing.openeo.process import Parameter, Pointwise, Process

_DIRECT = {2.0: np.log2, 10.0: np.log10}
"""Functions that give the powers of their base exactly: a quotient of logarithms has 2.9999999999999996 for 1000."""


def _logarithm(x: Any, base: Any) -> Any:
    direct = _DIRECT.get(float(base)) if np.ndim(base) == 0 else None
    return np.log(x) / np.log(base) if direct is None else direct(x)


PROCESS = Process(
    id="log",
    summary="Logarithm to a base",
    description=(
        "The power to which `base` must be raised to give `x`. The logarithm of zero is infinite, that of a negative number is"
        " `NaN`. No-data where either of them has none."
    ),
    categories=("math > exponential & logarithmic",),
    parameters=(
        Parameter("x", {"type": ["number", "null"], "minimum": 0}, "A number that is not negative."),
        Parameter("base", NUMBER_OR_NULL, "The base."),
    ),
    returns=NUMBER_OR_NULL,
    returned="The logarithm.",
    work=Pointwise(),
    kernel=floating(_logarithm),
    examples=(
        {"arguments": {"x": 1000, "base": 10}, "returns": 3},
        {"arguments": {"x": 4, "base": 2}, "returns": 2},
        {"arguments": {"x": 1, "base": 16}, "returns": 0},
    ),
)
