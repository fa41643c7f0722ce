"""Cubes out of their tiles, in memory: for formats that are no images and no arrays."""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from twinlake.processing.openeo.cubes import Cube
from twinlake.processing.openeo.formats.parts import place_part
from twinlake.processing.openeo.loading.source import Window
from twinlake.standards.openeo.errors import InternalError


def assemble(hollow: Cube, tiles: Iterable[tuple[Window, Cube]]) -> Cube:
    """Return the cube that *tiles* make together.

    Parameters
    ----------
    hollow
        Its dimensions, type and whether NaN means no data; cells of it are not looked at.

    Raises
    ------
    InternalError
        One is not what was foreseen, or they do not make the whole.
    """
    shape = tuple(len(each.labels) for each in hollow.dimensions)
    data = np.zeros(shape, dtype=hollow.values.data.dtype)
    valid = np.ones(shape, dtype=bool)
    missing = data.size
    for window, tile in tiles:
        where = place_part(hollow, window, tile)
        missing -= tile.values.data.size
        data[where] = tile.values.data
        valid[where] = True if tile.values.valid is None else tile.values.valid
    if missing:
        raise InternalError("The parts of the result do not make a whole.")
    values = replace(hollow.values, data=data, valid=None if valid.all() else valid)
    return Cube(values=values, dimensions=hollow.dimensions)
