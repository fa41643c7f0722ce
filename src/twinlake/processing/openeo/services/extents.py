"""Which tile of the web shows all of a map."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from twinlake.processing.openeo.loading.reading.gathering import take_over
from twinlake.processing.openeo.services.mercator import HALF, MOST_ZOOM, WORLD, Tile
from twinlake.processing.openeo.shapes.dimensions import Dimension, find_horizontal
from twinlake.processing.openeo.shapes.projecting import DEGREES

_PLACES = 9
"""Points along each side that are looked at."""


def smallest_tile(cubes: Sequence[Sequence[Dimension]]) -> Tile:
    """Return the smallest tile that holds the pixels of the first cube that has some; the world where none has."""
    for dimensions in cubes:
        y, x = (dimensions[number] for number in find_horizontal(dimensions))
        if not y.labels or not x.labels:
            continue
        along_x, along_y = (_few(each.coordinates()) for each in (x, y))
        found_x, found_y = take_over(along_x, along_y, source=x.crs or DEGREES, target=3857, pixel=(1.0, 1.0))
        known = np.isfinite(found_x) & np.isfinite(found_y)
        if known.any():
            return _holding(found_x[known], found_y[known])
    return WORLD


def _few(coordinates: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(coordinates[np.linspace(0, len(coordinates) - 1, min(_PLACES, len(coordinates))).astype(int)])


def _holding(x: NDArray[np.float64], y: NDArray[np.float64]) -> Tile:
    found = WORLD
    for zoom in range(1, MOST_ZOOM + 1):
        size = 2 * HALF / 2**zoom
        columns = np.floor((np.array([x.min(), x.max()]) + HALF) / size).astype(int)
        rows = np.floor((HALF - np.array([y.max(), y.min()])) / size).astype(int)
        if columns[0] != columns[1] or rows[0] != rows[1]:
            break
        found = Tile(zoom, int(columns[0]), int(rows[0]))
    return found
