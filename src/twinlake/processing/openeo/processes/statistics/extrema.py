"""`extrema`."""

from typing import Any

from twinlake.processing.openeo.json_schemas import NUMBERS, TRUTH, Schema
from twinlake.processing.openeo.kernels.arrays.reducing import extrema, reducer
from twinlake.processing.openeo.process import Along, Parameter, Process


def _two(kind: str) -> Schema:
    items: dict[str, Any] = {"type": kind}
    return {"type": "array", "minItems": 2, "maxItems": 2, "items": items}


PROCESS = Process(
    id="extrema",
    summary="Least and greatest of an array",
    description=(
        "Finds the least and the greatest element. Elements without data are left out, unless `ignore_nodata` is false: then one"
        " of them makes both no-data. So does an array without any data."
    ),
    categories=("math > statistics",),
    parameters=(
        Parameter("data", NUMBERS, "An array of numbers."),
        Parameter("ignore_nodata", TRUTH, "Whether elements without data are left out.", default=True, is_plain=True),
    ),
    returns=[_two("number"), _two("null")],
    returned="The least element and the greatest one.",
    work=Along(),
    kernel=reducer(extrema, is_array=True),
    examples=(
        {"arguments": {"data": [5, 2.5, None, -0.7]}, "returns": [-0.7, 5]},
        {"arguments": {"data": [1, None], "ignore_nodata": False}, "returns": [None, None]},
    ),
)
