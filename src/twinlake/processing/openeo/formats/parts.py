"""Tiles of a result, which must be what was foreseen: whatever does not fit would be wrong numbers that nobody sees."""

from twinlake.processing.openeo.cubes import Cube
from twinlake.processing.openeo.loading.source import Window
from twinlake.standards.openeo.errors import InternalError

Place = tuple[slice, ...]
"""Start and end along each dimension, both stated."""


def place_part(hollow: Cube, window: Window, tile: Cube) -> Place:
    """Return where *tile* lies in the cube of which *hollow* tells dimensions and type.

    Raises
    ------
    InternalError
        It has other dimensions, another type or another size.
    """
    if [each.name for each in tile.dimensions] != [each.name for each in hollow.dimensions]:
        raise InternalError("A part of the result has other dimensions than were foreseen.")
    if tile.values.data.dtype != hollow.values.data.dtype:
        raise InternalError(f"A part of the result is {tile.values.data.dtype}, and {hollow.values.data.dtype} was foreseen.")
    place = tuple(slice(*window.get(each.name, slice(None)).indices(len(each.labels))[:2]) for each in hollow.dimensions)
    if tile.values.data.shape != lengths_of(place):
        raise InternalError("A part of the result is not as large as its window.")
    return place


def lengths_of(place: Place) -> tuple[int, ...]:
    """Return how many cells are at *place* along each dimension."""
    return tuple(max(each.stop - each.start, 0) for each in place)
