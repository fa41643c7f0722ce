"""Groups of labels along a dimension, each of which becomes one value in every cell of the others."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from twinlake.processing.openeo.cubes import Cube, one_per_cell
from twinlake.processing.openeo.kernels.cells.assembling import assemble, put
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
    arrays = (cube.take(number, group).array_along(number) for group in groups)
    reduced = reduce_arrays(arrays, (*rest[:number], *rest[number + 1 :]), reducer=reducer, context=context)
    data = np.moveaxis(reduced.data, 0, number)
    valid = None if reduced.valid is None else np.moveaxis(reduced.valid, 0, number)
    dimensions = (*others[:number], target, *others[number:])
    return Cube(values=Values(data=data, valid=valid, nan_is_nodata=reduced.nan_is_nodata), dimensions=dimensions)


def reduce_arrays(
    arrays: Iterable[Values | None], cells: tuple[int, ...], *, reducer: Callable[..., Values], context: Any = None
) -> Values:
    """Return one value for each array in each of its *cells*; no data for None, of which the reducer is not asked.

    What the reducer makes of an empty array is the same in all cells.
    """
    parts: list[tuple[tuple[int, ...], Values]] = []
    count, empty, nothing = 0, [], None
    for count, array in enumerate(arrays, 1):
        if array is None:
            continue
        if not len(array.data):
            empty.append(count - 1)
            nothing = Values(data=array.data.ravel(), is_array=True, labels=())
            continue
        parts.append(((count - 1,), one_per_cell(reducer(data=array, context=context), (), cells).values))
    reduced = assemble((count, *cells), parts)
    if nothing is None:
        return reduced
    made = one_per_cell(reducer(data=nothing, context=context), (), ()).values
    if not made.where().all():
        return reduced
    return put(reduced, np.isin(np.arange(count), empty).reshape(-1, *([1] * len(cells))), to_plain(made))
