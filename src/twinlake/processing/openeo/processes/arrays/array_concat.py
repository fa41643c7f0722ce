"""`array_concat`."""

from dataclasses import replace

from twinlake.processing.openeo.json_schemas import ARRAY
from twinlake.processing.openeo.kernels.arrays.elements import join_labels, require_array
from twinlake.processing.openeo.kernels.arrays.joining import join
from twinlake.processing.openeo.process import Along, Parameter, Process
from twinlake.processing.openeo.values import Values


def _concat(array1: Values, array2: Values) -> Values:
    require_array("array1", array1)
    require_array("array2", array2)
    return replace(join([array1, array2]), labels=join_labels(array1.labels, array2.labels))


PROCESS = Process(
    id="array_concat",
    summary="Two arrays in one",
    description=(
        "Puts the elements of one array behind those of another. Labels stay if both arrays have them, and must differ then."
    ),
    categories=("arrays",),
    parameters=(
        Parameter("array1", ARRAY, "The array that comes first."),
        Parameter("array2", ARRAY, "The array that comes behind it."),
    ),
    returns=ARRAY,
    returned="All elements.",
    work=Along(),
    kernel=_concat,
    exceptions={"ArrayLabelConflict": "Both arrays have an element with the same label: rename one of them first."},
    examples=(
        {"arguments": {"array1": [1.5, 2.5], "array2": [5]}, "returns": [1.5, 2.5, 5]},
        {"arguments": {"array1": ["a", None], "array2": [True, 1]}, "returns": ["a", None, True, 1]},
    ),
)
