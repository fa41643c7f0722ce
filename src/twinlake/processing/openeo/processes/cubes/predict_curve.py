"""`predict_curve`."""

from collections.abc import Sequence

import numpy as np

from twinlake.processing.openeo.cubes import Cube
from twinlake.processing.openeo.evaluating import Callback
from twinlake.processing.openeo.json_schemas import CUBE, DATE, DATE_TIME, NUMBER, TEXT, callback, passed
from twinlake.processing.openeo.kernels.arrays.curves import call_model, read_places
from twinlake.processing.openeo.process import Opaque, Parameter, Process
from twinlake.processing.openeo.processes.arrays.fit_curve import FUNCTION_PARAMETERS
from twinlake.processing.openeo.shapes.dimensions import Dimension, find_kind
from twinlake.processing.openeo.values import Label, Values
from twinlake.standards.openeo.errors import ProcessParameterInvalidError


def _predict(parameters: Cube, function: Callback, dimension: str, labels: Sequence[Label] | None = None) -> Cube:
    if not labels:
        raise ProcessParameterInvalidError("Give 'labels': parameters alone do not tell where there are gaps.")
    if len({isinstance(each, str) for each in labels}) > 1 or len(set(labels)) < len(labels):
        raise ProcessParameterInvalidError("'labels' are numbers or dates, each another one.")
    number = _find_parameters(parameters, dimension)
    array = parameters.array_along(number)
    made = call_model(function, read_places(labels, len(labels)), array)
    data = np.moveaxis(made.data, 0, number)
    valid = None if made.valid is None else np.moveaxis(made.valid, 0, number)
    target = Dimension(name=dimension, kind="temporal" if isinstance(labels[0], str) else "other", labels=tuple(labels))
    return Cube(
        values=Values(data=data, valid=valid, nan_is_nodata=made.nan_is_nodata),
        dimensions=parameters.with_dimension(number, target),
    )


def _find_parameters(cube: Cube, dimension: str) -> int:
    """Return along which dimension the parameters lie: the one of that name, or else the only one that is of no kind."""
    if dimension in [each.name for each in cube.dimensions]:
        return cube.place(dimension)
    others = find_kind(cube.dimensions, "other")
    if len(others) != 1:
        raise ProcessParameterInvalidError(
            f"The cube has no dimension {dimension!r}, nor another one that tells parameters alone."
        )
    return others[0]


PROCESS = Process(
    id="predict_curve",
    summary="Values of a curve",
    description=(
        "Makes the values that a curve has at labels, from the parameters that `fit_curve` found. Parameters lie along the"
        " dimension that gets the new labels or, if the cube has none of this name, along its only dimension of type `other`,"
        " which becomes it. Dates are seconds since 1970 UTC for the curve."
    ),
    categories=("cubes", "math"),
    parameters=(
        Parameter("parameters", CUBE, "A cube of parameters."),
        Parameter(
            "function",
            callback(
                passed("x", "Where the curve is asked for.", NUMBER),
                passed("parameters", "The parameters.", FUNCTION_PARAMETERS),
                returns=NUMBER,
            ),
            "The curve: makes one number of `x` and an array of parameters.",
        ),
        Parameter("dimension", TEXT, "The dimension that the values lie along.", is_plain=True),
        Parameter(
            "labels",
            [{"type": "null"}, {"type": "array", "uniqueItems": True, "items": {"anyOf": [NUMBER, DATE, DATE_TIME]}}],
            "Numbers or dates. They must be given, since a cube of parameters does not tell for which labels it lacks values.",
            default=None,
            is_plain=True,
        ),
    ),
    returns=CUBE,
    returned="The cube with the values of the curve; other dimensions are as before.",
    work=Opaque(),
    kernel=_predict,
    is_experimental=True,
)
