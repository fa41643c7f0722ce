"""`array_find_label`."""

from twinlake.processing.openeo.json_schemas import ARRAY, LABEL, PLACE
from twinlake.processing.openeo.kernels.arrays.elements import find_label, require_array
from twinlake.processing.openeo.process import Parameter, Process, Reducer
from twinlake.processing.openeo.values import Label, Values, from_json


def _find_label(data: Values, label: Label) -> Values:
    require_array("data", data)
    return from_json(find_label(data.labels or (), label))


PROCESS = Process(
    id="array_find_label",
    summary="Place of a label in an array",
    description=(
        "The place, counted from 0, of the element that has a label; no-data if none has it, or the array has no labels at all."
    ),
    categories=("arrays", "reducer"),
    parameters=(
        Parameter("data", ARRAY, "An array with labels."),
        Parameter("label", LABEL, "The label that is looked for.", is_plain=True),
    ),
    returns=[{"type": "null"}, PLACE],
    returned="The place.",
    work=Reducer("holistic"),
    kernel=_find_label,
    examples=(
        {"arguments": {"data": [1, 2], "label": 1}, "returns": None},
        {
            "arguments": {"data": {"type": "labeled-array", "data": [{"key": "B04", "value": 0.3}]}, "label": "B04"},
            "returns": 0,
        },
    ),
    is_experimental=True,
)
