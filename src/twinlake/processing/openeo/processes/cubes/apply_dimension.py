"""`apply_dimension`."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twinlake.processing.openeo.cubes import Cube
from twinlake.processing.openeo.evaluating import Callback
from twinlake.processing.openeo.json_schemas import ANYTHING, ARRAY, CUBE, LABELED, TEXT, TEXT_OR_NULL, callback, passed
from twinlake.processing.openeo.process import Keeps, Opaque, Parameter, Process, SamePlace
from twinlake.processing.openeo.shapes.dimensions import Dimension, enumerated
from twinlake.processing.openeo.values import Values
from twinlake.standards.openeo.errors import ProcessParameterInvalidError


def _apply(data: Cube, process: Callback, dimension: str, target_dimension: str | None = None, context: Any = None) -> Cube:
    source = data.place(dimension)
    array = data.array_along(source)
    made = process.along(data, source, context=context)
    cells = array.data.shape[1:]
    numbers = _of_each_cell(made.data, made, cells)
    valid = None if made.valid is None else _of_each_cell(made.valid, made, cells)
    name = dimension if target_dimension is None else target_dimension
    others, place, target = data.without(source), source, _target(data, source, name, len(numbers))
    existing = next((number for number, each in enumerate(others) if each.name == name), None)
    if existing is not None:
        others, place = (*others[:existing], *others[existing + 1 :]), existing
    is_hollow = target.kind == "spatial" and data.is_hollow_along(data.place(name))

    def settle(values: NDArray[Any]) -> NDArray[Any]:
        if existing is not None:
            values = (
                np.zeros_like(values, shape=(len(values), *_without(cells, existing)))
                if is_hollow
                else values.take(0, existing + 1)
            )
        return np.moveaxis(values[:0] if is_hollow else values, 0, place)

    values = Values(data=settle(numbers), valid=None if valid is None else settle(valid), nan_is_nodata=made.nan_is_nodata)
    return Cube(values=values, dimensions=(*others[:place], target, *others[place:]))


def _target(data: Cube, source: int, name: str, count: int) -> Dimension:
    """Return the dimension that *count* values for each cell lie along."""
    own = data.dimensions[source]
    if name == own.name:
        return own if count == len(own.labels) else _enumerate(own, count)
    named = [each for each in data.dimensions if each.name == name]
    if not named:
        return enumerated(name, count)
    if len(named[0].labels) != 1:
        raise ProcessParameterInvalidError(f"The target dimension {name!r} has {len(named[0].labels)} labels, and must have one.")
    return _enumerate(named[0], count)


def _enumerate(dimension: Dimension, count: int) -> Dimension:
    return Dimension(
        name=dimension.name, kind=dimension.kind, axis=dimension.axis, labels=tuple(range(count)), is_enumerated=True
    )


def _of_each_cell(data: NDArray[Any], made: Values, cells: tuple[int, ...]) -> NDArray[Any]:
    """Return the elements of each cell; an array may have been made for all cells at once."""
    if not made.is_array or not len(data):
        raise ProcessParameterInvalidError("The process makes no array of one element or more, and one is wanted.")
    own = data.shape[1:]
    return np.broadcast_to(data.reshape(len(data), *([1] * (len(cells) - len(own))), *own), (len(data), *cells))


def _without(shape: tuple[int, ...], number: int) -> tuple[int, ...]:
    return (*shape[:number], *shape[number + 1 :])


def _keeps(given: Mapping[str, Any]) -> Keeps | None:
    """Tell that of all bands together something else is made."""
    data: Cube = given["data"]
    return None if data.dimensions[data.place(given["dimension"])].kind == "bands" else Keeps(through="process")


PROCESS = Process(
    id="apply_dimension",
    summary="A process for the values along a dimension",
    description=(
        "Runs a process on all values along a dimension, in each cell of the others, and puts the array that it returns in their"
        " place. The labels stay if there are as many values as before; otherwise they are numbers from 0."
    ),
    categories=("cubes",),
    parameters=(
        Parameter("data", CUBE, "A cube."),
        Parameter(
            "process",
            callback(
                passed("data", "The values along the dimension, with its labels.", LABELED),
                passed("context", "What the user passes on.", default=None),
                returns=ARRAY,
            ),
            "What makes an array of them.",
        ),
        Parameter("dimension", TEXT, "The dimension whose values are worked on.", is_plain=True),
        Parameter(
            "target_dimension",
            TEXT_OR_NULL,
            "Where the results lie: a new dimension, or one with a single label. The source is gone then.",
            default=None,
            is_plain=True,
        ),
        Parameter("context", ANYTHING, "Passed on to the process.", default=None, is_plain=True),
    ),
    returns=CUBE,
    returned="The cube with the results along the source or the target.",
    work=Opaque(),
    kernel=_apply,
    reach=SamePlace(crosses=lambda arguments: {arguments["dimension"], arguments["target_dimension"]}),
    keeps=_keeps,
    exceptions={"DimensionNotAvailable": "The cube has no dimension of this name."},
)
