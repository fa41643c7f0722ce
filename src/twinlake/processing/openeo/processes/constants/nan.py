"""`nan`."""

import math

from twinlake.processing.openeo.json_schemas import ANYTHING
from twinlake.processing.openeo.process import Pointwise, Process
from twinlake.processing.openeo.values import Values, from_json


def _nan() -> Values:
    return from_json(math.nan)


PROCESS = Process(
    id="nan",
    summary="Not a number",
    description=(
        "`NaN`: what floating-point arithmetic has in place of a number where there is none. It is not no-data, but becomes that"
        " in a cube of floating-point numbers."
    ),
    categories=("math > constants",),
    parameters=(),
    returns=ANYTHING,
    returned="`NaN`.",
    is_experimental=True,
    work=Pointwise(),
    kernel=_nan,
)
