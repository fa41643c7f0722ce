"""Pixels of a tile, each made of the pixels of another grid that lie in it, by the share of each."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twinlake.processing.openeo.kernels.pixels.filtering import BLOCK, Pixels, Truths, layers_of, require_few
from twinlake.processing.openeo.kernels.pixels.placing import Corners, Outlines, find_window
from twinlake.processing.openeo.kernels.pixels.selecting import SELECTIONS
from twinlake.processing.openeo.kernels.pixels.weighing import (
    Floats,
    Index,
    Scattered,
    Separable,
    Weights,
    areas_within,
    place_in,
    scatter,
    weigh_by_length,
)
from twinlake.processing.openeo.shapes.axes import CLOSE
from twinlake.processing.openeo.shapes.grids import Grid

Members = slice | Index
"""Pixels of the tile."""


class Covered:
    """Of what lies in it: the mean, by the method `average`, that of squares, `rms`, the `sum`, or what is selected."""

    def __init__(self, source: Grid, outlines: Corners | Outlines, method: str) -> None:
        self._source, self._method = source, method
        self._cover = _Rows(source, outlines) if isinstance(outlines, Corners) else _Squares(source, outlines)
        self.rows, self.columns = self._cover.rows, self._cover.columns

    def fill(self, pixels: Pixels, valid: Truths | None, made: NDArray[Any], is_there: Truths) -> None:
        select = SELECTIONS.get(self._method)
        if valid is not None:
            pixels = np.where(valid, pixels, pixels.dtype.type(0))
        if select is not None:
            for members, taps in self._cover.scattered():
                index, shares = np.stack([each for each, _ in taps]), np.stack([each for _, each in taps])
                for layer, flat in enumerate(pixels.reshape(len(pixels), -1)):
                    counted = shares if valid is None else np.where(valid[layer].ravel()[index], shares, 0)
                    made[layer, members] = select(flat[index], counted)
                    is_there[layer, members] = (counted > 0).any(axis=0)
            return
        for members, weights in self._cover.weights():
            total = weights.total()
            for layers in layers_of(len(pixels), len(total)):
                numbers = pixels[layers]
                sums = weights.sums(np.square(numbers, dtype=np.float64) if self._method == "rms" else numbers)
                share = total if valid is None else total - weights.sums(~valid[layers])
                has_some = share > CLOSE * total
                if self._method != "sum":
                    sums = sums / np.where(has_some, share, 1)
                made[layers, members] = np.sqrt(sums) if self._method == "rms" else sums
                is_there[layers, members] = has_some


class _Rows:
    """Pixels that lie in rows and columns of the other grid."""

    def __init__(self, source: Grid, corners: Corners) -> None:
        self._source = source
        (low_y, high_y), (low_x, high_x) = (_known(*pair) for pair in (corners.y, corners.x))
        self._y, self._x = weigh_by_length(source.y, low_y, high_y), weigh_by_length(source.x, low_x, high_x)
        self.rows, self.columns = (
            find_window(axis, np.floor(low + 0.5), np.ceil(high - 0.5))
            for axis, low, high in ((source.y, low_y, high_y), (source.x, low_x, high_x))
        )

    def weights(self) -> Iterator[tuple[Members, Weights]]:
        rows, columns = self._y.numbers(self._source.y, self.rows), self._x.numbers(self._source.x, self.columns)
        height, width = rows.shape[1], columns.shape[1]
        step = max(1, BLOCK // max(1, width))
        for top in range(0, height, step):
            some = slice(top, top + step)
            yield (
                slice(top * width, min(top + step, height) * width),
                Separable(
                    row_weights=self._y.weights[:, some],
                    rows=rows[:, some],
                    column_weights=self._x.weights,
                    columns=columns,
                ),
            )

    def scattered(self) -> Iterator[tuple[Members, list[tuple[Index, Floats]]]]:
        rows, columns = self._y.numbers(self._source.y, self.rows), self._x.numbers(self._source.x, self.columns)
        each = len(rows) * len(columns)
        require_few(each)
        for members in _parts(np.arange(rows.shape[1] * columns.shape[1]), each):
            row, column = np.divmod(members, columns.shape[1])
            yield (
                members,
                scatter(
                    rows[:, row],
                    self._y.weights[:, row],
                    columns[:, column],
                    self._x.weights[:, column],
                    self.columns.stop - self.columns.start,
                ).taps,
            )


class _Squares:
    """Pixels that are quadrilaterals on the other grid."""

    def __init__(self, source: Grid, outlines: Outlines) -> None:
        self._source, self._outlines = source, outlines
        with np.errstate(invalid="ignore"):
            sides = [(each.min(axis=0), each.max(axis=0)) for each in (outlines.y, outlines.x)]
        (south, north), (west, east) = sides
        is_near = np.isfinite(south + west)
        for axis, low, high in ((source.y, south, north), (source.x, west, east)):
            is_near &= (high > -0.5) & (low < axis.count - 0.5)
        self._members = np.flatnonzero(is_near)
        self._first = [np.floor(low[is_near] + 0.5).astype(np.intp) for low in (south, west)]
        last = [np.ceil(high[is_near] - 0.5).astype(np.intp) for high in (north, east)]
        # Pixels of about the same size are looked at together.
        self._sizes = [_round_up(after - before + 1) for before, after in zip(self._first, last, strict=True)]
        self.rows, self.columns = (
            find_window(axis, before, after) for axis, before, after in zip((source.y, source.x), self._first, last, strict=True)
        )

    def weights(self) -> Iterator[tuple[Members, Weights]]:
        for members, taps in self.scattered():
            yield members, Scattered(taps)

    def scattered(self) -> Iterator[tuple[Members, list[tuple[Index, Floats]]]]:
        heights, widths = self._sizes
        across = int(widths.max(initial=0)) + 1
        sizes = heights * across + widths
        for size in np.unique(sizes).tolist():
            height, width = divmod(size, across)
            require_few(height * width)
            for some in _parts(np.flatnonzero(sizes == size), height * width):
                yield self._members[some], self._taps(some, height, width)

    def _taps(self, some: Index, height: int, width: int) -> list[tuple[Index, Floats]]:
        first = [each[some] for each in self._first]
        members = self._members[some]
        y, x = (
            corners[:, members] - (before - 0.5)
            for corners, before in zip((self._outlines.y, self._outlines.x), first, strict=True)
        )
        return [self._tap(first[0] + row, first[1] + column, area) for row, column, area in areas_within(y, x, height, width)]

    def _tap(self, rows: Index, columns: Index, area: Floats) -> tuple[Index, Floats]:
        """Return where pixels stand in the window, and what they weigh: nothing if there is none."""
        for axis, numbers in ((self._source.y, rows), (self._source.x, columns)):
            if not axis.wraps:
                area = np.where((numbers >= 0) & (numbers < axis.count), area, 0)
        row, column = place_in(self._source.y, rows, self.rows), place_in(self._source.x, columns, self.columns)
        return row * (self.columns.stop - self.columns.start) + column, area


def _known(low: Floats, high: Floats) -> tuple[Floats, Floats]:
    """Return borders, and nothing between them where they are nowhere near."""
    is_near = np.isfinite(low) & np.isfinite(high)
    return np.where(is_near, low, -1.0), np.where(is_near, high, -1.0)


def _round_up(sizes: Index) -> Index:
    """Return sizes with no more than three binary digits, not below the given ones."""
    unit = 1 << np.maximum(np.floor(np.log2(np.maximum(sizes, 1))).astype(np.intp) - 2, 0)
    return np.asarray(-(-sizes // unit) * unit)


def _parts(members: Index, each: int) -> Iterator[Index]:
    """Yield pixels of the tile that are looked at at once, if so many pixels count for each."""
    step = max(1, BLOCK // each)
    yield from (members[start : start + step] for start in range(0, len(members), step))
