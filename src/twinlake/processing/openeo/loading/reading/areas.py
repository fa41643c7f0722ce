"""Pixels outside of what a load is for: they have no data."""

from collections.abc import Sequence
from functools import cached_property

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from twinlake.core.documents import JsonObject
from twinlake.processing.openeo.loading.reading.canvas import Canvas
from twinlake.processing.openeo.shapes.areas import Pixels, cover, read_pixels
from twinlake.processing.openeo.shapes.dimensions import Dimension
from twinlake.processing.openeo.shapes.geometries import read_areas
from twinlake.processing.openeo.shapes.projecting import find_way


class Area:
    """Polygons of GeoJSON in a cube with *dimensions*, or none."""

    def __init__(self, document: JsonObject | None, dimensions: Sequence[Dimension]) -> None:
        self._document = document
        self._dimensions = dimensions

    def apply(self, canvas: Canvas, dimensions: Sequence[Dimension]) -> None:
        """Take the data out of the cells of a part of the cube that lie in none of the polygons."""
        if self._document is not None:
            canvas.forget(~cover(read_pixels(dimensions), self._polygons))

    @cached_property
    def _polygons(self) -> list[BaseGeometry]:
        pixels = read_pixels(self._dimensions)
        return read_areas(self._document, pixels.crs, within=pixels.outline)


class Frame:
    """The box around the pixels of a load, along its own axes, for pixels that lie otherwise.

    Parameters
    ----------
    dimensions
        Of the load.
    """

    def __init__(self, dimensions: Sequence[Dimension]) -> None:
        self._own = read_pixels(dimensions)

    def apply(self, canvas: Canvas, dimensions: Sequence[Dimension]) -> None:
        """Take the data out of the cells of a part of a cube whose centres lie outside."""
        pixels = read_pixels(dimensions)
        rows, columns = np.arange(len(pixels.y)), np.arange(len(pixels.x))
        edges = [(rows[[0, -1]], columns), (rows, columns[[0, -1]])]
        if not all(self._find(pixels, *each).all() for each in edges):  # what its edge lies in, all of it lies in
            canvas.forget(~self._find(pixels, rows, columns))

    def _find(self, pixels: Pixels, rows: NDArray[np.intp], columns: NDArray[np.intp]) -> NDArray[np.bool_]:
        way = find_way(pixels.crs, self._own.crs)
        x, y = np.meshgrid(pixels.x[columns], pixels.y[rows])
        if way is not None:
            x, y = way(x, y)
        west, south, east, north = shapely.bounds(self._own.outline)
        found = np.zeros(x.shape, dtype=bool)
        for turn in self._own.turns:
            found |= (x + turn >= west) & (x + turn <= east)
        found &= (y >= south) & (y <= north)
        return found
