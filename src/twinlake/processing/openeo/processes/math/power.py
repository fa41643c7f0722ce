"""`power`."""

from typing import Any

import numpy as np

from twinlake.processing.openeo.json_schemas import NUMBER_OR_NULL
from twinlake.processing.openeo.kernels.cells.numbers import exact
from twinlake.processing.openeo.process import Parameter, Pointwise, Process


def _raised(base: Any, p: Any) -> Any:
    if np.result_type(base, p).kind == "i" and np.any(np.less(p, 0)):
        base = np.asarray(base, dtype=np.float64)
    raised = np.power(base, p)
    if raised.dtype.kind == "i":
        return raised
    # IEEE 754 has NaN**0 == 1 and 1**NaN == 1; in a cube NaN is no data, which must stay.
    return np.where(np.isnan(base) | np.isnan(p), np.nan, raised)


PROCESS = Process(
    id="power",
    version=2,
    summary="Power of a number",
    description=(
        "Raises `base` to the power of `p`. Integers stay integers as long as `p` is not negative. No-data where either of them"
        " has none."
    ),
    categories=("math", "math > exponential & logarithmic"),
    parameters=(Parameter("base", NUMBER_OR_NULL, "The base."), Parameter("p", NUMBER_OR_NULL, "The exponent.")),
    returns=NUMBER_OR_NULL,
    returned="The power.",
    work=Pointwise(),
    kernel=exact(_raised),
    examples=(
        {"arguments": {"base": 3, "p": 3}, "returns": 27},
        {"arguments": {"base": 5, "p": -1}, "returns": 0.2},
        {"arguments": {"base": None, "p": 2}, "returns": None},
    ),
)
