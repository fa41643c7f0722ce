"""`constant`."""

from twinlake.processing.openeo.json_schemas import ANYTHING
from twinlake.processing.openeo.process import Parameter, Pointwise, Process
from twinlake.processing.openeo.values import Values


def _same(x: Values) -> Values:
    return x


PROCESS = Process(
    id="constant",
    summary="A value by itself",
    description="Passes on the value that it is given, so that one node holds what many others use.",
    categories=("math > constants",),
    parameters=(Parameter("x", ANYTHING, "A value of any type."),),
    returns=ANYTHING,
    returned="The same value.",
    work=Pointwise(),
    kernel=_same,
    examples=(
        {"arguments": {"x": 66666}, "returns": 66666},
        {"arguments": {"x": ["B04", None, 8]}, "returns": ["B04", None, 8]},
    ),
)
