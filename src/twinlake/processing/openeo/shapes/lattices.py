"""Smooth functions of many places, found at few of them: what a projection says of all pixels of a grid.

Rows and columns are taken in blocks. In each a polynomial goes through what the function is at a lattice of nodes, and how far it
may be from the function is told by places between the nodes: where a function has a jump, a pole or no number, that is infinite.

References
----------
Trefethen 2019, Approximation Theory and Approximation Practice, chapters 2 and 7, https://doi.org/10.1137/1.9781611975949
(Chebyshev points, and how fast polynomials through them come near to a smooth function).
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
from numpy.typing import NDArray

_Floats = NDArray[np.float64]
Function = Callable[[_Floats, _Floats], Sequence[_Floats]]
"""Of x and y, arrays of one shape; returns numbers of that shape."""
_BLOCK = 128
"""Rows and columns of a block."""
_COUNT = 6
"""Nodes along a block."""
_CHECKED = 10
"""Places along a block at which is looked how far the polynomial is from the function."""
_NODES = (1 - np.cos(np.pi * np.arange(_COUNT) / (_COUNT - 1))) / 2
_BETWEEN = (1 - np.cos(np.pi * (np.arange(_CHECKED) + 0.5) / _CHECKED)) / 2
_DIGITS = np.finfo(np.float64).eps
"""What a number may be wrong by however smooth a function is, as a share of the largest one."""
_SAFETY = 8.0
"""Times the largest error that is seen: what else is no larger, the last digits of a projection among it."""
_STEPS = 20
"""Binary digits behind the point to which a place is told in pixels, at least."""


@dataclass(frozen=True, slots=True)
class Strip:
    """Some rows, and all columns."""

    rows: slice
    values: tuple[_Floats, ...]
    """Of each function, of shape ``(rows, columns)``."""
    errors: tuple[_Floats, ...]
    """For each function how far *values* may be from it, of shape ``(columns,)``."""


def interpolate(function: Function, y: _Floats, x: _Floats, rows: slice, columns: slice) -> Iterator[Strip]:
    """Yield what functions are at all places of a window of a grid, from few of them: in every window the same.

    Parameters
    ----------
    y, x
        Coordinates of the rows and of the columns of the whole grid, rising or falling.
    rows, columns
        Those of the window, at least one of each.
    """
    across = _Blocks.of(x, columns)
    for top in range(rows.start // _BLOCK * _BLOCK, rows.stop, _BLOCK):
        some = slice(max(top, rows.start), min(top + _BLOCK, rows.stop))
        along = _Blocks.of(y, some)
        weights = along.weights[:, 0, some.start - top : some.stop - top]
        with np.errstate(invalid="ignore", over="ignore"):
            at_nodes = [np.asarray(each) for each in function(*_mesh(along.nodes, across.nodes))]
            checked = [np.asarray(each) for each in function(*_mesh(along.checked, across.checked))]
            made = [_sum(weights, across.weights, each) for each in at_nodes]
            digits = _DIGITS * np.abs(checked).max(axis=0)  # a projection computes x and y of each other
            apart = [
                (np.abs(_sum(_CHECKS, _CHECKS[:, None, :], each) - exact) + digits).max(axis=(0, 2))
                for each, exact in zip(at_nodes, checked, strict=True)
            ]
        wanted = slice(columns.start % _BLOCK, columns.start % _BLOCK + columns.stop - columns.start)
        yield Strip(
            rows=slice(some.start - rows.start, some.stop - rows.start),
            values=tuple([each.reshape(len(each), -1)[:, wanted] for each in made]),
            errors=tuple([np.repeat(np.where(np.isfinite(each), _SAFETY * each, np.inf), _BLOCK)[wanted] for each in apart]),
        )


def transform(
    way: Function, y: _Floats, x: _Floats, rows: slice, columns: slice, *, pixel: tuple[float, float]
) -> tuple[_Floats, _Floats]:
    """Return x and y of all places of a window of a grid in another CRS, rounded to less than a millionth of a pixel there.

    The bits are those of each place taken over by itself and rounded then: that is done where what is interpolated is too near to
    the middle between two steps of rounding. So it is but for single places at which PROJ iterates and stops early, or finds
    nothing; these bits, too, are the same in every window.

    Parameters
    ----------
    way
        Takes x and y.
    y, x, rows, columns
        As for `interpolate`.
    pixel
        The size of a pixel there, along x and along y.
    """
    steps = [2.0 ** math.floor(math.log2(each) - _STEPS) for each in pixel]
    shape = rows.stop - rows.start, columns.stop - columns.start
    made = np.empty(shape), np.empty(shape)
    for strip in interpolate(way, y, x, rows, columns):
        parts = [each[strip.rows] for each in made]
        is_sure = np.ones(parts[0].shape, dtype=bool)
        for values, errors, step, part in zip(strip.values, strip.errors, steps, parts, strict=True):
            exactly = values * (1 / step)
            np.rint(exactly, out=part)
            with np.errstate(invalid="ignore"):  # infinite where there is no way
                exactly -= part
            is_sure &= np.abs(exactly, out=exactly) < 0.5 - errors / step
            np.multiply(part, step, out=part)
        row, column = np.nonzero(~is_sure)
        if row.size:
            for found, step, part in zip(way(x[columns][column], y[rows][strip.rows][row]), steps, parts, strict=True):
                part[row, column] = np.rint(found / step) * step
    return made


@dataclass(frozen=True, slots=True)
class _Blocks:
    """Blocks along one axis."""

    nodes: _Floats
    """Coordinates, of shape ``(blocks, nodes)``."""
    checked: _Floats
    weights: _Floats
    """Of each node for each place, of shape ``(nodes, blocks, places)``."""

    @classmethod
    def of(cls, coordinates: _Floats, window: slice) -> "_Blocks":
        """Return those that have the places of a window in them."""
        start, stop = window.start // _BLOCK * _BLOCK, -(-window.stop // _BLOCK) * _BLOCK
        own = coordinates[start:stop]
        places = np.pad(own, (0, stop - start - len(own)), mode="edge").reshape(-1, _BLOCK)
        first, span = places[:, :1], places[:, -1:] - places[:, :1]
        return cls(first + span * _NODES, first + span * _BETWEEN, _weights((places - first) / np.where(span == 0, 1, span)))


def _weights(places: _Floats) -> _Floats:
    """Return what each node counts at places between 0 and 1: Lagrange's polynomials."""
    return np.stack(
        [
            reduce(np.multiply, [(places - other) / (node - other) for other in _NODES if other != node])
            for node in _NODES.tolist()
        ]
    )


_CHECKS = _weights(_BETWEEN)


def _mesh(y: _Floats, x: _Floats) -> tuple[_Floats, _Floats]:
    """Return x and y of shape ``(places along y, blocks, places along x)``; there is one block along y."""
    shape = (y.shape[1], *x.shape)
    return np.broadcast_to(x, shape), np.broadcast_to(y[0][:, None, None], shape)


def _sum(along: _Floats, across: _Floats, at_nodes: _Floats) -> _Floats:
    """Return the polynomials through *at_nodes*, of shape ``(rows, blocks, columns)``."""
    lines = along.T @ at_nodes.transpose(1, 0, 2)
    made = np.empty((along.shape[1], at_nodes.shape[1], across.shape[2]))
    np.matmul(lines, across.transpose(1, 0, 2), out=made.transpose(1, 0, 2))
    return made
