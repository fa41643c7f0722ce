"""Sums of pixels around many places, each with its weight.

Every sum is made in 64 bits, one pixel after the other, and in the same order wherever the place is in a tile: so it has the same
bits in all.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import reduce
from itertools import pairwise
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from twinlake.processing.openeo.kernels.pixels.filters import Filter
from twinlake.processing.openeo.shapes.axes import CLOSE, Axis

Floats = NDArray[np.float64]
Index = NDArray[np.intp]


class Weights(Protocol):
    """What pixels weigh for places."""

    def sums(self, pixels: NDArray[Any], *, absolute: bool = False) -> Floats:
        """Return the weighted sum of each place, of shape ``(layers, places)``; with the sizes of weights where *absolute*.

        Parameters
        ----------
        pixels
            Finite numbers, of shape ``(layers, rows, columns)``.
        """
        ...

    def total(self) -> Floats:
        """Return the sum of the weights of each place."""
        ...


@dataclass(frozen=True, slots=True)
class Along:
    """What pixels along one axis weigh for places along it."""

    first: Index
    """For each place the first pixel; it may lie beyond the border where it weighs nothing."""
    weights: Floats
    """Of it and those behind it; of shape ``(pixels, places)``."""

    def numbers(self, axis: Axis, window: slice) -> Index:
        """Return which pixels of a window these are, of shape ``(pixels, places)``."""
        return place_in(axis, self.first + np.arange(len(self.weights))[:, None], window)


def place_in(axis: Axis, numbers: Index, window: slice) -> Index:
    """Return where pixels of an axis stand in a window; whatever for those that are not in it."""
    numbers = (numbers % axis.count if axis.wraps else numbers) - window.start
    return np.clip(numbers, 0, max(window.stop - window.start - 1, 0))


def weigh_by_filter(axis: Axis, places: Floats, by: Filter, stretch: float) -> Along:
    """Weigh pixels by a filter that is laid on each place, as much wider as *stretch* says; weights are 1 in sum."""
    reach = by.radius * stretch
    first = np.ceil(places - reach).astype(np.intp)
    numbers = first + np.arange(int(np.ceil(2 * reach)))[:, None]
    weights = _inside(axis, numbers, by.weigh(np.abs(numbers - places) / stretch))
    return Along(first, weights / add_up(weights))


def weigh_by_length(axis: Axis, low: Floats, high: Floats) -> Along:
    """Weigh pixels by how much of each lies between two places, of which *low* is never the greater."""
    if not axis.wraps:
        low, high = (np.clip(each, -0.5, axis.count - 0.5) for each in (low, high))
    first = np.floor(low + 0.5).astype(np.intp)
    most = int(np.max(np.ceil(high + 0.5).astype(np.intp) - first, initial=1))
    numbers = first + np.arange(most)[:, None]
    lengths = np.minimum(high, numbers + 0.5) - np.maximum(low, numbers - 0.5)
    return Along(first, _inside(axis, numbers, np.where(lengths > CLOSE, lengths, 0)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Separable:
    """Places in rows and columns: the weight of a pixel is that of its row times that of its column."""

    row_weights: Floats
    rows: Index
    column_weights: Floats
    columns: Index

    def sums(self, pixels: NDArray[Any], *, absolute: bool = False) -> Floats:
        row_weights, column_weights = (np.abs(each) if absolute else each for each in (self.row_weights, self.column_weights))
        lines = _accumulate(
            np.take(pixels, rows, axis=-2) * weights[:, None] for rows, weights in zip(self.rows, row_weights, strict=True)
        )
        found = _accumulate(
            np.take(lines, columns, axis=-1) * weights for columns, weights in zip(self.columns, column_weights, strict=True)
        )
        return found.reshape(len(pixels), -1)

    def total(self) -> Floats:
        return np.multiply.outer(add_up(self.row_weights), add_up(self.column_weights)).ravel()


@dataclass(frozen=True, slots=True)
class Scattered:
    """Places anywhere: each has pixels and weights of its own."""

    taps: list[tuple[Index, Floats]]
    """Where pixels stand among all, rows one after the other, and what they weigh: each for all places."""

    def sums(self, pixels: NDArray[Any], *, absolute: bool = False) -> Floats:
        flat = pixels.reshape(len(pixels), -1)
        return _accumulate(
            np.take(flat, index, axis=1) * (np.abs(weights) if absolute else weights) for index, weights in self.taps
        )

    def total(self) -> Floats:
        return add_up([weights for _, weights in self.taps])


def scatter(rows: Index, row_weights: Floats, columns: Index, column_weights: Floats, width: int) -> Scattered:
    """Return the weights of places that each have rows and columns of their own, in a window of so many columns."""
    return Scattered(
        [
            (row * width + column, along_y * along_x)
            for row, along_y in zip(rows, row_weights, strict=True)
            for column, along_x in zip(columns, column_weights, strict=True)
        ]
    )


def areas_within(y: Floats, x: Floats, height: int, width: int) -> Iterator[tuple[int, int, Floats]]:
    """Yield the area of polygons in each square of a lattice, with its row and column.

    Parameters
    ----------
    y, x
        The corners, one after the other around each, of shape ``(corners, polygons)``. None is below 0.
    height, width
        How many squares, of side 1 and from 0 on, hold them all.
    """
    edges = list(_edges(y, x))
    sense = np.sign(add_up([(x1 - x0) * (y0 + y1) for y0, x0, y1, x1 in edges]))
    nothing = np.zeros(y.shape[1])
    before = [nothing] * (height + 1)
    for column in range(width):
        pieces = [_piece(edge) if column + 1 == width else _cut(edge, column + 1.0) for edge in edges]
        between = [add_up([_below(piece, float(row)) for piece in pieces]) for row in range(1, height)]
        beyond = [nothing, *between, add_up([_mean_below(piece, float(height)) for piece in pieces])]
        strips = [sense * (after - earlier) for after, earlier in zip(beyond, before, strict=True)]
        for row, (lower, upper) in enumerate(pairwise(strips)):
            area = upper - lower
            yield row, column, np.where(area > CLOSE, area, 0)
        before = beyond


_Edge = tuple[Floats, Floats, Floats, Floats]
"""From y and x to y and x."""
_Piece = tuple[Floats, Floats, Floats, Floats]
"""How far it goes along x, between which y, the lower one first, and the half of one over their difference."""


def _edges(y: Floats, x: Floats) -> Iterator[_Edge]:
    for number in range(len(y)):
        # From the last corner to the first, and on.
        yield y[number - 1], x[number - 1], y[number], x[number]


def _cut(edge: _Edge, limit: float) -> _Piece:
    """Return the piece of an edge of which x is below a limit."""
    y0, x0, y1, x1 = edge
    across = x1 - x0
    slope = (y1 - y0) / np.where(across == 0, 1, across)
    start, end = np.minimum(x0, limit), np.minimum(x1, limit)
    return _piece((y0 + slope * (start - x0), start, y0 + slope * (end - x0), end))


def _piece(edge: _Edge) -> _Piece:
    y0, x0, y1, x1 = edge
    low, high = np.minimum(y0, y1), np.maximum(y0, y1)
    return x1 - x0, low, high, 0.5 / np.where(low < high, low - high, -1)


def _below(piece: _Piece, limit: float) -> Floats:
    """Return the integral of y less a limit, where that is negative, along a piece of an edge.

    Around a polygon these add up to the area of the part that is below both limits, with a sign for the sense of rotation.
    """
    across, low, high, half = piece
    under = low - limit
    crossing = np.where(under >= 0, 0, under * under * half)
    crossing *= across
    return np.where(high <= limit, _mean_below(piece, limit), crossing)


def _mean_below(piece: _Piece, limit: float) -> Floats:
    """Return the same for a piece that is below the limit as a whole."""
    across, low, high, _ = piece
    return across * ((low + high) / 2 - limit)


def add_up(terms: Iterable[Floats]) -> Floats:
    """Return the sum of arrays, one after the other."""
    return reduce(np.add, terms)


def _accumulate(terms: Iterator[Floats]) -> Floats:
    total = next(terms)
    for each in terms:
        total += each
    return total


def _inside(axis: Axis, numbers: Index, weights: Floats) -> Floats:
    if axis.wraps:
        return weights
    return np.where((numbers >= 0) & (numbers < axis.count), weights, 0)
