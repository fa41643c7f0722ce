"""Statistics of geometries from windows of a raster: each gives a state, and states are merged.

A state has its own parts along the first dimension, then geometries, then the layers of the raster.
"""

from dataclasses import dataclass, replace
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twinlake.processing.openeo.cubes import one_per_cell
from twinlake.processing.openeo.evaluating import Callback
from twinlake.processing.openeo.kernels.arrays.folding import Folding
from twinlake.processing.openeo.kernels.cells.assembling import put
from twinlake.processing.openeo.kernels.cells.states import are_valid
from twinlake.processing.openeo.kernels.geometries.regions import cut
from twinlake.processing.openeo.kernels.geometries.zonal import (
    State,
    Statistic,
    Weighting,
    apply,
    covered_share,
    finish,
    meet_grid,
    merge,
    share_on_grid,
    weigh,
)
from twinlake.processing.openeo.shapes.areas import Window
from twinlake.processing.openeo.shapes.dimensions import Dimension
from twinlake.processing.openeo.shapes.windows import shift
from twinlake.processing.openeo.values import Values, to_plain

_BLOCK = 1 << 22
"""Numbers of one geometry that are reduced at a time."""
_PIXELS = 1 << 20
"""Of the grid that are weighed at a time: a weight takes much more memory than a pixel."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Weighted:
    """`aggregate_spatial_weighted`."""

    y: Dimension
    x: Dimension
    vectors: Dimension
    weighting: Weighting
    statistic: Statistic
    tells_share: bool

    @property
    def parts(self) -> int:
        """Of a state."""
        return 4 if self.statistic == "variance" else 3

    def begin(self, layers: Values, window: Window) -> Values:
        """Return the state of a window of the grid, which has a pixel; y and x are the last two dimensions of *layers*."""
        rows, columns = window
        step = max(1, _PIXELS // (columns.stop - columns.start))
        strips = [slice(top, min(top + step, rows.stop)) for top in range(rows.start, rows.stop, step)]
        return reduce(
            self.merge, (self._begin(cut(layers, shift(each, -rows.start), slice(None)), (each, columns)) for each in strips)
        )

    def _begin(self, layers: Values, window: Window) -> Values:
        weights = weigh(self.y, self.x, self.vectors, self.weighting, window)
        state = apply(weights, layers, self.statistic)
        totals = np.broadcast_to(weights.totals.reshape(-1, *([1] * (state.weight.ndim - 1))), state.weight.shape)
        squares = [] if state.squares is None else [state.squares]
        return Values(data=np.stack([totals, state.weight, state.value, *squares]))

    def merge(self, first: Values, second: Values) -> Values:
        """Return the state of two windows."""
        made = merge(self._state(first), self._state(second))
        squares = [] if made.squares is None else [made.squares]
        return Values(data=np.stack([first.data[0] + second.data[0], made.weight, made.value, *squares]))

    def finish(self, state: Values) -> list[Values]:
        """Return what each geometry has in each layer."""
        found = self._state(state)
        made = [finish(found)]
        if self.tells_share:
            totals = state.data[0].reshape(len(state.data[0]), -1)[:, 0]
            made.append(covered_share(found, totals, share_on_grid(self.y, self.x, self.vectors, self.weighting)))
        return [Values(data=each, nan_is_nodata=True) for each in made]

    def nothing(self, layers: tuple[int, ...]) -> list[Values]:
        """Return what geometries have that have no pixel."""
        shape = (len(self.vectors.labels), *layers)
        made = [np.full(shape, np.nan), *([np.zeros(shape)] if self.tells_share else [])]
        return [Values(data=each, nan_is_nodata=True) for each in made]

    def _state(self, state: Values) -> State:
        squares = state.data[3] if self.statistic == "variance" else None
        return State(statistic=self.statistic, weight=state.data[1], value=state.data[2], squares=squares)


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """`aggregate_spatial` with a reducer that works in parts."""

    y: Dimension
    x: Dimension
    vectors: Dimension
    folding: Folding
    ignore_nodata: bool
    reducer: Callback
    """The same, for geometries without a pixel."""
    context: Any
    tells_counts: bool
    is_of_truths: bool
    """Whether the pixels are true or false; a state has 1 and 0 for them."""

    @property
    def parts(self) -> int:
        """Of a state: how many pixels there are, how many are valid, and the reducer's own."""
        return 2 + self.folding.parts

    def begin(self, layers: Values, window: Window) -> Values:
        """Return the state of a window of the grid; y and x are the last two dimensions of *layers*."""
        pixels = weigh(self.y, self.x, self.vectors, "centres", window).pixels()
        cells = layers.data.shape[:-2]
        flat = layers.data.reshape(-1, layers.data.shape[-1] * layers.data.shape[-2])
        there = None if layers.valid is None else layers.valid.reshape(flat.shape)
        valid = are_valid(layers).reshape(flat.shape)
        states: list[Values] = []
        for numbers in pixels:
            step = max(1, _BLOCK // max(1, len(numbers)))
            found = []
            for start in range(0, len(flat) if len(numbers) else 0, step):
                part = slice(start, start + step)
                array = Values(
                    data=np.take(flat[part], numbers, axis=1).T,
                    valid=None if there is None else np.take(there[part], numbers, axis=1).T,
                    is_array=True,
                    nan_is_nodata=layers.nan_is_nodata,
                )
                made = self.folding.begin(array, self.ignore_nodata)
                counts = np.stack([np.full(array.data.shape[1], len(numbers)), np.take(valid[part], numbers, axis=1).sum(axis=1)])
                found.append(_behind(counts, made))
            states.append(_side_by_side(found) if found else self._nothing(len(flat)))
        data = np.stack([each.data for each in states], axis=1)
        mask = np.stack([each.where() for each in states], axis=1)
        shape = (self.parts, len(pixels), *cells)
        return Values(data=data.reshape(shape), valid=None if mask.all() else mask.reshape(shape))

    def merge(self, first: Values, second: Values) -> Values:
        """Return the state of two windows; one without a pixel says nothing."""
        counts = first.data[:2] + second.data[:2]
        made = self.folding.merge(self._own(first), self._own(second), self.ignore_nodata)
        in_first, in_second = first.data[0] > 0, second.data[0] > 0
        choose = [in_first & in_second, in_first, in_second]
        data = np.select(choose, [made.data, first.data[2:], second.data[2:]], default=0)
        masks = [each.where() for each in (made, self._own(first), self._own(second))]
        return _behind(counts, Values(data=data, valid=np.select(choose, masks, default=False)))

    def finish(self, state: Values) -> list[Values]:
        """Return what each geometry has in each layer."""
        made = self.folding.finish(self._own(state))
        made = replace(made, data=np.array(made.data), valid=None if made.valid is None else np.array(made.valid))
        meets = np.reshape(meet_grid(self.y, self.x, self.vectors), (-1, *([1] * (made.data.ndim - 1))))
        is_empty = state.data[0] == 0
        if is_empty.any():
            none = Values(data=np.zeros(0), is_array=True, labels=())
            alone = one_per_cell(self.reducer(data=none, context=self.context), (), ()).values
            made = put(made, is_empty & meets, to_plain(alone) if alone.where().all() else None)
            made = put(made, is_empty & ~meets, None)
        if not self.tells_counts:
            return [made]
        there = None if (meets | ~is_empty).all() else np.broadcast_to(meets | ~is_empty, made.data.shape)
        return [made, *[Values(data=each.astype(np.int64), valid=there) for each in state.data[:2]]]

    def _nothing(self, layers: int) -> Values:
        shape = self.parts, layers
        valid = np.broadcast_to(np.arange(self.parts)[:, None] < 2, shape)  # it is known that there are none
        return Values(data=np.zeros(shape, dtype=np.int64), valid=valid)

    def _own(self, state: Values) -> Values:
        """Return the reducer's parts of a state."""
        data = state.data[2:].astype(bool) if self.is_of_truths else state.data[2:]
        return replace(state, data=data, valid=None if state.valid is None else state.valid[2:])


def _behind(counts: NDArray[Any], state: Values) -> Values:
    data = np.concatenate([counts, state.data])
    mask = np.concatenate([np.ones(counts.shape, dtype=bool), state.where()])
    return Values(data=data, valid=None if mask.all() else mask)


def _side_by_side(states: list[Values]) -> Values:
    mask = np.concatenate([each.where() for each in states], axis=1)
    return Values(data=np.concatenate([each.data for each in states], axis=1), valid=None if mask.all() else mask)
