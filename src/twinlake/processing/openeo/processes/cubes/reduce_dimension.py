"""`reduce_dimension`."""

from collections.abc import Mapping
from typing import Any

from twinlake.processing.openeo.cubes import Cube, one_per_cell
from twinlake.processing.openeo.evaluating import Callback
from twinlake.processing.openeo.json_schemas import ANYTHING, CUBE, LABELED, TEXT, callback, passed
from twinlake.processing.openeo.process import Keeps, Opaque, Parameter, Process


def _reduce(data: Cube, reducer: Callback, dimension: str, context: Any = None) -> Cube:
    number = data.place(dimension)
    shape = data.values.data.shape
    reduced = reducer.along(data, number, context=context, is_reduced=True)
    return one_per_cell(reduced, data.without(number), (*shape[:number], *shape[number + 1 :]))


def _keeps(given: Mapping[str, Any]) -> Keeps:
    data: Cube = given["data"]
    is_temporal = data.dimensions[data.place(given["dimension"])].kind == "temporal"
    return Keeps(through="reducer", over="time" if is_temporal else None)


PROCESS = Process(
    id="reduce_dimension",
    summary="One value for all along a dimension",
    description="Makes one value of all values along a dimension, in each cell of the others. The dimension is gone afterwards.",
    categories=("cubes", "reducer"),
    parameters=(
        Parameter("data", CUBE, "A cube."),
        Parameter(
            "reducer",
            callback(
                passed("data", "The values along the dimension, with its labels.", LABELED),
                passed("context", "What the user passes on.", default=None),
                returns=ANYTHING,
            ),
            "What makes one value of them.",
        ),
        Parameter("dimension", TEXT, "The dimension that goes.", is_plain=True),
        Parameter("context", ANYTHING, "Passed on to the reducer.", default=None, is_plain=True),
    ),
    returns=CUBE,
    returned="The cube without the dimension; all others are as before.",
    work=Opaque(),
    kernel=_reduce,
    keeps=_keeps,
    exceptions={"DimensionNotAvailable": "The cube has no dimension of this name."},
)
