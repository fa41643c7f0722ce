"""Where a map lies, and which tile of the web shows all of it."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from twinlake.processing.openeo.loading.reading.gathering import take_over
from twinlake.processing.openeo.services.mercator import HALF, MOST_ZOOM, WORLD, Tile
from twinlake.processing.openeo.shapes.dimensions import Dimension, find_horizontal
from twinlake.processing.openeo.shapes.projecting import DEGREES

Box = tuple[float, float, float, float]
"""West, south, east, north in metres of the web's tiles."""
_PLACES = 9
"""Points along each side that are looked at."""


def find_box(cubes: Sequence[Sequence[Dimension]]) -> Box:
    """Return the edges of the centres of the pixels of the first cube that has some; those of the world where none has."""
    for dimensions in cubes:
        y, x = (dimensions[number] for number in find_horizontal(dimensions))
        if not y.labels or not x.labels:
            continue
        along_x, along_y = (_few(each.coordinates()) for each in (x, y))
        found_x, found_y = take_over(along_x, along_y, source=x.crs or DEGREES, target=3857, pixel=(1.0, 1.0))
        known = np.isfinite(found_x) & np.isfinite(found_y)
        if known.any():
            xs, ys = found_x[known], found_y[known]
            return float(xs.min()), float(ys.min()), float(xs.max()), float(ys.max())
    return -HALF, -HALF, HALF, HALF


def _few(coordinates: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(coordinates[np.linspace(0, len(coordinates) - 1, min(_PLACES, len(coordinates))).astype(int)])


def smallest_tile(box: Box) -> Tile:
    """Return the smallest tile that holds a box; the world for one that no tile holds."""
    west, south, east, north = box
    found = WORLD
    for zoom in range(1, MOST_ZOOM + 1):
        size = 2 * HALF / 2**zoom
        columns = [math.floor((each + HALF) / size) for each in (west, east)]
        rows = [math.floor((HALF - each) / size) for each in (north, south)]
        if columns[0] != columns[1] or rows[0] != rows[1]:
            break
        found = Tile(zoom, columns[0], rows[0])
    return found
