"""Regular grids: where the pixels of a cube lie, as images tell it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from twinlake.processing.openeo.shapes.dimensions import Dimension, find_horizontal

_CLOSE = 1e-3
"""Of a pixel: so far from its place a centre may be written in a file of the field."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """Pixels at equal distances, north (or what is above) first."""

    width: int
    height: int
    transform: tuple[float, float, float, float, float, float]
    """Of the CRS: pixel width, 0, x of the outer corner, 0, minus pixel height, y of the outer corner."""
    crs: int | str | None
    flips_y: bool
    """Whether y rises along the cube, so that rows change their order."""
    flips_x: bool

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """West, south, east, north of the outer edges, in the CRS."""
        width, _, west, _, height, north = self.transform
        return west, north + height * self.height, west + width * self.width, north


def read_grid(dimensions: Sequence[Dimension]) -> Grid | None:
    """Return the grid of the horizontal dimensions; None where it is not regular, or nothing tells the size of a pixel.

    A single pixel along one axis is as long as those along the other one are.

    Raises
    ------
    ProcessParameterInvalidError
        There is none along x or y, or its labels are no coordinates.
    """
    y, x = (dimensions[number] for number in find_horizontal(dimensions))
    rows, columns = y.coordinates(), x.coordinates()
    down, right = _step(rows), _step(columns)
    if down is None and right is None:
        return None
    down, right = down if down is not None else -abs(right or 0), right if right is not None else abs(down or 0)
    for centres, step in ((rows, down), (columns, right)):
        places = centres[0] + step * np.arange(len(centres))
        if step == 0 or not np.isfinite(centres).all() or (np.abs(places - centres) > abs(step) * _CLOSE).any():
            return None
    west = min(columns[0], columns[-1]) - abs(right) / 2
    north = max(rows[0], rows[-1]) + abs(down) / 2
    return Grid(
        width=len(columns),
        height=len(rows),
        transform=(abs(right), 0.0, float(west), 0.0, -abs(down), float(north)),
        crs=x.crs if x.crs is not None else y.crs,
        flips_y=down > 0,
        flips_x=right < 0,
    )


def _step(centres: "np.ndarray[tuple[int], np.dtype[np.float64]]") -> float | None:
    """Return how far centres are apart on average; None of a single one."""
    return float((centres[-1] - centres[0]) / (len(centres) - 1)) if len(centres) > 1 else None
