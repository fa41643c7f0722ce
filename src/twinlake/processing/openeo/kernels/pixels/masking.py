"""Pixels that are replaced because of where they lie."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from twinlake.processing.openeo.cubes import Cube
from twinlake.processing.openeo.kernels.cells.assembling import put
from twinlake.processing.openeo.shapes.areas import Pixels, Window, cover
from twinlake.processing.openeo.shapes.dimensions import find_horizontal


def find_covered(
    cube: Cube, pixels: Pixels, geometries: Sequence[BaseGeometry], window: Window | None = None
) -> NDArray[np.bool_]:
    """Return which pixels belong to *geometries*, y before x; a hollow cube has none.

    Parameters
    ----------
    pixels
        Of the whole cube of which *cube* is a part.
    geometries
        In the CRS of the cube, each of one part.
    window
        Where that part is.
    """
    shape = tuple(cube.values.data.shape[number] for number in find_horizontal(cube.dimensions))
    return cover(pixels, geometries, window) if all(shape) else np.zeros(shape, dtype=bool)


def replace_pixels(cube: Cube, pixels: NDArray[np.bool_], replacement: object) -> Cube:
    """Replace *pixels*, y before x, in all layers; `None` is no data, and what is no data stays so."""
    y, x = find_horizontal(cube.dimensions)
    others = [number for number in range(len(cube.dimensions)) if number not in {y, x}]
    where = np.expand_dims(pixels if y < x else pixels.T, tuple(others)) & cube.values.where()
    return Cube(values=put(cube.values, where, replacement), dimensions=cube.dimensions)
