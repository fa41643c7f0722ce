"""Arithmetic of cells: which type a result has, and where it has one.

Integers are computed in 64 bits and become floating-point numbers rather than wrap around. Floating-point numbers keep their
type; a constant does not change that of a cube. Integers of up to 16 bits become float32 where they must become floats.
"""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twinlake.processing.openeo.values import Values
from twinlake.standards.openeo.errors import ProcessParameterInvalidError

Kernel = Callable[..., Values]
_INT64 = np.iinfo(np.int64)


def pointwise(compute: Callable[..., Any], *, as_floats: bool = False, unwraps: bool = False) -> Kernel:
    """Return the kernel that has *compute* work on numbers, cell by cell; there is a result where all arguments are valid.

    With *as_floats* it works on floating-point numbers alone; with *unwraps* it does so where 64 bits are too few for integers.
    """

    def kernel(**operands: Values) -> Values:
        for name, values in operands.items():
            require_numbers(name, values)
        aligned = align(tuple(operands.values()))
        numbers = promote([numbers_of(each) for each in aligned], as_floats=as_floats)
        valid = both_valid(aligned)
        with np.errstate(all="ignore"):
            data = np.asarray(compute(*numbers))
            if unwraps and data.dtype.kind == "i" and not _is_far_below_limit(compute, numbers):
                approximate = np.asarray(compute(*[np.asarray(each, dtype=np.float64) for each in numbers]))
                data = unwrapped(data, approximate, valid)
        kept = np.result_type(*numbers)
        if kept.kind == data.dtype.kind == "f":
            data = data.astype(kept, copy=False)
        return like(aligned, data, valid)

    return kernel


def floating(compute: Callable[..., Any]) -> Kernel:
    """Return the kernel of a function whose results are no integers, such as a sine."""
    return pointwise(compute, as_floats=True)


def exact(compute: Callable[..., Any]) -> Kernel:
    """Return the kernel of a function that is computed with integers, and with floats where 64 bits are too few.

    Its results must be largest in size where its arguments are, whatever their signs: so are sums, products and powers.
    """
    return pointwise(compute, unwraps=True)


def unwrapped(result: NDArray[Any], approximate: NDArray[Any], valid: NDArray[np.bool_] | None = None) -> NDArray[Any]:
    """Return what was computed in 64 bits, or else, where that has gone round, the same computed with floats.

    Whoever goes round is wrong by a multiple of 2**64, which no rounding of the floats comes near to. What stands where nothing
    is *valid* does not count.
    """
    has_gone_round = np.abs(approximate - result) >= 2.0**63
    return approximate if np.any(has_gone_round if valid is None else has_gone_round & valid) else result


def require_numbers(name: str, values: Values) -> None:
    """Refuse what are no numbers.

    Raises
    ------
    ProcessParameterInvalidError
        *values*, which parameter *name* has, are others.
    """
    if not values.is_number:
        raise ProcessParameterInvalidError(f"'{name}' has something other than numbers.")


def numbers_of(values: Values) -> NDArray[Any]:
    """Return the numbers; where nothing is valid, whatever stands there are none."""
    return values.data if values.data.dtype.kind in "iuf" else np.full(values.data.shape, np.nan)


def align(operands: Sequence[Values]) -> tuple[Values, ...]:
    """Give arrays the same number of dimensions, so that elements stand beside elements and cells beside cells.

    Raises
    ------
    ProcessParameterInvalidError
        Arrays have different lengths.
    """
    deepest = max(each.data.ndim - each.is_array for each in operands) + 1
    lengths = {len(each.data) for each in operands if each.is_array}
    if len(lengths) > 1:
        raise ProcessParameterInvalidError(f"Arrays of {' and '.join(map(str, sorted(lengths)))} elements do not go together.")
    return tuple([deepen(each, deepest) if each.is_array else each for each in operands])


def deepen(array: Values, dimensions: int) -> Values:
    """Return an array with dimensions of cells put in, so that it has as many *dimensions*."""
    if array.data.ndim == dimensions:
        return array
    shape = (len(array.data), *([1] * (dimensions - array.data.ndim)), *array.data.shape[1:])
    valid = None if array.valid is None else array.valid.reshape(shape)
    return replace(array, data=array.data.reshape(shape), valid=valid)


def promote(operands: Sequence[NDArray[Any]], *, as_floats: bool = False) -> list[Any]:
    """Give numbers the types that they are computed in: constants beside cubes become plain Python, which changes no type."""
    convert = as_float if as_floats or any(each.dtype.kind == "f" for each in operands) else widen
    if not any(each.ndim > 0 for each in operands):
        return [convert(each) for each in operands]
    return [convert(each) if each.ndim > 0 else widen(each).item() for each in operands]


def widen(data: NDArray[Any]) -> NDArray[Any]:
    """Return integers in 64 bits with sign, or as floats where they do not fit; floats as they are."""
    if data.dtype.kind == "u" and data.dtype.itemsize == 8 and data.size and data.max() > _INT64.max:
        return data.astype(np.float64)
    return data.astype(np.int64, copy=False) if data.dtype.kind in "iu" else data


def as_float(data: NDArray[Any]) -> NDArray[Any]:
    """Return numbers as floats: float32 from integers of up to 16 bits in a cube, else float64."""
    if data.dtype.kind == "f":
        return data
    small = data.ndim > 0 and data.dtype.itemsize <= 2
    return data.astype(np.float32 if small else np.float64)


def both_valid(operands: Sequence[Values]) -> NDArray[np.bool_] | None:
    """Return where all have data; what NaN tells is left to NaN."""
    masks = [each.valid for each in operands if each.valid is not None]
    return None if not masks else np.logical_and.reduce(np.broadcast_arrays(*masks)) if len(masks) > 1 else masks[0]


def like(operands: Sequence[Values], data: NDArray[Any], valid: NDArray[np.bool_] | None) -> Values:
    """Return a result of *operands*: an array where one of them is, with its labels."""
    arrays = [each for each in operands if each.is_array]
    labels = next((each.labels for each in arrays if each.labels is not None), None)
    if valid is not None and valid.shape != data.shape:
        valid = np.broadcast_to(valid, data.shape)
    by_nan = any(each.nan_is_nodata for each in operands) and data.dtype.kind == "f"
    if by_nan and valid is not None:
        data, valid = np.where(valid, data, np.nan).astype(data.dtype, copy=False), None
    return Values(data=data, valid=valid, is_array=bool(arrays), labels=labels, nan_is_nodata=by_nan)


def _is_far_below_limit(compute: Callable[..., Any], operands: Sequence[Any]) -> bool:
    """Tell whether no result can come near to what 64 bits hold: much cheaper than to look at each."""
    sizes = [np.float64(max(-int(np.min(each)), int(np.max(each)))) if np.size(each) else np.float64(0) for each in operands]
    corners = itertools.product(*[(-size, size) for size in sizes])
    return all(abs(compute(*corner)) < 2.0**62 for corner in corners)
