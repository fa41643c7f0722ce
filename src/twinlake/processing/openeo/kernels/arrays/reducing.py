"""Reducers: the elements of an array become one value, in each cell apart. Sums and products are made in 64 bits."""

from collections.abc import Callable
from functools import partial
from typing import Any

import bottleneck
import numpy as np
from numpy.typing import NDArray

from twinlake.processing.openeo.kernels.cells.blocks import IN_CACHE, blocks
from twinlake.processing.openeo.kernels.cells.numbers import as_float, numbers_of, require_numbers, unwrapped
from twinlake.processing.openeo.values import Values, are_all
from twinlake.standards.openeo.errors import ProcessParameterInvalidError

Reduce = Callable[[NDArray[Any], NDArray[np.bool_]], NDArray[Any]]
"""Takes numbers, elements first, and where they count; what it returns where none counts does not matter."""


def reducer(reduce: Reduce, *, is_array: bool = False) -> Callable[..., Values]:
    """Return the kernel of *reduce*: no data where no element has any, or one has none and all must.

    The kernel takes ``data`` and ``ignore_nodata``. With *is_array* each cell gets an array: *reduce* returns its elements
    along the first dimension.
    """

    def kernel(data: Values, ignore_nodata: bool = True) -> Values:
        require_elements("data", data)
        numbers = numbers_of(data)
        if not len(numbers):
            nothing = np.zeros((1, *numbers.shape[1:]), dtype=numbers.dtype)
            data = Values(data=nothing, valid=np.zeros(nothing.shape, dtype=bool), nan_is_nodata=data.nan_is_nodata)
            numbers = nothing
        valid = np.empty(numbers.shape[1:], dtype=bool)
        made: NDArray[Any] | None = None
        # Of integers all cells get floats where one of them needs these.
        most = max(1, IN_CACHE // len(numbers)) if numbers.dtype.kind == "f" else numbers.size
        for place in blocks(valid.shape, most):
            counts = data.where_at((slice(None), *place))
            valid[place] = counts.any(axis=0) if ignore_nodata else counts.all(axis=0)
            with np.errstate(all="ignore"):
                reduced = np.asarray(reduce(numbers[:, *place], counts))
            if made is None:
                made = np.empty((*reduced.shape[:is_array], *valid.shape), dtype=reduced.dtype)
            made[(*[slice(None)] * is_array, *place)] = reduced
        assert made is not None  # there is a block even where there is no cell
        return settle(made, valid, are_all(valid, data), is_array=is_array, nan_is_nodata=data.nan_is_nodata)

    return kernel


def require_elements(name: str, values: Values) -> None:
    """Refuse what is no array of numbers.

    Raises
    ------
    ProcessParameterInvalidError
        *values*, which parameter *name* has, are something else.
    """
    if not values.is_array:
        raise ProcessParameterInvalidError(f"'{name}' is no array.")
    require_numbers(name, values)


def settle(
    data: NDArray[Any], valid: NDArray[np.bool_], is_whole: bool, *, nan_is_nodata: bool, is_array: bool = False
) -> Values:
    """Return the values of one reduction, which has no gaps if it *is_whole*; in cubes of floats NaN stands in them."""
    if is_whole:
        return Values(data=data, is_array=is_array, nan_is_nodata=nan_is_nodata and data.dtype.kind == "f")
    if nan_is_nodata:
        data = as_float(data)
        data = np.where(valid, data, np.nan).astype(data.dtype, copy=False)
        return Values(data=data, is_array=is_array, nan_is_nodata=True)
    return Values(data=data, valid=np.broadcast_to(valid, data.shape), is_array=is_array)


def total(numbers: NDArray[Any], counts: NDArray[np.bool_]) -> NDArray[Any]:
    """Add up."""
    return accumulated(partial(_in_order, np.add.reduce), numbers, counts, 0)


def product(numbers: NDArray[Any], counts: NDArray[np.bool_]) -> NDArray[Any]:
    """Multiply all."""
    return accumulated(partial(_in_order, np.multiply.reduce), numbers, counts, 1)


def average(numbers: NDArray[Any], counts: NDArray[np.bool_]) -> NDArray[Any]:
    """Return the arithmetic mean, summed in float64."""
    return _like_floats(numbers, _mean(numbers, counts))


def variance(numbers: NDArray[Any], counts: NDArray[np.bool_]) -> NDArray[Any]:
    """Return the sample variance."""
    return _like_floats(numbers, _variance(numbers, counts))


def deviation(numbers: NDArray[Any], counts: NDArray[np.bool_]) -> NDArray[Any]:
    """Return the sample standard deviation."""
    return _like_floats(numbers, np.sqrt(_variance(numbers, counts)))


def smallest(numbers: NDArray[Any], counts: NDArray[np.bool_]) -> NDArray[Any]:
    """Return the least; NaN that counts is taken for it."""
    return np.asarray(np.minimum.reduce(fill(numbers, counts, limits(numbers)[1]), axis=0))


def largest(numbers: NDArray[Any], counts: NDArray[np.bool_]) -> NDArray[Any]:
    """Return the greatest; NaN that counts is taken for it."""
    return np.asarray(np.maximum.reduce(fill(numbers, counts, limits(numbers)[0]), axis=0))


def extrema(numbers: NDArray[Any], counts: NDArray[np.bool_]) -> NDArray[Any]:
    """Return the least and the greatest, along the first dimension."""
    return np.stack([smallest(numbers, counts), largest(numbers, counts)])


def median(numbers: NDArray[Any], counts: NDArray[np.bool_]) -> NDArray[Any]:
    """Return the median, of an even number of elements the mean of the two in the middle."""
    numbers, is_undefined = _with_nan_in_gaps(as_float(numbers), counts)
    found = np.asarray(bottleneck.nanmedian(numbers, axis=0))
    return np.where(is_undefined, np.nan, found).astype(numbers.dtype, copy=False)


def quantiles(numbers: NDArray[Any], counts: NDArray[np.bool_], probabilities: list[float]) -> NDArray[Any]:
    """Return the quantiles of *probabilities*, along the first dimension.

    References
    ----------
    Hyndman and Fan 1996, The American Statistician 50(4), type 7, https://doi.org/10.1080/00031305.1996.10473566
    """
    numbers, is_undefined = _with_nan_in_gaps(as_float(numbers), counts)
    ordered = np.sort(numbers, axis=0)
    last = np.maximum(counts.sum(axis=0) - 1, 0)
    found = np.empty((len(probabilities), *numbers.shape[1:]), dtype=numbers.dtype)
    for number, probability in enumerate(probabilities):
        found[number] = _between(ordered, last * probability, last)
    return np.where(is_undefined, np.nan, found).astype(numbers.dtype, copy=False)


def fill(numbers: NDArray[Any], counts: NDArray[np.bool_], neutral: float) -> NDArray[Any]:
    """Return the numbers that count, and *neutral* elsewhere, in the type that they have."""
    if counts.all():
        return numbers
    filled = numbers.copy(order="K")
    filled[~counts] = neutral  # several times as fast as choosing cell by cell where there are few gaps
    return filled


def count(counts: NDArray[np.bool_]) -> NDArray[np.uint32]:
    """Return how many elements count in each cell."""
    # Of truths numpy would make 64 bits each, one after the other.
    return np.asarray(np.add.reduce(counts.view(np.uint8), axis=0, dtype=np.uint32))


def limits(numbers: NDArray[Any]) -> tuple[Any, Any]:
    """Return between which two values all numbers of a type are."""
    if numbers.dtype.kind == "f":
        return -np.inf, np.inf
    return np.iinfo(numbers.dtype).min, np.iinfo(numbers.dtype).max


def accumulated(ufunc: Callable[..., Any], numbers: NDArray[Any], counts: NDArray[np.bool_], neutral: int) -> NDArray[Any]:
    """Return what *ufunc* makes along the first dimension: of integers exactly where 64 bits hold it, else in float64."""
    filled = fill(numbers, counts, neutral)
    result = np.asarray(ufunc(filled, dtype=np.float64))
    if numbers.dtype.kind == "f":
        return _like_floats(numbers, result)
    return unwrapped(np.asarray(ufunc(filled, dtype=np.int64)), result)


def add_up(numbers: NDArray[Any]) -> NDArray[np.float64]:
    """Add up in float64 along the first dimension: in each cell in the order of the elements, whatever cells are beside it.

    numpy adds pairwise where the elements lie next to each other in memory, as those of a single cell do: so a sum would
    depend on the tile that its cell is in. An array without cells is added up as numpy does it.
    """
    return _in_order(np.add.reduce, numbers)


def _in_order(reduce: Callable[..., Any], numbers: NDArray[Any], dtype: Any = np.float64) -> NDArray[Any]:
    """Return what the `reduce` of a ufunc makes along the first dimension, as `add_up` says."""
    if numbers.ndim > 1 and numbers.size:
        beside = [abs(step) for step, count in zip(numbers.strides[1:], numbers.shape[1:], strict=True) if count > 1]
        if not beside or min(beside) > abs(numbers.strides[0]):
            cells = np.ascontiguousarray(numbers).reshape(len(numbers), -1)
            made = reduce(np.repeat(cells, 2, axis=1) if cells.shape[1] == 1 else cells, axis=0, dtype=dtype)
            return np.asarray(made[: cells.shape[1]].reshape(numbers.shape[1:]))
    return np.asarray(reduce(numbers, axis=0, dtype=dtype))


def _mean(numbers: NDArray[Any], counts: NDArray[np.bool_]) -> NDArray[np.float64]:
    return np.asarray(add_up(fill(numbers, counts, 0)) / count(counts))


def _variance(numbers: NDArray[Any], counts: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the variance in two passes: squares alone would leave few digits beside a large mean."""
    away = np.subtract(numbers, _mean(numbers, counts), dtype=np.float64)
    squares = np.square(away, out=away)
    if not counts.all():
        squares[~counts] = 0
    return np.asarray(add_up(squares) / (count(counts) - 1.0))


def _between(ordered: NDArray[Any], position: NDArray[Any], last: NDArray[Any]) -> NDArray[Any]:
    """Return what stands at *position* in each cell, between two elements by their distances."""
    index = np.floor(position).astype(np.int64)
    share = position - index
    low, high = (
        np.take_along_axis(ordered, each[np.newaxis], axis=0)[0].astype(np.float64)
        for each in (index, np.minimum(index + 1, last))
    )
    gap = high - low
    # Infinite neighbours have no finite gap; weights of their own keep one of them.
    mixed = np.where(np.isfinite(gap), low + share * gap, (1 - share) * low + share * high)
    return np.asarray(np.where(share == 0, low, mixed))


def _with_nan_in_gaps(numbers: NDArray[Any], counts: NDArray[np.bool_]) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Return floats with NaN where they do not count, and the cells in which NaN counts."""
    is_nan = np.isnan(numbers)
    filled = numbers if (is_nan | counts).all() else fill(numbers, counts, np.nan)
    return filled, np.asarray((is_nan & counts).any(axis=0))


def _like_floats(numbers: NDArray[Any], result: NDArray[Any]) -> NDArray[Any]:
    """Return a result in the type of the numbers that it was made of, if they are floats."""
    return np.asarray(result, dtype=numbers.dtype if numbers.dtype.kind == "f" else np.float64)
