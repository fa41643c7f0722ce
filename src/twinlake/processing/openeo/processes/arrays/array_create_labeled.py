"""`array_create_labeled`."""

from collections.abc import Sequence
from dataclasses import replace

from twinlake.processing.openeo.json_schemas import ANYTHING
from twinlake.processing.openeo.kernels.arrays.elements import require_array
from twinlake.processing.openeo.kernels.cells.comparing import is_number
from twinlake.processing.openeo.process import Along, Parameter, Process
from twinlake.processing.openeo.values import Label, Values
from twinlake.standards.openeo.errors import ProcessError, ProcessParameterInvalidError

_MISMATCH = "There are not as many labels as elements."


def _create(data: Values, labels: Sequence[Label]) -> Values:
    require_array("data", data)
    if not isinstance(labels, list) or not all(is_number(each) or isinstance(each, str) for each in labels):
        raise ProcessParameterInvalidError("'labels' is no array of numbers and texts.")
    if len(labels) != len(data.data):
        raise ProcessError("ArrayLengthMismatch", _MISMATCH)
    if len(set(labels)) < len(labels):
        raise ProcessParameterInvalidError("'labels' has the same label more than once.")
    return replace(data, labels=tuple(labels))


PROCESS = Process(
    id="array_create_labeled",
    summary="A new array with labels",
    description="Gives each element of an array a label. JSON has no arrays with labels; this is how clients send them.",
    categories=("arrays",),
    parameters=(
        Parameter("data", ANYTHING, "An array with the elements."),
        Parameter(
            "labels",
            {"type": "array", "uniqueItems": True, "items": {"type": ["number", "string"]}},
            "The labels, in the order of the elements.",
            is_plain=True,
        ),
    ),
    returns={"type": "array", "subtype": "labeled-array", "items": ANYTHING},
    returned="The array with its labels.",
    work=Along(),
    kernel=_create,
    exceptions={"ArrayLengthMismatch": _MISMATCH},
    examples=(
        {
            "arguments": {"data": [0.3, None], "labels": ["B04", 8]},
            "returns": {"type": "labeled-array", "data": [{"key": "B04", "value": 0.3}, {"key": 8, "value": None}]},
        },
        {"arguments": {"data": [], "labels": []}, "returns": {"type": "labeled-array", "data": []}},
    ),
    is_experimental=True,
)
