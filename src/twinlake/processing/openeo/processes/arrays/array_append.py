"""`array_append`."""

from dataclasses import replace

from twinlake.processing.openeo.json_schemas import ANYTHING, ARRAY, LABEL_OR_NULL
from twinlake.processing.openeo.kernels.arrays.elements import find_label, require_array
from twinlake.processing.openeo.kernels.arrays.joining import append
from twinlake.processing.openeo.process import Along, Parameter, Process
from twinlake.processing.openeo.values import Label, Values
from twinlake.standards.openeo.errors import ProcessError

_EXCEPTIONS = {
    "LabelExists": "The array has an element with this label already.",
    "ArrayNotLabeled": "The array has no labels, so that the new element cannot have one.",
}


def _append(data: Values, value: Values, label: Label | None = None) -> Values:
    require_array("data", data)
    labels = None
    if data.labels is not None:
        new = len(data.data) if label is None else label
        if find_label(data.labels, new) is not None:
            raise ProcessError("LabelExists", f"{_EXCEPTIONS['LabelExists']} It is {new!r}.")
        labels = (*data.labels, new)
    elif label is not None:
        raise ProcessError("ArrayNotLabeled", _EXCEPTIONS["ArrayNotLabeled"])
    return replace(append(data, value), labels=labels)


PROCESS = Process(
    id="array_append",
    summary="An array with one more element",
    description="Puts a value behind the last element of an array, with a label if the array has labels.",
    categories=("arrays",),
    parameters=(
        Parameter("data", ARRAY, "An array."),
        Parameter("value", ANYTHING, "The new element."),
        Parameter(
            "label",
            LABEL_OR_NULL,
            (
                "The label of the new element, which no other may have; without one it is its place as a number. For arrays"
                " with labels."
            ),
            default=None,
            is_plain=True,
        ),
    ),
    returns=ARRAY,
    returned="The longer array.",
    work=Along(),
    kernel=_append,
    exceptions=_EXCEPTIONS,
    examples=(
        {"arguments": {"data": [1, 2], "value": 3}, "returns": [1, 2, 3]},
        {"arguments": {"data": ["a"], "value": [1]}, "returns": ["a", [1]]},
    ),
)
