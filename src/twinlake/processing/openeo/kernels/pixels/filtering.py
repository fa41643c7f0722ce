"""Pixels of a tile, each made of pixels of another grid: of the nearest one, or under a filter."""

from collections.abc import Iterator
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from twinlake.processing.openeo.kernels.pixels.filters import TENT, Filter
from twinlake.processing.openeo.kernels.pixels.placing import Centres, find_window
from twinlake.processing.openeo.kernels.pixels.weighing import Floats, Separable, Weights, scatter, weigh_by_filter
from twinlake.processing.openeo.shapes.grids import Grid
from twinlake.standards.openeo.errors import ProcessParameterInvalidError

Pixels = NDArray[Any]
"""Of shape ``(layers, rows, columns)``."""
Truths = NDArray[np.bool_]
BLOCK: Final = 1 << 18
"""Pixels, with their weights, that are looked at at once: what fits into the cache of a processor, roughly."""
MOST: Final = 1 << 16
"""Pixels of the source that count for one of the target."""


class Sampling(Protocol):
    """A tile on the pixels of another grid."""

    rows: slice
    """Of the other grid, of which pixels count; there may be none."""
    columns: slice

    def fill(self, pixels: Pixels, valid: Truths | None, made: NDArray[Any], is_there: Truths) -> None:
        """Write the pixels of the tile.

        Parameters
        ----------
        pixels, valid
            Those of the window, at least one, and where they have data; None is everywhere.
        made, is_there
            Pixels of the tile, and where they have data, false before; of shape ``(layers, pixels)``.
        """
        ...


class Nearest:
    """Of the nearest pixel."""

    def __init__(self, source: Grid, centres: Centres) -> None:
        self.is_held = (source.y.holds(centres.y) & source.x.holds(centres.x)).ravel()
        shape = np.broadcast_shapes(centres.y.shape, centres.x.shape)
        self._numbers = source.y.nearest(centres.y), source.x.nearest(centres.x)
        self._is_separable = centres.is_separable
        used = [np.broadcast_to(each, shape).ravel()[self.is_held] for each in self._numbers]
        self.rows, self.columns = find_window(source.y, used[0], used[0]), find_window(source.x, used[1], used[1])

    def fill(self, pixels: Pixels, valid: Truths | None, made: NDArray[Any], is_there: Truths) -> None:
        self.pick(pixels, self.rows, self.columns, made)
        is_there[:] = self.is_held
        if valid is not None:
            is_there &= self.pick(valid, self.rows, self.columns, np.empty(is_there.shape, dtype=bool))

    def pick(self, pixels: Pixels, in_rows: slice, in_columns: slice, made: NDArray[Any]) -> NDArray[Any]:
        """Write the nearest pixels in a window, of shape ``(layers, pixels)``, and return them; whatever where there is none."""
        rows, columns = (numbers - window.start for numbers, window in zip(self._numbers, (in_rows, in_columns), strict=True))
        if self._is_separable:
            lines = pixels.take(rows[:, 0], axis=1, mode="clip")
            lines.take(columns[0], axis=2, mode="clip", out=made.reshape(len(made), len(rows), -1))
        else:
            rows *= pixels.shape[2]
            rows += columns
            pixels.reshape(len(pixels), -1).take(rows.ravel(), axis=1, mode="clip", out=made)
        return made


class Filtered:
    """Of what lies under a filter, which is as much wider as *stretch* says along y and x."""

    def __init__(self, source: Grid, centres: Centres, by: Filter, stretch: tuple[float, float]) -> None:
        self._source, self._centres, self._filter, self._stretch = source, centres, by, stretch
        self._is_wider = max(stretch) > 1
        self._nearest = Nearest(source, centres)
        across = [int(np.ceil(by.radius * each)) for each in stretch]
        if not centres.is_separable:
            require_few(4 * across[0] * across[1])
        self.rows, self.columns = (
            find_window(axis, np.array([used.start - reach]), np.array([used.stop - 1 + reach])) if used.stop else used
            for axis, used, reach in zip((source.y, source.x), (self._nearest.rows, self._nearest.columns), across, strict=True)
        )

    def fill(self, pixels: Pixels, valid: Truths | None, made: NDArray[Any], is_there: Truths) -> None:
        is_there[:] = self._nearest.is_held
        if valid is not None:
            pixels = np.where(valid, pixels, 0)
            if not self._is_wider:
                is_there &= self._nearest.pick(valid, self.rows, self.columns, np.empty(is_there.shape, dtype=bool))
        for members in self._blocks():
            weights = self._weigh(members, self._filter)
            fallback: Weights | None = None
            for layers in layers_of(len(pixels), members.stop - members.start):
                sums = weights.sums(pixels[layers])
                if valid is not None:
                    gaps = ~valid[layers]
                    missing = weights.sums(gaps, absolute=True)
                    is_partly = missing > 0
                    if not self._filter.is_positive and is_partly.any():
                        fallback = fallback or self._weigh(members, TENT)
                        sums = np.where(is_partly, fallback.sums(pixels[layers]), sums)
                        missing = np.where(is_partly, fallback.sums(gaps), 0)
                    is_there[layers, members] &= missing <= (0.5 if self._is_wider else 1)
                    share = np.where(is_there[layers, members], 1 - missing, 1)
                    sums = np.where(is_partly, sums / share, sums)
                made[layers, members] = sums

    def _blocks(self) -> Iterator[slice]:
        """Yield pixels of the tile that are made at once; of separable ones whole rows."""
        width = self._centres.x.shape[1]
        count = self._centres.y.shape[0] * width
        taps = 4 * self._filter.radius**2 * self._stretch[0] * self._stretch[1]
        size = max(1, int(BLOCK / taps))
        if self._centres.is_separable:
            size = max(1, BLOCK // max(1, width)) * width
        yield from (slice(start, min(start + size, count)) for start in range(0, count, max(1, size)))

    def _weigh(self, members: slice, by: Filter) -> Weights:
        y, x = self._places(members)
        along_y = weigh_by_filter(self._source.y, y, by, self._stretch[0])
        along_x = weigh_by_filter(self._source.x, x, by, self._stretch[1])
        rows, columns = along_y.numbers(self._source.y, self.rows), along_x.numbers(self._source.x, self.columns)
        if self._centres.is_separable:
            return Separable(row_weights=along_y.weights, rows=rows, column_weights=along_x.weights, columns=columns)
        return scatter(rows, along_y.weights, columns, along_x.weights, self.columns.stop - self.columns.start)

    def _places(self, members: slice) -> tuple[Floats, Floats]:
        y, x = self._centres.y.ravel(), self._centres.x.ravel()
        if self._centres.is_separable:
            y = y[members.start // len(x) : members.stop // len(x)]
        else:
            y, x = y[members], x[members]
        return np.where(self._source.y.holds(y), y, 0), np.where(self._source.x.holds(x), x, 0)


def layers_of(count: int, places: int) -> Iterator[slice]:
    """Yield layers that are looked at at once, for so many places."""
    step = max(1, BLOCK // max(1, places))
    yield from (slice(start, start + step) for start in range(0, count, step))


def require_few(count: int) -> None:
    """Refuse what would be too much.

    Raises
    ------
    ProcessParameterInvalidError
        More pixels than `MOST` count for one.
    """
    if count > MOST:
        raise ProcessParameterInvalidError(
            f"A pixel would be made of more than {MOST} pixels: take finer ones, or 'average' in the CRS of the cube before."
        )
