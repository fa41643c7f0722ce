"""Cubes out of their tiles, in memory: for formats that are no images and no arrays."""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from twinlake.processing.openeo.cubes import Cube
from twinlake.processing.openeo.loading.source import Window
from twinlake.standards.openeo.errors import InternalError


def place(window: Window, cube: Cube) -> tuple[slice, ...]:
    """Return where a tile of *cube* lies, as numpy takes it."""
    return tuple(slice(*window.get(each.name, slice(None)).indices(len(each.labels))) for each in cube.dimensions)


def assemble(hollow: Cube, tiles: Iterable[tuple[Window, Cube]]) -> Cube:
    """Return the cube that *tiles* make together.

    Parameters
    ----------
    hollow
        Its dimensions, type and whether NaN means no data; cells of it are not looked at.

    Raises
    ------
    InternalError
        They are not of the type that was told before, or do not make the whole.
    """
    shape = tuple(len(each.labels) for each in hollow.dimensions)
    data = np.zeros(shape, dtype=hollow.values.data.dtype)
    valid = np.ones(shape, dtype=bool)
    missing = data.size
    for window, tile in tiles:
        if [each.name for each in tile.dimensions] != [each.name for each in hollow.dimensions]:
            raise InternalError("A part of the result has other dimensions than were foreseen.")
        if tile.values.data.dtype != data.dtype:
            raise InternalError(f"A part of the result is {tile.values.data.dtype}, and {data.dtype} was foreseen.")
        missing -= tile.values.data.size
        where = place(window, hollow)
        data[where] = tile.values.data
        valid[where] = True if tile.values.valid is None else tile.values.valid
    if missing:
        raise InternalError("The parts of the result do not make a whole.")
    values = replace(hollow.values, data=data, valid=None if valid.all() else valid)
    return Cube(values=values, dimensions=hollow.dimensions)
