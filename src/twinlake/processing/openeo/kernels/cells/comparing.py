"""Comparisons: of numbers with numbers, and of texts and truths by whether they are the same. No kind is converted to another."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twinlake.processing.openeo.kernels.cells.numbers import align, like
from twinlake.processing.openeo.values import Values
from twinlake.standards.openeo.errors import ProcessParameterInvalidError

Alike = Callable[[object, object], bool]
"""Tells whether two values that are not both numbers are the same."""


def compare(x: Values, y: Values, numbers: Callable[[Any, Any], Any], alike: Alike | None = None) -> Values:
    """Return where *numbers* holds of two numbers, or *alike* of two other values; no data where one of them has none."""
    aligned = align((x, y))
    kinds = {each.data.dtype.kind for each in aligned}
    one, other = _constants(aligned)
    with np.errstate(all="ignore"):
        if kinds <= set("iuf"):
            holds = np.asarray(numbers(one, other))
        elif kinds == {"b"} and alike is not None:
            holds = np.asarray(one == other)
        elif "O" in kinds:
            holds = _compare_objects(aligned, numbers, alike)
        else:
            holds = np.zeros(np.broadcast_shapes(*[each.data.shape for each in aligned]), dtype=bool)
    return like(aligned, holds, there(aligned))


def equal(x: Values, y: Values, delta: Any = None, case_sensitive: bool = True) -> Values:
    """Return where two values are the same, or two numbers no more than *delta* apart; no data where one of them has none.

    Raises
    ------
    ProcessParameterInvalidError
        *delta* is not above 0.
    """
    if delta is not None and not (is_number(delta) and delta > 0):
        raise ProcessParameterInvalidError("'delta' is no number above 0.")

    def near(one: Any, other: Any) -> Any:
        return (one == other) | (np.absolute(np.subtract(one, other, dtype=_float_of(one, other))) <= delta)

    return compare(x, y, np.equal if delta is None else near, same if case_sensitive else same_but_for_case)


def same(one: object, other: object) -> bool:
    """Tell whether two values are the same text, or the same truth."""
    return isinstance(one, str | bool) and type(one) is type(other) and one == other


def same_but_for_case(one: object, other: object) -> bool:
    """Tell whether two values are the same truth, or the same text in capital or small letters."""
    if isinstance(one, str) and isinstance(other, str):
        return one.casefold() == other.casefold()
    return same(one, other)


def there(operands: Sequence[Values]) -> NDArray[np.bool_] | None:
    """Return where all have data, by NaN, too, where it tells."""
    masks = [mask for mask in (each.mask() for each in operands) if mask is not None]
    return np.logical_and.reduce(np.broadcast_arrays(*masks)) if len(masks) > 1 else masks[0] if masks else None


def is_number(value: object) -> bool:
    """Tell whether a Python object is a number in the sense of JSON."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def _constants(operands: Sequence[Values]) -> list[Any]:
    """Return the data, constants beside cubes as plain Python: they are compared in the type of the cube, if it can hold them."""
    are_cells = any(each.data.ndim > 0 for each in operands)
    return [each.data.item() if are_cells and each.data.ndim == 0 else each.data for each in operands]


def _float_of(one: Any, other: Any) -> type[np.floating[Any]]:
    """Return the type in which two numbers are subtracted: that of a cube of float32, else float64."""
    is_small = any(isinstance(each, np.ndarray) and each.dtype == np.float32 and each.ndim > 0 for each in (one, other))
    return np.float32 if is_small else np.float64


def _compare_objects(operands: Sequence[Values], numbers: Callable[[Any, Any], Any], alike: Alike | None) -> NDArray[np.bool_]:
    def holds(one: object, other: object) -> bool:
        if is_number(one) and is_number(other):
            return bool(numbers(one, other))
        return alike is not None and alike(one, other)

    return np.asarray(np.frompyfunc(holds, 2, 1)(*[each.data.astype(object) for each in operands]), dtype=bool)
