"""Groups of labels along a dimension, each of which becomes one value in every cell of the others."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from twinlake.processing.openeo.cubes import Cube, one_per_cell
from twinlake.processing.openeo.kernels.assembling import assemble, put
from twinlake.processing.openeo.shapes.dimensions import Dimension
from twinlake.processing.openeo.values import Values, to_plain


def reduce_groups(
    cube: Cube,
    number: int,
    groups: Sequence[Sequence[int]],
    target: Dimension,
    *,
    reducer: Callable[..., Values],
    context: Any = None,
) -> Cube:
    """Return the cube in which *target*, with a label for each group, stands in the place of the dimension *number*.

    Parameters
    ----------
    groups
        Places of labels. The reducer is given an empty array for a group that has none; what it makes of that is the same in
        all cells.
    """
    others = cube.without(number)
    rest = cube.take(number, ()).values.data.shape
    cells = (*rest[:number], *rest[number + 1 :])
    parts = []
    for place, group in enumerate(groups):
        if len(group):
            array = cube.take(number, group).array_along(number)
            made = one_per_cell(reducer(data=array, context=context), others, cells).values
            parts.append(((place,), made))
    reduced = assemble((len(groups), *cells), parts)
    empty = np.array([not len(group) for group in groups])
    if empty.any():
        nothing = Values(data=cube.values.data.ravel()[:0], is_array=True, labels=())
        made_of_nothing = one_per_cell(reducer(data=nothing, context=context), (), ()).values
        there = made_of_nothing.where().all()
        if there:
            reduced = put(reduced, empty.reshape(-1, *([1] * len(cells))), to_plain(made_of_nothing))
    data = np.moveaxis(reduced.data, 0, number)
    valid = None if reduced.valid is None else np.moveaxis(reduced.valid, 0, number)
    dimensions = (*others[:number], target, *others[number:])
    return Cube(values=Values(data=data, valid=valid, nan_is_nodata=reduced.nan_is_nodata), dimensions=dimensions)
