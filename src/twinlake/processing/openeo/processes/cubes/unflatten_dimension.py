"""`unflatten_dimension`."""

from collections.abc import Sequence

import numpy as np

from twinlake.processing.openeo.cubes import Cube
from twinlake.processing.openeo.json_schemas import CUBE, TEXT
from twinlake.processing.openeo.kernels.cells.assembling import assemble
from twinlake.processing.openeo.process import Opaque, Parameter, Process
from twinlake.processing.openeo.shapes.dimensions import Dimension
from twinlake.processing.openeo.values import Values
from twinlake.standards.openeo.errors import ProcessError, ProcessParameterInvalidError


def _unflatten(data: Cube, dimension: str, target_dimensions: Sequence[str], label_separator: str = "~") -> Cube:
    number = data.place(dimension)
    others = data.without(number)
    taken = [each.name for each in others if each.name in target_dimensions]
    if taken:
        raise ProcessError("TargetDimensionExists", f"The cube has a dimension {taken[0]!r} already.")
    split = [_split(label, label_separator, len(target_dimensions)) for label in data.dimensions[number].labels]
    if len(set(split)) != len(split):
        raise ProcessParameterInvalidError(f"Labels of {dimension!r} are there more than once.")
    labels = [list(dict.fromkeys(part)) for part in zip(*split, strict=True)] or [[] for _ in target_dimensions]
    at = [
        np.array([side.index(each) for each in part], dtype=np.intp)
        for side, part in zip(labels, zip(*split, strict=True), strict=False)
    ]
    targets = [Dimension(name=name, labels=tuple(side)) for name, side in zip(target_dimensions, labels, strict=True)]
    array = data.array_along(number)
    shape = (*[len(side) for side in labels], *array.data.shape[1:])
    values = assemble(shape, [(tuple(at), Values(data=array.data, valid=array.valid, nan_is_nodata=array.nan_is_nodata))])
    order = range(len(targets)), range(number, number + len(targets))
    moved = Values(
        data=np.moveaxis(values.data, *order),
        valid=None if values.valid is None else np.moveaxis(values.valid, *order),
        nan_is_nodata=values.nan_is_nodata,
    )
    return Cube(values=moved, dimensions=(*others[:number], *targets, *others[number:]))


def _split(label: object, separator: str, count: int) -> tuple[str, ...]:
    parts = tuple(str(label).split(separator))
    if len(parts) != count:
        raise ProcessParameterInvalidError(
            f"The label {label!r} has {len(parts)} parts between {separator!r}, and must have {count}."
        )
    return parts


PROCESS = Process(
    id="unflatten_dimension",
    summary="One dimension becomes several",
    description=(
        "Makes several dimensions of one by splitting its labels, which are texts afterwards. Combinations that there are no"
        " labels of are no-data."
    ),
    categories=("cubes",),
    parameters=(
        Parameter("data", CUBE, "A cube."),
        Parameter("dimension", TEXT, "The dimension to split.", is_plain=True),
        Parameter(
            "target_dimensions",
            {"type": "array", "uniqueItems": True, "minItems": 2, "items": TEXT},
            "What the new dimensions are called, in the order of the parts of labels.",
            is_plain=True,
        ),
        Parameter(
            "label_separator", {"type": "string", "minLength": 1}, "What stands between labels.", default="~", is_plain=True
        ),
    ),
    returns=CUBE,
    returned="The cube with the new dimensions, where the old one was.",
    work=Opaque(),
    kernel=_unflatten,
    exceptions={
        "DimensionNotAvailable": "The cube has no dimension of this name.",
        "TargetDimensionExists": "The cube has a dimension of a new name already.",
    },
    is_experimental=True,
)
