"""Values put together of parts: what no part covers is no data."""

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twinlake.processing.openeo.kernels.cells.numbers import as_float
from twinlake.processing.openeo.values import Values, are_all

Place = tuple[Any, ...]
"""Where a part lies: an index of numpy."""


def assemble(shape: tuple[int, ...], parts: Sequence[tuple[Place, Values]]) -> Values:
    """Return values of *shape*, in which each part stands at its place; later ones over earlier ones.

    The type is one that holds those of all parts.
    """
    return fill(
        shape,
        parts,
        common_type([values.data.dtype for _, values in parts]),
        nan_is_nodata=any(values.nan_is_nodata for _, values in parts),
    )


def fill(shape: tuple[int, ...], parts: Iterable[tuple[Place, Values]], dtype: np.dtype[Any], *, nan_is_nodata: bool) -> Values:
    """Return what `assemble` does, of parts that are looked at one by one; *dtype* holds the types of all."""
    data = np.full(shape, math.nan, dtype=dtype) if dtype.kind == "f" else np.zeros(shape, dtype=dtype)
    valid = np.zeros(shape, dtype=bool)
    for place, values in parts:
        data[place], valid[place] = values.data, values.where()
    if dtype.kind == "f" and nan_is_nodata:
        data[~valid] = math.nan
        return Values(data=data, nan_is_nodata=True)
    return Values(data=data, valid=None if are_all(valid) else valid)


def common_type(types: Sequence[np.dtype[Any]]) -> np.dtype[Any]:
    """Return the type that holds values of all *types*: objects where truths, numbers and texts come together."""
    if not types:
        return np.dtype(np.float64)
    kinds = {"n" if each.kind in "iuf" else each.kind for each in types}
    return np.result_type(*types) if len(kinds) == 1 else np.dtype(object)


def put(values: Values, where: NDArray[np.bool_], value: object) -> Values:
    """Return *values* with one value, or no data for `None`, *where* it is true; *where* broadcasts."""
    where = np.broadcast_to(where, values.data.shape)
    if value is None:
        if values.nan_is_nodata and values.data.dtype.kind == "f":
            return Values(
                data=np.where(where, values.data.dtype.type(math.nan), values.data), valid=values.valid, nan_is_nodata=True
            )
        return Values(data=values.data, valid=values.where() & ~where)
    dtype = _type_for(values.data, value)
    data = values.data.astype(dtype)
    data[where] = value
    valid = None if values.valid is None else values.valid | where
    return Values(data=data, valid=valid, nan_is_nodata=values.nan_is_nodata and dtype.kind == "f")


def extend(values: Values, number: int, before: int, behind: int) -> Values:
    """Return *values* with so many cells of no data more along a dimension; in their type."""
    if not before and not behind:
        return values
    shape = list(values.data.shape)
    size = shape[number]
    shape[number] += before + behind
    place = (*[slice(None)] * number, slice(before, before + size))
    if values.nan_is_nodata and values.data.dtype.kind == "f" and values.valid is None:
        data = np.full(shape, math.nan, dtype=values.data.dtype)
        data[place] = values.data
        return Values(data=data, nan_is_nodata=True)
    data, valid = np.zeros(shape, dtype=values.data.dtype), np.zeros(shape, dtype=bool)
    data[place], valid[place] = values.data, values.where()
    return Values(data=data, valid=valid, nan_is_nodata=values.nan_is_nodata)


def broadcast(values: Values, shape: tuple[int, ...]) -> Values:
    """Return *values* spread over *shape*."""
    valid = None if values.valid is None else np.broadcast_to(values.valid, shape)
    return Values(data=np.broadcast_to(values.data, shape), valid=valid, nan_is_nodata=values.nan_is_nodata)


def _type_for(data: NDArray[Any], value: object) -> np.dtype[Any]:
    """Return the type of *data* where it holds *value*, too, else a larger one."""
    kind = data.dtype.kind
    if isinstance(value, bool) or not isinstance(value, int | float):
        return data.dtype if isinstance(value, bool) and kind == "b" else np.dtype(object)
    if kind == "f":
        return data.dtype
    if kind not in "iu":
        return np.dtype(object)
    if isinstance(value, float):
        return as_float(data.ravel()[:0]).dtype
    bounds = np.iinfo(data.dtype)
    return data.dtype if bounds.min <= value <= bounds.max else np.dtype(np.int64)
