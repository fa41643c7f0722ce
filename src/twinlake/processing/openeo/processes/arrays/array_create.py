"""`array_create`."""

from dataclasses import replace

import numpy as np

from twinlake.processing.openeo.json_schemas import ARRAY
from twinlake.processing.openeo.kernels.arrays.elements import require_array, require_bounded, require_whole
from twinlake.processing.openeo.process import Along, Parameter, Process
from twinlake.processing.openeo.values import Values


def _create(data: Values, repeat: int = 1) -> Values:
    require_array("data", data)
    times = require_whole("repeat", repeat, 1)
    require_bounded(len(data.data) * times)
    places = np.tile(np.arange(len(data.data)), times)
    return replace(data.elements(places), labels=None)


PROCESS = Process(
    id="array_create",
    summary="A new array",
    description="Makes an array without labels, of given elements once or several times one behind the other.",
    categories=("arrays",),
    parameters=(
        Parameter("data", ARRAY, "The elements.", default=[]),
        Parameter("repeat", {"type": "integer", "minimum": 1}, "How often they are put in.", default=1, is_plain=True),
    ),
    returns=ARRAY,
    returned="The new array.",
    work=Along(),
    kernel=_create,
    examples=(
        {"arguments": {}, "returns": []},
        {"arguments": {"data": ["this", None]}, "returns": ["this", None]},
        {"arguments": {"data": [1, 2], "repeat": 2}, "returns": [1, 2, 1, 2]},
    ),
)
