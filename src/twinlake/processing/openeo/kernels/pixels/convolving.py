"""Sums of neighbours."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

MODES: Final = {"replicate": "edge", "reflect": "symmetric", "reflect_pixel": "reflect", "wrap": "wrap"}
"""What lies beyond the border, as openEO calls it and as numpy does."""


def weigh_neighbours(data: NDArray[Any], weights: NDArray[np.float64], border: str | float) -> NDArray[np.float64]:
    """Return the weighted sums of each pixel and its neighbours in 64 bits.

    Parameters
    ----------
    data
        Numbers; rows and columns are the last two dimensions, and there is at least one pixel.
    weights
        An odd number of rows and columns, of which the middle lies on the pixel.
    border
        One of `MODES`, or the number beyond.
    """
    height, width = data.shape[-2:]
    reach = [(0, 0)] * (data.ndim - 2) + [(size // 2, size // 2) for size in weights.shape]
    if isinstance(border, str):
        padded = np.pad(data, reach, mode=MODES[border])  # type: ignore[call-overload]  # it takes any of its modes
    else:
        padded = np.pad(data, reach, mode="constant", constant_values=border)
    total = np.zeros(data.shape, dtype=np.float64)
    for (row, column), weight in np.ndenumerate(weights):
        if weight:
            total += weight * padded[..., row : row + height, column : column + width].astype(np.float64)
    return total
