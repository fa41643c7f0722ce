"""Filters: what the pixels around a place weigh, by their distance along one axis.

References
----------
Keys 1981, IEEE Trans. ASSP 29(6), https://doi.org/10.1109/TASSP.1981.1163711 (cubic, a = -1/2);
Unser 1999, IEEE Signal Processing Magazine 16(6), https://doi.org/10.1109/79.799930 (cubic B-spline);
Duchon 1979, Journal of Applied Meteorology 18(8) (Lanczos window, of three lobes).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray

_Weights = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Filter:
    """A function of the distance in pixels."""

    radius: int
    """Beyond which nothing weighs anything."""
    weigh: Callable[[_Weights], _Weights]
    """Takes distances that are not negative."""
    is_positive: bool = True
    """Whether no weight is below 0."""


def _tent(distance: _Weights) -> _Weights:
    return np.maximum(1 - distance, 0)


def _cubic(distance: _Weights) -> _Weights:
    near = (1.5 * distance - 2.5) * distance * distance + 1
    far = ((-0.5 * distance + 2.5) * distance - 4) * distance + 2
    return np.where(distance < 1, near, np.where(distance < 2, far, 0))


def _spline(distance: _Weights) -> _Weights:
    rest = np.maximum(2 - distance, 0)
    near = 2 / 3 - distance * distance * (1 - distance / 2)
    return np.where(distance < 1, near, rest * rest * rest / 6)


def _lanczos(distance: _Weights) -> _Weights:
    # At whole distances the sine is zero, but for its last bits.
    is_between = (distance < 3) & (distance != np.round(distance))
    return np.where(is_between, np.sinc(distance) * np.sinc(distance / 3), distance == 0)


TENT: Final = Filter(1, _tent)
FILTERS: Final[Mapping[str, Filter]] = MappingProxyType(
    {
        "bilinear": TENT,
        "cubic": Filter(2, _cubic, is_positive=False),
        "cubicspline": Filter(2, _spline),
        "lanczos": Filter(3, _lanczos, is_positive=False),
    }
)
"""By the names of gdalwarp."""
