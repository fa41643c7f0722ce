"""Values that are chosen among the pixels that belong to a place."""

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from twinlake.processing.openeo.kernels.arrays.reducing import limits
from twinlake.processing.openeo.shapes.axes import CLOSE

Select = Callable[[NDArray[Any], NDArray[np.float64]], NDArray[Any]]
"""Takes the pixels of each place along the first dimension, and what each weighs, 0 where it does not count."""


def _smallest(pixels: NDArray[Any], weights: NDArray[np.float64]) -> NDArray[Any]:
    return np.asarray(_filled(pixels, weights).min(axis=0))


def _largest(pixels: NDArray[Any], weights: NDArray[np.float64]) -> NDArray[Any]:
    return np.asarray(np.where(weights > 0, pixels, pixels.dtype.type(limits(pixels)[0])).max(axis=0))


def _ranked(pixels: NDArray[Any], weights: NDArray[np.float64], *, share: float) -> NDArray[Any]:
    """Return the smallest value that so large a share of the pixels, however much of each is there, does not exceed."""
    ordered = np.sort(_filled(pixels, weights), axis=0)
    rank = np.maximum(np.ceil(share * (weights > 0).sum(axis=0)) - 1, 0).astype(np.intp)
    return np.asarray(np.take_along_axis(ordered, rank[None], axis=0)[0])


def _most_frequent(pixels: NDArray[Any], weights: NDArray[np.float64]) -> NDArray[Any]:
    """Return the value of the largest weight, of equal ones the smallest."""
    filled = _filled(pixels, weights)
    order = np.argsort(filled, axis=0, kind="stable")
    pixels, weights = (np.take_along_axis(each, order, axis=0) for each in (filled, weights))
    found, run = pixels[0], weights[0]
    most = run
    for before, pixel, weight in zip(pixels, pixels[1:], weights[1:], strict=False):
        run = np.where(pixel == before, run, 0) + weight
        is_more = run > most * (1 + CLOSE)
        found, most = np.where(is_more, pixel, found), np.where(is_more, run, most)
    return np.asarray(found)


def _filled(pixels: NDArray[Any], weights: NDArray[np.float64]) -> NDArray[Any]:
    return np.where(weights > 0, pixels, pixels.dtype.type(limits(pixels)[1]))


SELECTIONS: Final[Mapping[str, Select]] = MappingProxyType(
    {
        "max": _largest,
        "med": partial(_ranked, share=0.5),
        "min": _smallest,
        "mode": _most_frequent,
        "q1": partial(_ranked, share=0.25),
        "q3": partial(_ranked, share=0.75),
    }
)
"""By the names of gdalwarp."""
