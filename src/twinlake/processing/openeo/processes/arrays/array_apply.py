"""`array_apply`."""

from typing import Any

from twinlake.processing.openeo.evaluating import Callback
from twinlake.processing.openeo.json_schemas import ANYTHING, ARRAY, LABEL_OR_NULL, PLACE, callback, passed
from twinlake.processing.openeo.kernels.arrays.elements import require_array
from twinlake.processing.openeo.process import Along, Parameter, Process
from twinlake.processing.openeo.values import Values

_ABSOLUTE = {"absolute": {"process_id": "absolute", "arguments": {"x": {"from_parameter": "x"}}, "result": True}}


def _apply(data: Values, process: Callback, context: Any = None) -> Values:
    require_array("data", data)
    return process.for_each(data, context)


PROCESS = Process(
    id="array_apply",
    summary="A process for each element",
    description="Runs a process on every element of an array and puts what it returns in its place. Labels stay.",
    categories=("arrays",),
    parameters=(
        Parameter("data", ARRAY, "An array."),
        Parameter(
            "process",
            callback(
                passed("x", "The element."),
                passed("index", "Its place, counted from 0.", PLACE),
                passed("label", "Its label, if the array has labels.", LABEL_OR_NULL, default=None),
                passed("context", "What the user passes on.", default=None),
                returns=ANYTHING,
            ),
            "What is done with each element.",
        ),
        Parameter("context", ANYTHING, "Passed on to the process.", default=None),
    ),
    returns=ARRAY,
    returned="As many elements as before, each as the process returned it.",
    work=Along(),
    kernel=_apply,
    examples=(
        {"arguments": {"data": [1, -2, None], "process": {"process_graph": _ABSOLUTE}}, "returns": [1, 2, None]},
        {"arguments": {"data": [], "process": {"process_graph": _ABSOLUTE}}, "returns": []},
    ),
)
