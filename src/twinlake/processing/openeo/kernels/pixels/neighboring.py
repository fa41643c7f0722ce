"""A process that is run on parts of a cube, each with what lies around it."""

from dataclasses import dataclass
from itertools import product
from typing import Any

import msgspec
import numpy as np

from twinlake.processing.openeo.cubes import Cube
from twinlake.processing.openeo.evaluating import Callback
from twinlake.processing.openeo.kernels.cells.assembling import Place, assemble, extend
from twinlake.processing.openeo.kernels.cells.numbers import deepen
from twinlake.processing.openeo.shapes.axes import read_axis
from twinlake.processing.openeo.shapes.dimensions import Dimension
from twinlake.processing.openeo.shapes.neighborhoods import Chunk
from twinlake.processing.openeo.shapes.windows import clip, shift
from twinlake.processing.openeo.tools import Cells
from twinlake.processing.openeo.values import Values
from twinlake.standards.openeo.errors import ProcessError

_SAME = ("name", "kind", "axis", "crs", "labels")
"""What a process must leave as it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighborhoods:
    """Parts of a cube, some or all."""

    dimensions: tuple[Dimension, ...]
    """Of the whole cube."""
    chunks: tuple[list[Chunk], ...]
    """Along each; these and those of the other dimensions meet in a part."""

    def windows(self) -> list[slice]:
        """Return which places the parts come of, with those around them, along each dimension."""
        return [
            clip(slice(min(each.outer.start for each in chunks), max(each.outer.stop for each in chunks)), len(dimension.labels))
            if chunks
            else slice(0, 0)
            for chunks, dimension in zip(self.chunks, self.dimensions, strict=True)
        ]

    def regions(self) -> list[slice]:
        """Return which places the parts have, along each dimension."""
        return [slice(chunks[0].inner.start, chunks[-1].inner.stop) if chunks else slice(0, 0) for chunks in self.chunks]

    def only_array(self) -> int | None:
        """Return along which dimension alone the parts have more than one label; None where it is more than one."""
        long = [number for number, chunks in enumerate(self.chunks) if any(_length(each.outer) != 1 for each in chunks)]
        return None if len(long) > 1 else (long or [0])[0]


def run_on_cubes(parts: Neighborhoods, cube: Cube, process: Callback, context: Any) -> Cube:
    """Return what *process* makes of parts, put together; it is given a cube for each.

    Parameters
    ----------
    cube
        The places of `Neighborhoods.windows`; hollow, it is taken for the first part along those dimensions.

    Raises
    ------
    ProcessError
        ``DataCubePropertiesImmutable``: it returned something other than a cube of these dimensions.
    """
    hollow = [number for number in range(len(cube.dimensions)) if cube.is_hollow_along(number)]
    windows, regions = parts.windows(), parts.regions()
    shape = [0 if number in hollow else _length(region) for number, region in enumerate(regions)]
    made: list[tuple[Place, Values]] = []
    for chunks in product(*parts.chunks):
        given = cube
        for number, (chunk, window) in enumerate(zip(chunks, windows, strict=True)):
            given = _take(given, number, parts.dimensions[number], chunk.outer, shift(chunk.outer, -window.start))
        result = _same_dimensions(process.evaluate(data=given, context=context), given.dimensions)
        for number, chunk in enumerate(chunks):
            result = result.cut(number, shift(chunk.inner, -chunk.outer.start))
        place = [shift(chunk.inner, -region.start) for chunk, region in zip(chunks, regions, strict=True)]
        made.append((tuple([slice(0) if number in hollow else each for number, each in enumerate(place)]), result.values))
    return Cube(values=assemble(tuple(shape), made), dimensions=_regions(parts.dimensions, regions))


def run_on_arrays(parts: Neighborhoods, cube: Cube, process: Callback, context: Any, *, along: int) -> Cube:
    """Return what *process* makes of parts that have one label but along one dimension; it is given arrays, all at once.

    Parameters
    ----------
    cube
        The places of `Neighborhoods.windows`, or hollow.

    Raises
    ------
    ProcessError
        ``DataCubePropertiesImmutable``: it returned something other than an array of as many elements.
    """
    windows, regions = parts.windows(), parts.regions()
    cells = cube.array_along(along).data.shape[1:]
    is_hollow = cube.is_hollow_along(along)
    made: list[tuple[Place, Values]] = []
    for chunk in parts.chunks[along]:
        outer = shift(chunk.outer, -windows[along].start)
        part = _take(cube, along, parts.dimensions[along], chunk.outer, outer)
        array = part.array_along(along)
        result = process(cells=Cells(part.dimensions, along), data=array, context=context)
        if not result.is_array or len(result.data) != len(array.data):
            raise _changed(f"it made no array of {len(array.data)} elements")
        kept = slice(0) if is_hollow else shift(chunk.inner, -chunk.outer.start)
        place = slice(0) if is_hollow else shift(chunk.inner, -regions[along].start)
        made.append(((place,), deepen(result.elements(kept), len(cells) + 1)))
    values = assemble((0 if is_hollow else _length(regions[along]), *cells), made)
    data = np.moveaxis(values.data, 0, along)
    valid = None if values.valid is None else np.moveaxis(values.valid, 0, along)
    dimensions = _regions(parts.dimensions, regions)
    return Cube(values=Values(data=data, valid=valid, nan_is_nodata=values.nan_is_nodata), dimensions=dimensions)


def _take(cube: Cube, number: int, dimension: Dimension, outer: slice, places: slice) -> Cube:
    """Return the places of a part along one dimension, those beyond the border without data.

    Parameters
    ----------
    dimension
        Of the whole cube, in which the part has the places *outer*, as it has *places* in *cube*.
    """
    inside = clip(places, len(cube.dimensions[number].labels))
    taken = cube.cut(number, inside)
    before, behind = inside.start - places.start, places.stop - inside.stop
    if not before and not behind:
        return taken
    beyond = read_axis(dimension, step=None).coordinates(np.arange(outer.start, outer.stop)).tolist()
    labels = (*beyond[:before], *taken.dimensions[number].labels, *beyond[len(beyond) - behind :])
    values = taken.values if cube.is_hollow_along(number) else extend(taken.values, number, before, behind)
    labeled = msgspec.structs.replace(taken.dimensions[number], labels=labels, is_enumerated=False)
    return Cube(values=values, dimensions=taken.with_dimension(number, labeled))


def _same_dimensions(result: Any, wanted: tuple[Dimension, ...]) -> Cube:
    """Return the result with its dimensions in order."""
    if not isinstance(result, Cube):
        raise _changed("it made no cube")
    given = {each.name: each for each in result.dimensions}
    for each in wanted:
        other = given.get(each.name)
        if len(given) != len(wanted) or other is None or any(getattr(each, name) != getattr(other, name) for name in _SAME):
            raise _changed(f"dimension {each.name!r} is not as it was")
    return Cube(values=result.laid_along(wanted), dimensions=wanted)


def _changed(how: str) -> ProcessError:
    return ProcessError("DataCubePropertiesImmutable", f"The process must leave dimensions and their labels as they are: {how}.")


def _regions(dimensions: tuple[Dimension, ...], regions: list[slice]) -> tuple[Dimension, ...]:
    return tuple([each.take(range(len(each.labels))[region]) for each, region in zip(dimensions, regions, strict=True)])


def _length(places: slice) -> int:
    return int(places.stop - places.start)
