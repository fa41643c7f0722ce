"""`e`."""

import math

from twinlake.processing.openeo.json_schemas import NUMBER
from twinlake.processing.openeo.process import Pointwise, Process
from twinlake.processing.openeo.values import Values, from_json


def _e() -> Values:
    return from_json(math.e)


PROCESS = Process(
    id="e",
    summary="Euler's number",
    description="The base of the natural logarithm, about 2.71828.",
    categories=("math > constants", "math > exponential & logarithmic"),
    parameters=(),
    returns=NUMBER,
    returned="Euler's number.",
    work=Pointwise(),
    kernel=_e,
    examples=({"arguments": {}, "returns": math.e},),
)
