"""Cells of one grid for the centres of another: which they are, and in which pieces they are read."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twinlake.holdings.readers.crs import read_crs, way_between
from twinlake.processing.openeo.shapes.lattices import transform
from twinlake.processing.openeo.shapes.projecting import Crs

Places = NDArray[np.int64]
NOWHERE = -1
_CLOSE = 1e-6
"""Of a cell: a centre so near to the border of two belongs to the second, whatever the last digit says."""
_GAP = 64
"""Cells between two that are wanted, which are read along with them rather than leaving them out."""
_LONGEST = 4096
"""Cells along one dimension that are read in one piece."""
_MAX_BLOCK = 1 << 24
"""Cells that are read in one piece where each target has its own place."""


@dataclass(frozen=True, slots=True)
class Run:
    """Neighbouring targets whose sources lie near each other."""

    target: slice
    low: int
    high: int
    """Sources are read from *low* up to, not including, *high*."""
    chosen: Places | None
    """Of what was read, for each target; None where that is just it."""


def find_cells(coordinates: NDArray[np.float64], *, origin: float, step: float, count: int, turn: float | None = None) -> Places:
    """Return the number of the cell in which each coordinate lies; `NOWHERE` beyond the *count* that there are.

    Parameters
    ----------
    origin
        Border of the first cell.
    step
        From one cell to the next, may be negative.
    turn
        What may be added to a coordinate without going anywhere.
    """
    numbers = (coordinates - origin) / step
    if turn is not None:
        numbers = np.mod(numbers + _CLOSE, turn / abs(step)) - _CLOSE
    with np.errstate(invalid="ignore"):
        nearest = np.round(numbers)
        cells = np.where(np.abs(numbers - nearest) < _CLOSE, nearest, np.floor(numbers))
        inside = (cells >= 0) & (cells < count)
    return np.where(inside, cells, NOWHERE).astype(np.int64)


def find_nearest(coordinates: NDArray[np.float64], centres: NDArray[np.float64], turn: float | None = None) -> Places:
    """Return the number of the centre nearest to each coordinate; `NOWHERE` further beyond the ends than half a cell.

    Parameters
    ----------
    centres
        Of cells, rising or falling.
    """
    if len(centres) == 1:
        return np.zeros(len(coordinates), dtype=np.int64)
    order = np.argsort(centres)
    ordered = centres[order]
    borders = (ordered[1:] + ordered[:-1]) / 2
    low, high = ordered[0] - (borders[0] - ordered[0]), ordered[-1] + (ordered[-1] - borders[-1])
    margin = (high - low) / len(centres) * _CLOSE
    if turn is not None:
        coordinates = low - margin + np.mod(coordinates - low + margin, turn)
    inside = (coordinates >= low - margin) & (coordinates <= high + margin)
    return np.where(inside, order[np.searchsorted(borders, coordinates, side="right")], NOWHERE)


def list_runs(places: Places) -> Iterator[Run]:
    """Yield the pieces in which the sources at *places*, one for each target, are read."""
    wanted = np.flatnonzero(places != NOWHERE)
    if not wanted.size:
        return
    sources = places[wanted]
    stretches = np.abs(sources - sources[0]) // _LONGEST
    breaks = np.flatnonzero((np.diff(wanted) > 1) | (np.abs(np.diff(sources)) > _GAP) | (np.diff(stretches) != 0)) + 1
    for targets, own in zip(np.split(wanted, breaks), np.split(sources, breaks), strict=True):
        low, high = int(own.min()), int(own.max()) + 1
        chosen = own - low
        is_plain = len(own) == high - low and bool((np.diff(own) == 1).all())
        yield Run(slice(int(targets[0]), int(targets[-1]) + 1), low, high, None if is_plain else chosen)


def pick(values: NDArray[Any], rows: Places | None, columns: Places | None) -> NDArray[Any]:
    """Return rows and columns of *values*, which are its last dimensions."""
    if rows is not None:
        values = values[..., rows, :]
    return values if columns is None else values[..., columns]


def take_over(
    x: NDArray[np.float64], y: NDArray[np.float64], *, source: Crs, target: Crs, pixel: tuple[float, float]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the centres at *y* and *x* in another CRS, y before x; infinite where there is no way.

    Parameters
    ----------
    pixel
        The size of a pixel there, along x and y: places are told to less than a millionth of it.
    """
    if source == target:
        columns, rows = np.meshgrid(x, y)
        return columns, rows
    way = way_between(read_crs(source), read_crs(target)).transform
    return transform(way, y, x, slice(0, len(y)), slice(0, len(x)), pixel=pixel)


@dataclass(frozen=True, slots=True)
class Piece:
    """A block of a file, and what it becomes."""

    target_rows: slice
    target_columns: slice
    top: int
    left: int
    height: int
    width: int
    rows: Places | None = None
    """Of the block, for each row; None where they are just those, or each cell has its own (*cells*)."""
    columns: Places | None = None
    cells: Places | None = None
    """Number within the block for each target, y before x; `NOWHERE` for none."""

    @property
    def is_whole(self) -> bool:
        """Whether the targets are the cells of the block, as they lie there."""
        return self.rows is None and self.columns is None and self.cells is None

    def gather(self, block: NDArray[Any], outside: Any = 0) -> NDArray[Any]:
        """Return what the targets get of a *block* that was read, y and x last; *outside* where there is nothing to read."""
        if self.cells is None:
            return pick(block, self.rows, self.columns)
        flat = block.reshape(*block.shape[:-2], -1)[..., self.cells]
        return np.where(self.cells == NOWHERE, np.asarray(outside, dtype=block.dtype), flat)


def list_pieces(row: Places, column: Places, is_inside: NDArray[np.bool_], *, most: int = _MAX_BLOCK) -> Iterator[Piece]:
    """Yield blocks for targets that have a *row* and a *column* each where they are inside.

    A part of the targets whose sources lie so far apart that its block would have more cells than *most* is read in smaller ones.
    """
    waiting = [(slice(0, row.shape[0]), slice(0, row.shape[1]))]
    while waiting:
        part = waiting.pop()
        inside = is_inside[part]
        if not inside.any():
            continue
        rows, columns = row[part], column[part]
        top, left = int(rows[inside].min()), int(columns[inside].min())
        height, width = int(rows[inside].max()) + 1 - top, int(columns[inside].max()) + 1 - left
        if height * width > most and inside.size > 1:
            waiting.extend(_halve(part))
            continue
        cells = np.where(inside, (rows - top) * width + (columns - left), NOWHERE)
        yield Piece(*part, top, left, height, width, cells=cells)


def _halve(part: tuple[slice, slice]) -> list[tuple[slice, slice]]:
    down, across = part
    if down.stop - down.start >= across.stop - across.start:
        middle = (down.start + down.stop) // 2
        return [(slice(down.start, middle), across), (slice(middle, down.stop), across)]
    middle = (across.start + across.stop) // 2
    return [(down, slice(across.start, middle)), (down, slice(middle, across.stop))]


def plain_pieces(rows: Places, columns: Places) -> list["Piece"]:
    """Return the blocks in which rows and columns are read that lie along those of the target."""
    across = list(list_runs(columns))
    return [_plain_piece(down, each) for down in list_runs(rows) for each in across]


def _plain_piece(down: Run, across: Run) -> "Piece":
    return Piece(
        target_rows=down.target,
        target_columns=across.target,
        top=down.low,
        left=across.low,
        height=down.high - down.low,
        width=across.high - across.low,
        rows=down.chosen,
        columns=across.chosen,
    )
