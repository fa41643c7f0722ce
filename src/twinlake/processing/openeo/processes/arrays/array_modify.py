"""`array_modify`."""

from dataclasses import replace

from twinlake.processing.openeo.json_schemas import ARRAY, PLACE
from twinlake.processing.openeo.kernels.arrays.elements import join_labels, require_array, require_whole
from twinlake.processing.openeo.kernels.arrays.joining import join
from twinlake.processing.openeo.process import Along, Parameter, Process
from twinlake.processing.openeo.values import Values
from twinlake.standards.openeo.errors import ProcessError

_EXCEPTIONS = {
    "ArrayElementNotAvailable": "The array has fewer elements than stand before the place that is to be changed.",
    "ArrayLabelConflict": "Both arrays have an element with the same label: rename one of them first.",
}


def _modify(data: Values, values: Values, index: int, length: int = 0) -> Values:
    require_array("data", data)
    require_array("values", values)
    start = require_whole("index", index, 0)
    end = start + require_whole("length", length, 0)
    if start > len(data.data):
        raise ProcessError("ArrayElementNotAvailable", _EXCEPTIONS["ArrayElementNotAvailable"])
    before, behind = data.elements(slice(start)), data.elements(slice(end, None))
    old = data.labels if len(data.data) else data.labels or ()
    new = values.labels if len(values.data) else values.labels or ()
    is_labelled = join_labels(old, new) is not None
    labels = (*(before.labels or ()), *(new or ()), *(behind.labels or ())) if is_labelled else None
    return replace(join([before, values, behind]), labels=labels)


PROCESS = Process(
    id="array_modify",
    summary="An array with elements put in, replaced or removed",
    description=(
        "Removes `length` elements of an array, from the place `index` on, and puts others there. Labels stay if both arrays have"
        " them, or one of the two is empty; no label may be in both."
    ),
    categories=("arrays",),
    parameters=(
        Parameter("data", ARRAY, "The array that is changed."),
        Parameter("values", ARRAY, "The elements that are put in."),
        Parameter(
            "index",
            PLACE,
            (
                "The place, counted from 0, of the element before which they are put; behind the last one it is the number of"
                " elements."
            ),
            is_plain=True,
        ),
        Parameter(
            "length",
            PLACE,
            "How many elements are removed from there on; at most as many as there are.",
            default=0,
            is_plain=True,
        ),
    ),
    returns=ARRAY,
    returned="The changed array.",
    work=Along(),
    kernel=_modify,
    exceptions=_EXCEPTIONS,
    examples=(
        {"arguments": {"data": ["a", "c"], "values": ["b"], "index": 1}, "returns": ["a", "b", "c"]},
        {"arguments": {"data": ["a", "b", 4], "values": [1, 2, 3], "index": 0, "length": 2}, "returns": [1, 2, 3, 4]},
        {"arguments": {"data": [1, 2, 3], "values": [], "index": 1, "length": 9}, "returns": [1]},
    ),
    is_experimental=True,
)
