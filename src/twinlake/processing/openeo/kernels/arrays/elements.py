"""Elements of arrays: found by place or label, in each cell apart where places differ."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twinlake.processing.openeo.kernels.cells.numbers import deepen
from twinlake.processing.openeo.values import Label, Values, are_all, nothing
from twinlake.standards.openeo.errors import ProcessError, ProcessParameterInvalidError

MAX_ELEMENTS = 1_000_000
"""Of one array, with the arrays in it."""
MAX_DEPTH = 200


def require_array(name: str, values: Values) -> None:
    """Refuse what is no array.

    Raises
    ------
    ProcessParameterInvalidError
        *values*, which parameter *name* has, are none.
    """
    if not values.is_array:
        raise ProcessParameterInvalidError(f"'{name}' is no array.")


def require_bounded(count: int, depth: int = 1) -> None:
    """Refuse an array of *count* elements, arrays in each other *depth* deep, that would be too large.

    Short graphs can make arrays that double with every node.

    Raises
    ------
    ProcessParameterInvalidError
        It has more elements than `MAX_ELEMENTS`, or is deeper than `MAX_DEPTH`.
    """
    if count > MAX_ELEMENTS:
        raise ProcessParameterInvalidError(f"The array would have more than {MAX_ELEMENTS} elements.")
    if depth > MAX_DEPTH:
        raise ProcessParameterInvalidError(f"Arrays would stand in each other more than {MAX_DEPTH} deep.")


def require_bounded_within(array: Sequence[Any]) -> None:
    """Refuse an array as `require_bounded` does, with the arrays and objects in it."""
    waiting: list[tuple[Sequence[Any], int]] = [(array, 1)]
    count = 0
    while waiting:
        inner, depth = waiting.pop()
        count += len(inner)
        require_bounded(count, depth)
        waiting.extend((each, depth + 1) for each in inner if isinstance(each, list))
        waiting.extend((list(each.values()), depth + 1) for each in inner if isinstance(each, dict))


def require_whole(name: str, value: Any, least: float = -math.inf) -> int:
    """Return *value*, a plain one, as a whole number that is at least *least*.

    Raises
    ------
    ProcessParameterInvalidError
        *value*, which parameter *name* has, is no such number.
    """
    is_whole = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value == int(value)
    if not is_whole or value < least:
        raise ProcessParameterInvalidError(f"'{name}' is no whole number{'' if least == -math.inf else f' of at least {least}'}.")
    return int(value)


def find_label(labels: Sequence[Label], label: object) -> int | None:
    """Return the place of a label; texts and numbers are never the same."""
    places = (place for place, each in enumerate(labels) if isinstance(each, str) == isinstance(label, str) and each == label)
    return next(places, None)


def join_labels(one: tuple[Label, ...] | None, other: tuple[Label, ...] | None) -> tuple[Label, ...] | None:
    """Return the labels of two arrays, if both have some.

    Raises
    ------
    ProcessError
        ArrayLabelConflict: both have the same label.
    """
    if one is None or other is None:
        return None
    twice = next((each for each in other if find_label(one, each) is not None), None)
    if twice is not None:
        raise ProcessError(
            "ArrayLabelConflict", f"Both arrays have an element with the label {twice!r}: rename one of them first."
        )
    return (*one, *other)


def pick(data: Values, place: NDArray[np.integer[Any]], known: NDArray[np.bool_]) -> Values:
    """Return the element at a *place* of each cell, and no data where the place is not *known*.

    *place* and *known* have the shape of the cells, or none if all cells are meant.
    """
    if place.ndim == 0 and known:
        return data.element(int(place))
    cells = np.broadcast_shapes(place.shape, data.data.shape[1:])
    if not cells:
        return nothing()
    if not known.any():
        return mark(Values(data=np.zeros(cells, data.data.dtype), nan_is_nodata=data.nan_is_nodata), np.zeros(cells, dtype=bool))
    deep = deepen(data, len(cells) + 1)
    places = np.broadcast_to(np.where(known, place, 0), cells)[None]
    valid = np.broadcast_to(known, cells)
    if deep.valid is not None:
        valid = valid & take(deep.valid, places)[0]
    taken = replace(deep, data=take(deep.data, places)[0], valid=None, is_array=False, labels=None)
    return mark(taken, valid, *([data] if known.all() else []))


def take(elements: NDArray[Any], places: NDArray[np.integer[Any]]) -> NDArray[Any]:
    """Return the *elements* at *places*, which both stand along the first dimension; the others are those of cells."""
    cells = np.broadcast_shapes(elements.shape[1:], places.shape[1:])
    spread = np.broadcast_to(elements, (len(elements), *cells))
    return np.take_along_axis(spread, np.broadcast_to(places, (len(places), *cells)), axis=0)


def mark(values: Values, valid: NDArray[np.bool_], *made_of: Values) -> Values:
    """Return *values* with no data where they are not *valid*, as `are_all` has it: NaN where that means it, else by the mask."""
    if are_all(valid, *made_of):
        return values
    if values.nan_is_nodata:
        return replace(values, data=np.where(valid, values.data, np.nan).astype(values.data.dtype, copy=False))
    return replace(values, valid=np.asarray(valid))
