"""`array_labels`."""

from twinlake.processing.openeo.kernels.arrays.elements import require_array
from twinlake.processing.openeo.process import Opaque, Parameter, Process
from twinlake.processing.openeo.values import Values, from_json


def _labels(data: Values) -> Values:
    require_array("data", data)
    return from_json(list(range(len(data.data)) if data.labels is None else data.labels))


PROCESS = Process(
    id="array_labels",
    summary="Labels of an array",
    description="The labels of an array, or the places of its elements, counted from 0, if it has none.",
    categories=("arrays",),
    parameters=(Parameter("data", {"type": "array"}, "An array."),),
    returns={"type": "array", "items": {"type": ["number", "string"]}},
    returned="The labels, in the order of the elements.",
    work=Opaque(),
    kernel=_labels,
    examples=(
        {"arguments": {"data": ["a", None]}, "returns": [0, 1]},
        {"arguments": {"data": {"type": "labeled-array", "data": [{"key": "B04", "value": 1}]}}, "returns": ["B04"]},
    ),
)
