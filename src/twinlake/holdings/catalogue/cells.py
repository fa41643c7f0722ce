"""Cells by size class: which rows may overlap a box, in a few ranges of one index.

A box belongs to the class of its longer side and, within the class, to the cell that holds its centre. Cells are twice
the largest box of their class, so a query visits the cells that overlap its box grown by half that limit.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Rectangle = tuple[float, float, float, float]
"""West, south, east, north in degrees, west <= east."""


@dataclass(frozen=True, slots=True)
class SizeClass:
    """Boxes whose longer side is at most *limit* degrees, kept in cells of *size* degrees numbered from *first*."""

    limit: float
    size: float
    columns: int
    rows: int
    first: int


def _classes() -> tuple[SizeClass, ...]:
    made, first = [], 0
    for limit, size in ((1.25, 2.5), (2.5, 5.0), (10.0, 20.0)):
        columns, rows = round(360 / size), round(180 / size)
        made.append(SizeClass(limit, size, columns, rows, first))
        first += columns * rows
    return tuple(made)


CLASSES = _classes()
WORLD = CLASSES[-1].first + CLASSES[-1].columns * CLASSES[-1].rows
"""The one cell of boxes larger than every class."""
CELLS = WORLD + 1
GRID_SIZE = 5.0
GRID_COLUMNS, GRID_ROWS = 72, 36


def cells_of(boxes: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the cells of boxes, shape ``(box, 4)``."""
    sides = np.maximum(boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1])
    cells = np.full(len(boxes), WORLD)
    for size_class in reversed(CLASSES):
        columns, rows = _places(boxes, size_class.size, size_class.columns, size_class.rows)
        cells = np.where(sides <= size_class.limit, size_class.first + rows * size_class.columns + columns, cells)
    return cells


def grids_of(boxes: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the 5-degree grid squares that hold the centres of boxes, shape ``(box, 4)``."""
    columns, rows = _places(boxes, GRID_SIZE, GRID_COLUMNS, GRID_ROWS)
    return rows * GRID_COLUMNS + columns


def _places(boxes: NDArray[np.float64], size: float, columns: int, rows: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return columns and rows of the centres of boxes."""
    x, y = (boxes[:, 0] + boxes[:, 2]) / 2, (boxes[:, 1] + boxes[:, 3]) / 2
    return (
        np.clip(np.floor((x + 180) / size), 0, columns - 1).astype(np.int64),
        np.clip(np.floor((y + 90) / size), 0, rows - 1).astype(np.int64),
    )


def _place(x: float, y: float, size: float, columns: int, rows: int) -> tuple[int, int]:
    column = min(max(math.floor((x + 180) / size), 0), columns - 1)
    row = min(max(math.floor((y + 90) / size), 0), rows - 1)
    return column, row


@dataclass(frozen=True, slots=True)
class Window:
    """The cells of one class that a query box may touch: half-open ranges of rows and columns."""

    size_class: SizeClass
    rows: tuple[int, int]
    columns: tuple[int, int]


def windows(box: Rectangle) -> Iterator[Window]:
    """Yield, class by class, the cells whose boxes may overlap *box*; the world's cell comes on top of these."""
    west, south, east, north = box
    margin_of_rounding = 1e-5
    for size_class in CLASSES:
        grown = size_class.limit / 2 + margin_of_rounding
        left, bottom = _place(west - grown, south - grown, size_class.size, size_class.columns, size_class.rows)
        right, top = _place(east + grown, north + grown, size_class.size, size_class.columns, size_class.rows)
        yield Window(size_class, (bottom, top + 1), (left, right + 1))


def grid_window(box: Rectangle) -> tuple[slice, slice]:
    """Return the rows and columns of the 5-degree grid that *box* touches."""
    left, bottom = _place(box[0], box[1], GRID_SIZE, GRID_COLUMNS, GRID_ROWS)
    right, top = _place(box[2], box[3], GRID_SIZE, GRID_COLUMNS, GRID_ROWS)
    return slice(bottom, top + 1), slice(left, right + 1)
