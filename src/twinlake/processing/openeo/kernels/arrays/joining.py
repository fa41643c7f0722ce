"""Values of several operands, put into one result: beside each other in an array, or in turns from cell to cell.

Numbers get the type that arithmetic gives them; what is not of one kind is kept as Python objects.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twinlake.processing.openeo.kernels.arrays.elements import require_bounded, require_bounded_within
from twinlake.processing.openeo.kernels.cells.numbers import align, as_float, deepen, like
from twinlake.processing.openeo.values import Values, from_json, to_json
from twinlake.standards.openeo.errors import ProcessParameterInvalidError


def join(arrays: Sequence[Values]) -> Values:
    """Return the elements of all *arrays*, those of the first first; without labels.

    Raises
    ------
    ProcessParameterInvalidError
        These are too many.
    """
    require_bounded(sum(len(each.data) for each in arrays))
    cells = np.broadcast_shapes(*[each.data.shape[1:] for each in arrays])
    deep = [deepen(each, len(cells) + 1) for each in unify(arrays)]
    data = np.concatenate([np.broadcast_to(each.data, (len(each.data), *cells)) for each in deep])
    masks = _masks(deep)
    valid = None
    if masks is not None:
        valid = np.concatenate([np.broadcast_to(mask, (len(each.data), *cells)) for mask, each in zip(masks, deep, strict=True)])
    return replace(like(deep, data, valid), labels=None)


def append(array: Values, value: Values) -> Values:
    """Return an array with *value*, which is one in each cell, as its last element; without labels.

    Raises
    ------
    ProcessParameterInvalidError
        *value* is an array, and one of the two has many cells.
    """
    return join([array, wrap([value])])


def wrap(elements: Sequence[Values]) -> Values:
    """Return the array of *elements*, each of which may be one value or one per cell.

    Raises
    ------
    ProcessParameterInvalidError
        One is an array of many cells itself, or they are too many.
    """
    if all(each.data.ndim == each.is_array for each in elements):
        plain = [to_json(each) for each in elements]
        require_bounded_within(plain)
        return from_json(plain)
    if any(each.is_array for each in elements):
        raise ProcessParameterInvalidError("Arrays cannot be elements of arrays in a cube.")
    return join([_single(each) for each in elements])


def choose(is_chosen: Values, accept: Values, reject: Values) -> Values:
    """Return *accept* where the truths *is_chosen*, all valid, are true, and *reject* in all other cells."""
    chosen, *others = align((is_chosen, *unify((accept, reject))))
    data = np.where(chosen.data, *[each.data for each in others])
    masks = _masks(others)
    return like((chosen, *others), data, None if masks is None else np.where(chosen.data, *masks))


def unify(operands: Sequence[Values]) -> list[Values]:
    """Return all in one type; constants without any data take that of the others."""
    kind = _common_type([each for each in operands if not _is_blank(each)] or operands)
    return [_cast(each, kind) for each in operands]


def _cast(values: Values, kind: np.dtype[Any]) -> Values:
    data = np.zeros(values.data.shape, kind) if _is_blank(values) else values.data.astype(kind, copy=False)
    if kind.kind == "f":
        return replace(values, data=data)
    return replace(values, data=data, valid=values.mask(), nan_is_nodata=False)


def _is_blank(values: Values) -> bool:
    return values.data.ndim <= values.is_array and values.is_empty


def _single(value: Values) -> Values:
    valid = None if value.valid is None else value.valid[None]
    return replace(value, data=value.data[None], valid=valid, is_array=True)


def _masks(operands: Sequence[Values]) -> list[Any] | None:
    """Return where each has data; None if no mask says it."""
    if all(each.valid is None for each in operands):
        return None
    return [np.True_ if each.valid is None else each.valid for each in operands]


def _common_type(operands: Sequence[Values]) -> np.dtype[Any]:
    kinds = {each.data.dtype.kind for each in operands}
    if kinds == {"b"}:
        return np.dtype(bool)
    if not kinds <= set("iuf"):
        return np.dtype(object)
    cubes = [each.data for each in operands if each.data.ndim > each.is_array]
    constants = [each.data for each in operands if each.data.ndim <= each.is_array]
    if not cubes:
        return np.result_type(*[each.dtype for each in constants])
    kind = np.result_type(*[each.dtype for each in cubes])
    if kind.kind == "f" or all(_fits(each, kind) for each in constants):
        return kind
    if all(each.dtype.kind in "iu" for each in constants):
        return np.result_type(np.int64, kind)
    return as_float(np.empty(1, kind)).dtype


def _fits(constant: NDArray[Any], kind: np.dtype[Any]) -> bool:
    limits = np.iinfo(kind)
    return constant.dtype.kind in "iu" and bool(np.all((constant >= limits.min) & (constant <= limits.max)))
