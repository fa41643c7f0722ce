"""Curves: a model, which is a graph, fitted to the elements of arrays, in all cells at once.

References
----------
Marquardt 1963, Journal of SIAM 11(2), https://doi.org/10.1137/0111030; Moré 1978, Lecture Notes in Mathematics 630 (scaling),
https://doi.org/10.1007/BFb0067700
"""

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from twinlake.processing.openeo.evaluating import Callback
from twinlake.processing.openeo.kernels.arrays.reducing import add_up
from twinlake.processing.openeo.kernels.cells.numbers import require_numbers
from twinlake.processing.openeo.values import Label, Values
from twinlake.standards.openeo.dates import parse_moment
from twinlake.standards.openeo.errors import ProcessParameterInvalidError

_Floats = NDArray[np.float64]
_Model = Callable[[_Floats], _Floats]
"""Takes parameters, of shape ``(parameters, cells)``, and returns the curve of each cell, of shape ``(elements, cells)``."""
_STEPS: Final = 200
_STEP: Final = float(np.cbrt(np.finfo(np.float64).eps))
"""By how much a parameter is varied to see what it does, of its size: where differences of both sides are the most exact."""
_SMALL: Final = 1e-10
"""Of a parameter: smaller steps are none."""
_LITTLE = 1e-14
"""Of the sum of squares: what is less better is as good."""
_LEAST, _START, _MOST = 1e-10, 1e-3, 1e10
"""Between which the damping of a step lies, and where it begins."""


def read_places(labels: Sequence[Label] | None, count: int) -> _Floats:
    """Return where elements stand: at their labels, of which dates are seconds since 1970, or one behind the other from 0.

    Raises
    ------
    ProcessParameterInvalidError
        A label is a text, but no date.
    """
    if labels is None:
        return np.arange(count, dtype=np.float64)
    try:
        return np.array([parse_moment(each) / 1e6 if isinstance(each, str) else each for each in labels], dtype=np.float64)
    except ValueError as error:
        raise ProcessParameterInvalidError(f"A curve has numbers or dates as labels: {error}.") from error


def call_model(function: Callback, places: _Floats, parameters: Values) -> Values:
    """Return the curve of each cell.

    Parameters
    ----------
    parameters
        An array, for each cell apart or one for all.

    Raises
    ------
    ProcessParameterInvalidError
        *function* makes no number.
    """
    cells = parameters.data.shape[1:]
    x = Values(data=places.reshape(len(places), *([1] * len(cells))))
    valid = None if parameters.valid is None else parameters.valid[:, None]
    given = Values(data=parameters.data[:, None], valid=valid, is_array=True, nan_is_nodata=parameters.nan_is_nodata)
    made = function(x=x, parameters=given)
    require_numbers("function", made)
    if made.is_array:
        raise ProcessParameterInvalidError("'function' makes an array, and one number is wanted.")
    shape = (len(places), *cells)
    valid = None if made.valid is None else np.broadcast_to(made.valid, shape)
    return Values(data=np.broadcast_to(made.data, shape), valid=valid, is_array=True, nan_is_nodata=made.nan_is_nodata)


def fit(model: _Model, numbers: _Floats, counts: NDArray[np.bool_], start: Sequence[float]) -> _Floats:
    """Return the parameters that make the sum of squared differences least; NaN where none were found.

    Parameters
    ----------
    numbers
        Of shape ``(elements, cells)``.
    counts
        Which of them matter.
    start
        First guess of each parameter.
    """
    found = np.full((len(start), numbers.shape[1]), np.nan)
    active = np.flatnonzero(counts.sum(axis=0) >= len(start))
    parameters = np.repeat(np.array(start, dtype=np.float64)[:, None], len(active), axis=1)
    damping = np.full(len(active), _START)
    for _ in range(_STEPS):
        if not active.size:
            break
        y, matter = numbers[:, active], counts[:, active]
        differences = _differences(model, parameters, y, matter)
        slopes = _slopes(model, parameters, matter)
        trial = parameters + _find_step(slopes, differences, damping)
        before, after = add_up(differences**2), add_up(_differences(model, trial, y, matter) ** 2)
        is_better = after <= before
        is_small = (np.abs(trial - parameters) <= _SMALL * np.abs(parameters)).all(axis=0)
        is_small |= (np.abs(before - after) <= _LITTLE * before) & (damping <= _START)
        parameters = np.where(is_better, trial, parameters)
        damping = np.where(is_better, np.maximum(damping / 10, _LEAST), damping * 10)
        is_done = np.isfinite(before) & (is_small | (before == 0) | (damping > _MOST))
        found[:, active[is_done]] = parameters[:, is_done]
        goes_on = ~is_done & (damping <= _MOST)
        active, parameters, damping = active[goes_on], parameters[:, goes_on], damping[goes_on]
    return found


def _differences(model: _Model, parameters: _Floats, y: _Floats, matter: NDArray[np.bool_]) -> _Floats:
    return np.where(matter, model(parameters) - y, 0)


def _slopes(model: _Model, parameters: _Floats, matter: NDArray[np.bool_]) -> list[_Floats]:
    """Return what the curve does where each parameter is varied."""
    slopes = []
    for number, values in enumerate(parameters):
        step = _STEP * np.where(values == 0, 1, np.abs(values))
        sides = []
        for varied in (values + step, values - step):
            others = parameters.copy()
            others[number] = varied
            sides.append((model(others), varied))
        (above, high), (below, low) = sides
        slopes.append(np.where(matter, (above - below) / (high - low), 0))
    return slopes


def _find_step(slopes: list[_Floats], differences: _Floats, damping: _Floats) -> _Floats:
    """Return the damped step of each cell, each parameter on the scale of what it does."""
    count = len(slopes)
    products = np.empty((differences.shape[1], count, count))
    towards = np.empty((differences.shape[1], count))
    for row, slope in enumerate(slopes):
        towards[:, row] = -add_up(slope * differences)
        for column in range(row + 1):
            products[:, row, column] = products[:, column, row] = add_up(slope * slopes[column])
    scales = np.sqrt(np.einsum("cpp->cp", products))
    scales = np.where(scales > 0, scales, 1)
    products = products / (scales[:, :, None] * scales[:, None, :]) + damping[:, None, None] * np.eye(count)
    towards = towards / scales
    is_known = np.isfinite(products).all(axis=(1, 2)) & np.isfinite(towards).all(axis=1)
    products[~is_known], towards[~is_known] = np.eye(count), np.nan
    return np.asarray((np.linalg.solve(products, towards[:, :, None])[:, :, 0] / scales).T)
