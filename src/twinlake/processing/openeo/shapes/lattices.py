"""Smooth functions of many places, found at few of them: what a projection says of all pixels of a grid.

Rows and columns are taken in blocks. In each a polynomial goes through what the function is at a lattice of nodes, and how far it
may be from the function is told by places between the nodes: where a function has a jump, a pole or no number, that is infinite.

References
----------
Trefethen 2019, Approximation Theory and Approximation Practice, chapters 2 and 7, https://doi.org/10.1137/1.9781611975949
(Chebyshev points, and how fast polynomials through them come near to a smooth function).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
from numpy.typing import NDArray

_Floats = NDArray[np.float64]
Function = Callable[[_Floats, _Floats], Sequence[_Floats]]
"""Of x and y, arrays of one shape; returns numbers of that shape."""
_BLOCK = 64
"""Rows and columns of a block."""
_COUNT = 6
"""Nodes along a block."""
_NODES = (1 - np.cos(np.pi * np.arange(_COUNT) / (_COUNT - 1))) / 2
_BETWEEN = (_NODES[1:] + _NODES[:-1]) / 2
_SAFETY = 8.0
"""Times the largest error between the nodes: what else is no larger, the last digits of a projection among it."""


@dataclass(frozen=True, slots=True)
class Strip:
    """Some rows, and all columns."""

    rows: slice
    values: tuple[_Floats, ...]
    """Of each function, of shape ``(rows, columns)``."""
    errors: tuple[_Floats, ...]
    """For each function how far *values* may be from it, of shape ``(columns,)``."""


def interpolate(function: Function, y: _Floats, x: _Floats) -> Iterator[Strip]:
    """Yield what functions are at all places of rows and columns, from few of them.

    Parameters
    ----------
    y, x
        Coordinates of the rows and of the columns, at least one of each, rising or falling.
    """
    across = _Blocks.of(x)
    for top in range(0, len(y), _BLOCK):
        along = _Blocks.of(y[top : top + _BLOCK])
        rows = slice(top, min(top + _BLOCK, len(y)))
        with np.errstate(invalid="ignore", over="ignore"):
            at_nodes = function(*_mesh(along.nodes, across.nodes))
            between = function(*_mesh(along.between, across.between))
            made = [_sum(along.weights[:, 0], across.weights, np.asarray(each)) for each in at_nodes]
            apart = [
                np.abs(_sum(_CHECKS, _CHECKS[:, None, :], np.asarray(each)) - exact).max(axis=(0, 2))
                for each, exact in zip(at_nodes, between, strict=True)
            ]
        errors = [np.repeat(np.where(np.isfinite(each), _SAFETY * each, np.inf), _BLOCK)[: len(x)] for each in apart]
        values = [each.reshape(_BLOCK, -1)[: rows.stop - rows.start, : len(x)] for each in made]
        yield Strip(rows, tuple(values), tuple(errors))


@dataclass(frozen=True, slots=True)
class _Blocks:
    """Blocks along one axis."""

    nodes: _Floats
    """Coordinates, of shape ``(blocks, nodes)``."""
    between: _Floats
    weights: _Floats
    """Of each node for each place, of shape ``(nodes, blocks, places)``."""

    @classmethod
    def of(cls, coordinates: _Floats) -> "_Blocks":
        count = -(-len(coordinates) // _BLOCK)
        places = np.pad(coordinates, (0, count * _BLOCK - len(coordinates)), mode="edge").reshape(count, _BLOCK)
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
    lines = sum(weights[:, None, None] * each for weights, each in zip(along, at_nodes, strict=True))
    made: _Floats = lines[:, :, :1] * across[0]
    part = np.empty_like(made)
    for number in range(1, _COUNT):
        np.multiply(lines[:, :, number : number + 1], across[number], out=part)
        made += part
    return made
