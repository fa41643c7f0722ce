"""`fit_curve`."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from twinlake.processing.openeo.evaluating import Callback
from twinlake.processing.openeo.json_schemas import NUMBER, NUMBER_OR_NULL, TRUTH, callback, passed
from twinlake.processing.openeo.kernels.arrays.curves import call_model, fit, read_places
from twinlake.processing.openeo.kernels.arrays.reducing import require_elements, settle
from twinlake.processing.openeo.kernels.cells.numbers import numbers_of
from twinlake.processing.openeo.process import Along, Parameter, Process
from twinlake.processing.openeo.values import Values, are_all
from twinlake.standards.openeo.errors import ProcessParameterInvalidError

_CELLS = 1 << 20
"""Numbers that are computed with at once."""


def _fit(data: Values, parameters: Sequence[float], function: Callback, ignore_nodata: bool = True) -> Values:
    require_elements("data", data)
    if not parameters or any(isinstance(each, bool) or not isinstance(each, int | float) for each in parameters):
        raise ProcessParameterInvalidError("'parameters' has no first guess, or something other than numbers.")
    elements, cells = len(data.data), data.data.shape[1:]
    shape = elements, math.prod(cells)
    places = read_places(data.labels, elements)
    numbers = numbers_of(data).reshape(shape).astype(np.float64)
    counts = data.where().reshape(shape) & np.isfinite(numbers)
    if not ignore_nodata:
        counts = counts & counts.all(axis=0)

    def model(guess: NDArray[np.float64]) -> NDArray[np.float64]:
        made = call_model(function, places, Values(data=guess, is_array=True))
        with np.errstate(all="ignore"):
            return np.where(made.where(), numbers_of(made), np.nan).astype(np.float64)

    found = np.full((len(parameters), shape[1]), np.nan)
    step = max(1, _CELLS // max(1, elements * len(parameters)))
    for start in range(0, max(1, shape[1]), step):
        some = slice(start, start + step)
        found[:, some] = fit(model, numbers[:, some], counts[:, some], parameters)
    found = found.reshape(len(parameters), *cells)
    is_found = np.asarray(np.isfinite(found).all(axis=0))
    return settle(found, is_found, are_all(is_found), nan_is_nodata=data.nan_is_nodata, is_array=True)


FUNCTION_PARAMETERS = {
    "type": "array",
    "minItems": 1,
    "items": NUMBER,
}

PROCESS = Process(
    id="fit_curve",
    summary="Parameters of a curve through an array",
    description=(
        "Finds the parameters with which the sum of squared differences between a curve and the elements of an array is least"
        " (Levenberg and Marquardt), from a first guess. Elements stand at their labels: numbers, or dates in seconds since 1970"
        " UTC; without labels one behind the other from 0. Where there are fewer elements than parameters, or none are found, all"
        " are no-data."
    ),
    categories=("arrays", "math"),
    parameters=(
        Parameter(
            "data", {"type": "array", "subtype": "labeled-array", "items": NUMBER}, "An array of numbers, with its labels."
        ),
        Parameter(
            "parameters",
            FUNCTION_PARAMETERS,
            "A first guess of each parameter; that of one which is small or large should be, too.",
            is_plain=True,
        ),
        Parameter(
            "function",
            callback(
                passed("x", "Where the curve is asked for.", NUMBER_OR_NULL),
                passed("parameters", "The parameters.", FUNCTION_PARAMETERS),
                returns=NUMBER,
            ),
            "The curve: makes one number of `x` and an array of parameters.",
        ),
        Parameter(
            "ignore_nodata",
            TRUTH,
            "Whether elements without data are left out. Otherwise one of them makes all parameters no-data.",
            default=True,
            is_plain=True,
        ),
    ),
    returns=FUNCTION_PARAMETERS,
    returned="The parameters that fit best.",
    work=Along(),
    kernel=_fit,
    is_experimental=True,
)
