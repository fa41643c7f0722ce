"""One bounded slice of a variable: what statistics and pictures are made of."""

import numpy as np
from numpy.typing import NDArray

from twinlake.holdings.readers.arrays import ArrayVariable, Selection, thin
from twinlake.holdings.readers.layouts import AxisGrid, CellCloud, Layout
from twinlake.holdings.readers.limits import MAX_SAMPLE

_MAX_VALUES = MAX_SAMPLE * MAX_SAMPLE


def horizontal_dimensions(variable: ArrayVariable, layout: Layout | None) -> tuple[str, ...]:
    """Return the dimensions of *variable* over which it spreads on the Earth: y before x; none without a place."""
    match layout:
        case AxisGrid():
            wanted = (*layout.y.dimensions, *layout.x.dimensions)
        case CellCloud():
            wanted = layout.longitude.dimensions
        case None:
            wanted = ()
    return wanted if set(wanted) <= set(variable.dimensions) else ()


def select(variable: ArrayVariable, horizontal: tuple[str, ...], at: float = 0.0) -> tuple[Selection, tuple[slice, ...]]:
    """Choose one thinned slice along *horizontal* and one index of all other dimensions.

    Parameters
    ----------
    at
        Where along the other dimensions: 0 for their first, 1 for their last index.

    Returns
    -------
    The selection, and the steps along *horizontal*, in its order, which coordinates are to be thinned by.
    """
    lengths = dict(zip(variable.dimensions, variable.shape, strict=True))
    steps = {name: slice(None, None, max(1, -(-lengths[name] // _side(horizontal)))) for name in horizontal}
    selection = tuple(steps.get(name) or round(at * (lengths[name] - 1)) for name in variable.dimensions)
    return selection, tuple(steps[name] for name in horizontal)


def _side(horizontal: tuple[str, ...]) -> int:
    """Return how many cells are read at most along each of these dimensions."""
    return MAX_SAMPLE if len(horizontal) > 1 else _MAX_VALUES


def read_slice(variable: ArrayVariable, horizontal: tuple[str, ...]) -> tuple[NDArray[np.float64], tuple[slice, ...]]:
    """Read the first slice of *variable* that holds anything, of the first, the middle and the last.

    Returns
    -------
    Values with the dimensions *horizontal*, in this order, missing is NaN; and the steps along them.
    """
    values: NDArray[np.float64] = np.empty(0)
    steps: tuple[slice, ...] = ()
    for at in (0.0, 0.5, 1.0):
        selection, steps = select(variable, horizontal, at)
        values = variable.values(selection)
        if np.isfinite(values).any():
            break
    order = [name for name in variable.dimensions if name in horizontal]
    return values.transpose([order.index(name) for name in horizontal]), steps


def sample(variable: ArrayVariable, layout: Layout | None) -> tuple[NDArray[np.float64], bool]:
    """Read a bounded sample for statistics; tell whether it is all of the variable."""
    if variable.size <= _MAX_VALUES:
        return variable.values(tuple(slice(None) for _ in variable.shape)), True
    horizontal = horizontal_dimensions(variable, layout)
    if horizontal:
        return read_slice(variable, horizontal)[0], False
    return variable.values(thin(variable.shape, _MAX_VALUES)), False
