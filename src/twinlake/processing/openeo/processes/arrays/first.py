"""`first`."""

import numpy as np

from twinlake.processing.openeo.json_schemas import ANYTHING, ARRAY, TRUTH
from twinlake.processing.openeo.kernels.arrays.elements import pick, require_array
from twinlake.processing.openeo.kernels.arrays.finding import find_first
from twinlake.processing.openeo.process import Keeps, Parameter, Process, Reducer
from twinlake.processing.openeo.values import Values


def _first(data: Values, ignore_nodata: bool = True) -> Values:
    require_array("data", data)
    counts = data.where() if ignore_nodata else np.ones(data.data.shape, dtype=bool)
    return pick(data, find_first(counts), np.asarray(counts.any(axis=0)))


PROCESS = Process(
    id="first",
    summary="First element",
    description=(
        "The first element of an array that has data, or simply the first one if `ignore_nodata` is false. No-data if there is"
        " none."
    ),
    categories=("arrays", "reducer"),
    parameters=(
        Parameter("data", ARRAY, "An array."),
        Parameter("ignore_nodata", TRUTH, "Whether elements without data are left out.", default=True, is_plain=True),
    ),
    returns=ANYTHING,
    returned="The element.",
    work=Reducer("distributive"),
    kernel=_first,
    keeps=Keeps(),
    examples=(
        {"arguments": {"data": [1, 0, 3]}, "returns": 1},
        {"arguments": {"data": [None, "A", "B"]}, "returns": "A"},
        {"arguments": {"data": [None, 2], "ignore_nodata": False}, "returns": None},
    ),
)
