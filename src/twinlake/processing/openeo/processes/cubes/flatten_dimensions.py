"""`flatten_dimensions`."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from math import prod
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from twinlake.processing.openeo.cubes import Cube
from twinlake.processing.openeo.json_schemas import CUBE, TEXT
from twinlake.processing.openeo.process import Opaque, Parameter, Process
from twinlake.processing.openeo.shapes.dimensions import Dimension
from twinlake.standards.openeo.errors import ProcessError, ProcessParameterInvalidError

_MOST: Final = 10_000_000
"""Labels."""


def _flatten(data: Cube, dimensions: Sequence[str], target_dimension: str, label_separator: str = "~") -> Cube:
    numbers = [data.place(name) for name in dimensions]
    if not numbers:
        raise ProcessParameterInvalidError("No dimension is named.")
    others = data.without(*numbers)
    if target_dimension in [each.name for each in others]:
        raise ProcessError("TargetDimensionExists", f"The cube has a dimension {target_dimension!r} already.")
    flattened = [data.dimensions[number] for number in numbers]
    count = prod(len(each.labels) for each in flattened)
    if count > _MOST:
        raise ProcessParameterInvalidError(f"The new dimension would have {count} labels, and no more than {_MOST} are made.")
    labels = tuple([label_separator.join(map(str, each)) for each in product(*[each.labels for each in flattened])])
    place = sum(1 for number in range(min(numbers)) if number not in numbers)

    def flat(array: NDArray[Any]) -> NDArray[Any]:
        moved = np.moveaxis(array, numbers, range(len(numbers)))
        rest = moved.shape[len(numbers) :]
        # Pixels of a hollow cube become labels, and these have cells.
        is_hollow = prod(moved.shape[: len(numbers)]) != count
        laid = np.zeros((count, *rest), dtype=array.dtype) if is_hollow else moved.reshape(count, *rest)
        return np.moveaxis(laid, 0, place)

    valid = None if data.values.valid is None else flat(data.values.valid)
    values = replace(data.values, data=flat(data.values.data), valid=valid)
    target = Dimension(name=target_dimension, labels=labels)
    return Cube(values=values, dimensions=(*others[:place], target, *others[place:]))


PROCESS = Process(
    id="flatten_dimensions",
    summary="Several dimensions become one",
    description=(
        "Makes one dimension of several. It has a label for each combination of theirs, put together as texts; the labels of the"
        " last one change first."
    ),
    categories=("cubes",),
    parameters=(
        Parameter("data", CUBE, "A cube."),
        Parameter(
            "dimensions",
            {"type": "array", "uniqueItems": True, "items": TEXT},
            "The dimensions, in the order in which their labels are put together.",
            is_plain=True,
        ),
        Parameter("target_dimension", TEXT, "What the new dimension is called.", is_plain=True),
        Parameter(
            "label_separator", {"type": "string", "minLength": 1}, "What stands between labels.", default="~", is_plain=True
        ),
    ),
    returns=CUBE,
    returned="The cube with the new dimension, where the first of them was.",
    work=Opaque(),
    kernel=_flatten,
    exceptions={
        "DimensionNotAvailable": "The cube has no dimension of this name.",
        "TargetDimensionExists": "The cube has a dimension of the new name already.",
    },
    is_experimental=True,
)
