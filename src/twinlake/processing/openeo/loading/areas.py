"""Pixels outside of the polygons that a load is for: they have no data."""

from collections.abc import Sequence
from functools import cached_property

from shapely.geometry.base import BaseGeometry

from twinlake.core.documents import JsonObject
from twinlake.processing.openeo.loading.canvas import Canvas
from twinlake.processing.openeo.shapes.areas import cover, read_pixels
from twinlake.processing.openeo.shapes.dimensions import Dimension
from twinlake.processing.openeo.shapes.geometries import read_areas


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
