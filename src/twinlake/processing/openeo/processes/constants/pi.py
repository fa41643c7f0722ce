"""`pi`."""

import math

from twinlake.processing.openeo.json_schemas import NUMBER
from twinlake.processing.openeo.process import Pointwise, Process
from twinlake.processing.openeo.values import Values, from_json


def _pi() -> Values:
    return from_json(math.pi)


PROCESS = Process(
    id="pi",
    summary="Pi",
    description="The circumference of a circle divided by its diameter, about 3.14159.",
    categories=("math > constants", "math > trigonometric"),
    parameters=(),
    returns=NUMBER,
    returned="Pi.",
    work=Pointwise(),
    kernel=_pi,
    examples=({"arguments": {}, "returns": math.pi},),
)
