"""A part of a cube that is known by its bytes: certain bands, times and places of it, as a load wants them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from shapely.geometry.base import BaseGeometry

from twinlake.core.documents import JsonObject
from twinlake.processing.openeo.cubes import Cube
from twinlake.processing.openeo.kernels.pixels.masking import find_covered, replace_pixels
from twinlake.processing.openeo.loading.pins import Narrowing
from twinlake.processing.openeo.loading.planning.grids import limit
from twinlake.processing.openeo.loading.planning.labels import choose_bands, no_data, no_time
from twinlake.processing.openeo.loading.source import Source, Window, range_of
from twinlake.processing.openeo.shapes.areas import Pixels, find_vectors_in_areas, find_vectors_in_box, read_pixels, take_columns
from twinlake.processing.openeo.shapes.dimensions import Dimension, find_horizontal, find_kind, find_temporal, horizontal_of
from twinlake.processing.openeo.shapes.geometries import read_areas
from twinlake.processing.openeo.shapes.times import Interval, begins_of, find_within, read_starts
from twinlake.standards.openeo.errors import ProcessParameterInvalidError


def narrow(source: Source, narrowing: Narrowing) -> Source:
    """Return the part of *source* that is wanted; itself where that is all of it.

    Raises
    ------
    ProcessError
        ``NoDataAvailable``: nothing is left; ``TemporalExtentEmpty``; ``DimensionNotAvailable``, ``TooManyDimensions``.
    ProcessParameterInvalidError
        There is no such band, or the cube has no pixels that could lie within an extent.
    """
    if narrowing == Narrowing():
        return source
    dimensions, places = source.hollow.dimensions, {}
    if narrowing.bands is not None:
        number, chosen = _choose_bands(dimensions, narrowing.bands)
        places[number] = chosen
    if narrowing.temporal_extent is not None:
        number = find_temporal(dimensions, None)
        places[number] = _choose_times(dimensions[number], narrowing.temporal_extent)
    extent, area = narrowing.spatial_extent, None
    if extent is not None:
        if vectors := find_kind(dimensions, "geometry"):
            places |= {number: _choose_vectors(dimensions[number], extent) for number in vectors}
        else:
            y, x = find_horizontal(dimensions)
            area = None if "west" in extent else extent
            box = extent if area is None else None
            places[y], places[x] = limit(dimensions[y], dimensions[x], box=box, area=area)
    return _Narrowed(source=source, places={dimensions[number].name: each for number, each in places.items()}, area=area)


@dataclass(frozen=True, kw_only=True)
class _Narrowed:
    source: Source
    places: Mapping[str, Sequence[int]]
    """Of the labels that are left, by dimension."""
    area: JsonObject | None
    """GeoJSON: pixels in none of its polygons have no data."""

    @cached_property
    def hollow(self) -> Cube:
        """The cube without a cell along its spatial dimensions; see `Source`."""
        cube = self.source.hollow
        for number, each in enumerate(cube.dimensions):
            if each.name in self.places:
                cube = _take(cube, number, self.places[each.name])
        return cube

    @property
    def chunks(self) -> Mapping[str, int]:
        """How many labels along each dimension are stored together."""
        stored = self.source.chunks
        return {each.name: min(stored[each.name], max(len(each.labels), 1)) for each in self.hollow.dimensions}

    def close(self) -> None:
        """Close what is open; see `Source`."""
        self.source.close()

    def read(self, window: Window) -> Cube:
        """Return a part; see `Source`."""
        own: dict[str, Sequence[int]] = {
            each.name: [self.places[each.name][place] for place in range_of(each, window)]
            for each in self.hollow.dimensions
            if each.name in self.places
        }
        around = {name: slice(min(each, default=0), max(each, default=-1) + 1) for name, each in own.items()}
        cube = self.source.read({**window, **around})
        whole = {each.name: each for each in self.hollow.dimensions}
        for number, each in enumerate(cube.dimensions):
            if each.name in own:
                made = cube.take(number, [place - around[each.name].start for place in own[each.name]])
                named = whole[each.name].take(range_of(whole[each.name], window))
                cube = Cube(values=made.values, dimensions=made.with_dimension(number, named))
        if self.area is None:
            return cube
        rows, columns = (
            slice(each.start, each.stop) for each in (range_of(own, window) for own in horizontal_of(self.hollow.dimensions))
        )
        return replace_pixels(cube, ~find_covered(cube, self._pixels, self._polygons, (rows, columns)), None)

    @cached_property
    def _pixels(self) -> Pixels:
        return read_pixels(self.hollow.dimensions)

    @cached_property
    def _polygons(self) -> list[BaseGeometry]:
        return read_areas(self.area, self._pixels.crs, within=self._pixels.outline)


def _take(cube: Cube, number: int, places: Sequence[int]) -> Cube:
    own, made = cube.dimensions[number], cube.take(number, places)
    if own.axis != "x":
        return made
    return Cube(values=made.values, dimensions=made.with_dimension(number, take_columns(own, places)))


def _choose_bands(dimensions: Sequence[Dimension], wanted: Sequence[str]) -> tuple[int, list[int]]:
    found = find_kind(dimensions, "bands")
    if len(found) != 1:
        raise ProcessParameterInvalidError("The cube has no dimension of bands of which some could be chosen.")
    (number,) = found
    labels: list[Any] = list(dimensions[number].labels)
    return number, [labels.index(each) for each in choose_bands(dimensions[number], wanted).labels]


def _choose_vectors(dimension: Dimension, extent: JsonObject) -> list[int]:
    found = find_vectors_in_box(dimension, extent) if "west" in extent else find_vectors_in_areas(dimension, extent)
    if not found:
        raise no_data("that lies within the spatial extent as a whole")
    return found


def _choose_times(dimension: Dimension, extent: Interval) -> list[int]:
    found = find_within(read_starts(dimension), extent, dimension.calendar)
    if not found:
        raise no_time(str(each) for each in begins_of(dimension))
    return found
