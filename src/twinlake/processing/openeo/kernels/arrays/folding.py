"""Reductions in parts: what parts of an array are reduced to can be put together, and makes what the whole would have made.

Means and variances are kept as count, mean and sum of squares of differences from it; so they can be sent and merged anywhere.

References
----------
Chan, Golub and LeVeque 1979, Updating Formulae and a Pairwise Algorithm for Computing Sample Variances, STAN-CS-79-773
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from twinlake.processing.openeo.kernels.arrays.reducing import add_up, require_elements
from twinlake.processing.openeo.kernels.cells.numbers import numbers_of
from twinlake.processing.openeo.process import Process
from twinlake.processing.openeo.values import Values

_COUNT, _MEAN, _SQUARES = range(3)
Finish = Callable[[NDArray[Any]], NDArray[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Folding:
    """How a reducer works in parts. A *state* has its own parts along the first dimension, and cells behind."""

    parts: int = 1
    """Of a state."""
    begin: Callable[[Values, bool], Values]
    """Takes elements along the first dimension, and whether those without data are left out; returns a state."""
    merge: Callable[[Values, Values, bool], Values]
    """Takes two states, and the same; returns one."""
    finish: Callable[[Values], Values]
    """Takes a state; returns one value for each cell."""


def find_folding(process: Process) -> Folding | None:
    """Return how a reducer works in parts; None where it needs the whole."""
    if process.id in _MOMENTS:
        return Folding(parts=3, begin=_moments, merge=_merge_moments, finish=_finisher(_MOMENTS[process.id]))
    if process.id == "count":
        return Folding(begin=lambda data, _: _as_state(process.kernel(data=data)), merge=_add, finish=_only)
    if process.id in _ALIKE:

        def begin(data: Values, ignore_nodata: bool) -> Values:
            if data.data.dtype.kind == "f":
                data = replace(data, data=data.data.astype(np.float64, copy=False))
            return _as_state(process.kernel(data=data, ignore_nodata=ignore_nodata))

        def merge(first: Values, second: Values, ignore_nodata: bool) -> Values:
            return _as_state(process.kernel(data=_pair(first, second), ignore_nodata=ignore_nodata))

        return Folding(begin=begin, merge=merge, finish=_only)
    return None


_ALIKE: Final = frozenset({"sum", "product", "min", "max", "any", "all"})
"""Reducers that make of the results of parts the result of the whole."""


def _as_state(values: Values) -> Values:
    valid = None if values.valid is None else np.asarray(values.valid)[np.newaxis]
    return replace(values, data=values.data[np.newaxis], valid=valid)


def _pair(first: Values, second: Values) -> Values:
    """Return the array of two states that have one part each."""
    masks = None
    if first.valid is not None or second.valid is not None:
        masks = np.concatenate([first.where(), second.where()])
    return Values(data=np.concatenate([first.data, second.data]), valid=masks, is_array=True, nan_is_nodata=first.nan_is_nodata)


def _only(state: Values) -> Values:
    return replace(state, data=state.data[0, ...], valid=None if state.valid is None else state.valid[0, ...])


def _add(first: Values, second: Values, _: bool) -> Values:
    return replace(first, data=first.data + second.data)


def _moments(data: Values, ignore_nodata: bool) -> Values:
    require_elements("data", data)
    numbers, counts = numbers_of(data), data.where()
    state = np.zeros((3, *numbers.shape[1:]))
    state[_COUNT] = counts.sum(axis=0)
    with np.errstate(all="ignore"):
        total = add_up(np.where(counts, numbers, numbers.dtype.type(0)))
        state[_MEAN] = np.where(state[_COUNT] > 0, total / state[_COUNT], 0)
        away = np.subtract(numbers, state[_MEAN], dtype=np.float64)
        state[_SQUARES] = add_up(np.where(counts, np.square(away, out=away), 0.0))
    if not ignore_nodata:
        state[_COUNT][~counts.all(axis=0)] = np.nan  # stays so, whatever comes
    return Values(data=state)


def _merge_moments(first: Values, second: Values, _: bool) -> Values:
    one, other = first.data, second.data
    count = one[_COUNT] + other[_COUNT]
    with np.errstate(all="ignore"):
        share = np.where(count > 0, other[_COUNT] / count, 0)
        away = other[_MEAN] - one[_MEAN]
        mean = one[_MEAN] + away * share
        squares = one[_SQUARES] + other[_SQUARES] + np.square(away) * one[_COUNT] * share
    return Values(data=np.stack([count, mean, squares]))


def _finisher(finish: Finish) -> Callable[[Values], Values]:
    def finished(state: Values) -> Values:
        with np.errstate(all="ignore"):
            made = np.where(state.data[_COUNT] > 0, finish(state.data), np.nan)
        return Values(data=np.asarray(made), nan_is_nodata=True)

    return finished


def _variance(state: NDArray[Any]) -> NDArray[Any]:
    return np.asarray(state[_SQUARES] / (state[_COUNT] - 1))


_MOMENTS: Final[Mapping[str, Finish]] = {
    "mean": lambda state: state[_MEAN],
    "variance": _variance,
    "sd": lambda state: np.sqrt(_variance(state)),
}
