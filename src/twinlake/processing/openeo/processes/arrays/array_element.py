"""`array_element`."""

import numpy as np
from numpy.typing import NDArray

from twinlake.processing.openeo.json_schemas import ANYTHING, ARRAY, LABEL, PLACE, TRUTH
from twinlake.processing.openeo.kernels.arrays.elements import find_label, pick, require_array
from twinlake.processing.openeo.process import Keeps, Parameter, Process, Reducer
from twinlake.processing.openeo.values import Label, Values
from twinlake.standards.openeo.errors import ProcessError, ProcessParameterInvalidError

Places = NDArray[np.intp]
Known = NDArray[np.bool_]

_EXCEPTIONS = {
    "ArrayElementNotAvailable": "The array has no such element. Set 'return_nodata' to get no-data instead.",
    "ArrayElementParameterMissing": "Say which element is meant, by 'index' or by 'label'.",
    "ArrayElementParameterConflict": "Say by either 'index' or 'label' which element is meant, not by both.",
    "ArrayNotLabeled": "The array has no labels: use 'index'.",
}


def _element(data: Values, index: Values, label: Label | None = None, return_nodata: bool = False) -> Values:
    require_array("data", data)
    if (is_given := index.data.ndim > 0 or not index.is_empty) == (label is not None):
        raise _error("ArrayElementParameterConflict" if is_given else "ArrayElementParameterMissing")
    if label is not None and data.labels is None:
        raise _error("ArrayNotLabeled")
    place, known = _at_label(data, label) if label is not None else _at_index(data, index)
    if not return_nodata and not known.all():
        raise _error("ArrayElementNotAvailable")
    return pick(data, place, known)


def _at_label(data: Values, label: Label) -> tuple[Places, Known]:
    place = find_label(data.labels or (), label)
    return np.array(place or 0), np.array(place is not None)


def _at_index(data: Values, index: Values) -> tuple[Places, Known]:
    if index.is_array or not (index.data.dtype.kind in "iu" or index.is_empty or _are_whole(index)):
        raise ProcessParameterInvalidError("'index' is no whole number.")
    there = np.asarray(index.where())
    places = np.where(there, index.data, -1).astype(np.intp)
    return places, (places >= 0) & (places < len(data.data))


def _are_whole(index: Values) -> bool:
    return index.data.dtype.kind == "f" and bool(np.all((index.data == np.floor(index.data)) | ~index.where()))


def _error(reason: str) -> ProcessError:
    return ProcessError(reason, _EXCEPTIONS[reason])


PROCESS = Process(
    id="array_element",
    summary="One element of an array",
    description=(
        "Returns the element at a place or with a label. The place may differ from cell to cell; where it is no-data the"
        " element is taken as one that is not there."
    ),
    categories=("arrays", "reducer"),
    parameters=(
        Parameter("data", ARRAY, "An array."),
        Parameter("index", PLACE, "The place of the element, counted from 0.", default=None),
        Parameter("label", LABEL, "The label of the element, of an array that has labels.", default=None, is_plain=True),
        Parameter(
            "return_nodata",
            TRUTH,
            "Whether an element that is not there is no-data rather than an error.",
            default=False,
            is_plain=True,
        ),
    ),
    returns=ANYTHING,
    returned="The element.",
    work=Reducer("holistic"),
    kernel=_element,
    keeps=Keeps(),
    exceptions=_EXCEPTIONS,
    examples=(
        {"arguments": {"data": [9, 8, 7], "index": 2}, "returns": 7},
        {"arguments": {"data": ["A", "B"], "index": 0}, "returns": "A"},
        {"arguments": {"data": [], "index": 0, "return_nodata": True}, "returns": None},
    ),
)
