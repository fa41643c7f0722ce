"""Cells worked on some at a time: what is made of them on the way stays in a cache, and takes little memory."""

from collections.abc import Iterator
from typing import Final

import numpy as np

IN_CACHE: Final = 1 << 18
"""Numbers that fit into a cache, with what is made of them."""


def blocks(shape: tuple[int, ...], most: int) -> Iterator[tuple[slice, ...]]:
    """Yield places that together are all of an array of *shape*, in row-major order: of at most *most* cells, and at least one.

    What a place does not name along the last dimensions is all of it.
    """
    axis, inner = len(shape), 1
    while axis and inner * shape[axis - 1] <= most:
        axis -= 1
        inner *= shape[axis]
    if not axis or 0 in shape:
        yield ()
        return
    step = max(1, most // inner)
    for outer in np.ndindex(*shape[: axis - 1]):
        for start in range(0, shape[axis - 1], step):
            yield (*[slice(each, each + 1) for each in outer], slice(start, start + step))
