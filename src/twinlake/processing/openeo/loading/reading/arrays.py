"""Cubes of named arrays, read in the child: NetCDF, HDF5 and Zarr, window by window.

On regular and rotated grids cells are those of the file; on curvilinear ones the nearest, if a place lies in it at all.
"""

from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twinlake.holdings.readers.arrays import ArrayFile, ArrayVariable
from twinlake.holdings.readers.attributes import number_of
from twinlake.holdings.readers.cubes import open_arrays
from twinlake.holdings.readers.formats import ZARR_V3, detect
from twinlake.holdings.readers.memory import Memory
from twinlake.processing.openeo.cubes import Cube
from twinlake.processing.openeo.kernels.cells.blocks import IN_CACHE, blocks
from twinlake.processing.openeo.loading.pins import ArrayPins, CubeFile, CubeVariable
from twinlake.processing.openeo.loading.reading.areas import Area
from twinlake.processing.openeo.loading.reading.canvas import Canvas, hollow_values
from twinlake.processing.openeo.loading.reading.errors import refuse, unlike
from twinlake.processing.openeo.loading.reading.gathering import Piece
from twinlake.processing.openeo.loading.reading.layouts import CellFinder
from twinlake.processing.openeo.loading.source import Window, range_of
from twinlake.processing.openeo.shapes.dimensions import Dimension

_OPEN_FILES = 32
_ARCHIVE = b"PK\x03\x04"


@contextmanager
def open_cubes(pins: ArrayPins, files: Mapping[str, Path]) -> Iterator["ArraySource"]:
    """Yield the source of *pins*; *files* are where the pinned ones lie, by key."""
    with ExitStack() as stack:
        source = ArraySource(pins, files)
        stack.callback(source.close)
        yield source


class ArraySource:
    """The cube of some files of arrays; made by `open_cubes`."""

    def __init__(self, pins: ArrayPins, files: Mapping[str, Path]) -> None:
        self._pins = pins
        self._paths = [files[each.file.key] for each in pins.cubes]
        self._open: OrderedDict[int, tuple[ExitStack, ArrayFile]] = OrderedDict()
        self._cells = CellFinder(pins)
        self._area = Area(pins.area, pins.dimensions)
        self._memory = Memory()

    def close(self) -> None:
        """Close all files."""
        while self._open:
            self._open.popitem(last=False)[1][0].close()
        self._memory = Memory()

    @property
    def hollow(self) -> Cube:
        shape = tuple(0 if each.kind == "spatial" else len(each.labels) for each in self._pins.dimensions)
        return Cube(values=hollow_values(shape, self._pins.dtype), dimensions=self._pins.dimensions)

    @cached_property
    def chunks(self) -> Mapping[str, int]:
        """How the first variable of the first file is stored, which stands for all."""
        stored: dict[str, int] = {}
        for cube in self._pins.cubes[:1]:
            with refuse(cube.file):
                pinned = cube.variables[0]
                variable = self._variable(0, pinned)
                stored = dict(zip(_own_names(cube, pinned), variable.chunks or (), strict=False))
        if self._pins.is_curvilinear:
            stored = {name: length for name, length in stored.items() if name not in {"y", "x"}}
        return {each.name: min(stored.get(each.name, 1), max(len(each.labels), 1)) for each in self._pins.dimensions}

    def read(self, window: Window) -> Cube:
        places = [range_of(each, window) for each in self._pins.dimensions]
        dimensions = tuple(each.take(own) for each, own in zip(self._pins.dimensions, places, strict=True))
        canvas = Canvas(tuple(map(len, places)), self._pins.dtype)
        for number, cube in enumerate(self._pins.cubes):
            times = [(own, label - places[0].start) for own, label in cube.times if label in places[0]]
            for pinned in cube.variables:
                if times and pinned.band in places[1]:
                    with refuse(cube.file):
                        self._read_variable(number, pinned, canvas, times, places, dimensions)
        self._area.apply(canvas, dimensions)
        return Cube(values=canvas.values(), dimensions=dimensions)

    def _read_variable(  # noqa: PLR0917 - one part of one file, and where it goes
        self,
        number: int,
        pinned: CubeVariable,
        canvas: Canvas,
        times: Sequence[tuple[int, int]],
        places: Sequence[range],
        dimensions: Sequence[Dimension],
    ) -> None:
        cube, variable = self._pins.cubes[number], self._variable(number, pinned)
        others = self._choose_others(places)
        for piece in self._cells.find(cube, self._file(number), variable, dimensions[-2], dimensions[-1]):
            for own, label in _list_stretches(times):
                rest = (pinned.band - places[1].start, ..., piece.target_rows, piece.target_columns)
                if canvas.is_full((label, *rest)):
                    continue
                stored = _read_block(variable, cube, pinned, own, others, piece)
                is_plain = piece.is_whole and (pinned.scale, pinned.offset) == (1.0, 0.0)
                if is_plain and canvas.can_take((label, *rest), stored):
                    for part in blocks(stored.shape, IN_CACHE):
                        variable.drop_missing(stored[part])
                    canvas.take(stored)
                    continue
                step = max(1, IN_CACHE * len(stored) // max(1, stored.size))
                for start in range(0, len(stored), step):
                    values, there = self._decode(variable, pinned, stored[start : start + step])
                    begin = label.start + start
                    place = (slice(begin, begin + len(values)), *rest)
                    canvas.fill(place, piece.gather(values), piece.gather(there, outside=False))

    def _choose_others(self, places: Sequence[range]) -> dict[str, slice | list[int]]:
        """Return where in the files the labels of a part stand along the dimensions that have their own names."""
        chosen: dict[str, slice | list[int]] = {}
        for (name, own), part in zip(self._pins.others.items(), places[2:-2], strict=True):
            wanted = [own[each] for each in part]
            is_run = wanted == list(range(wanted[0], wanted[0] + len(wanted))) if wanted else False
            chosen[name] = slice(wanted[0], wanted[0] + len(wanted)) if is_run else wanted
        return chosen

    def _decode(
        self, variable: ArrayVariable, pinned: CubeVariable, stored: NDArray[Any]
    ) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """Return values and which are there; scale and offset are applied in float64, once."""
        stored = variable.as_values(stored)
        there = ~(variable.is_missing(stored) | variable.is_beyond(stored))
        if (pinned.scale, pinned.offset) == (1.0, 0.0):
            return stored, there
        return (stored.astype(np.float64) * pinned.scale + pinned.offset).astype(self._pins.dtype), there

    def _variable(self, number: int, pinned: CubeVariable) -> ArrayVariable:
        """Return a variable of a file, which is as its item says."""
        file, cube = self._file(number), self._pins.cubes[number]
        variable = file.variables.get(pinned.name)
        if variable is None:
            raise unlike(cube.file, f"has no variable {pinned.name!r}")
        if variable.dimensions != pinned.dimensions or variable.value_dtype.name != pinned.dtype:
            own = f"{variable.value_dtype.name} along {', '.join(variable.dimensions)}"
            raise unlike(cube.file, f"has {pinned.name!r} as {own}, and not {pinned.dtype} along {', '.join(pinned.dimensions)}")
        packing = tuple(number_of(dict(variable.attributes), name) for name in ("scale_factor", "add_offset"))
        packing = (1.0 if packing[0] is None else packing[0], packing[1] or 0.0)
        if packing != (pinned.scale, pinned.offset):
            raise unlike(cube.file, f"packs {pinned.name!r} by {packing}, and not by {(pinned.scale, pinned.offset)}")
        lengths = dict(zip(variable.dimensions, variable.shape, strict=True))
        if cube.time is not None and lengths[cube.time] <= max((own for own, _ in cube.times), default=0):
            raise unlike(cube.file, f"has only {lengths[cube.time]} times")
        if any(lengths[name] <= max(own, default=-1) for name, own in self._pins.others.items()):
            raise unlike(cube.file, "has fewer levels")
        return variable

    def _file(self, number: int) -> ArrayFile:
        if number in self._open:
            self._open.move_to_end(number)
            return self._open[number][1]
        if len(self._open) >= _OPEN_FILES:
            self._open.popitem(last=False)[1][0].close()
        with ExitStack() as stack:
            path = self._paths[number]
            file = stack.enter_context(open_arrays(path, ZARR_V3 if _is_archive(path) else detect(path), self._memory))
            self._open[number] = (stack.pop_all(), file)
        return file


def _is_archive(path: Path) -> bool:
    """Tell whether a file is a Zarr store in one archive."""
    if path.is_dir():
        return False
    with path.open("rb") as file:
        return file.read(len(_ARCHIVE)) == _ARCHIVE


def _own_names(cube: CubeFile, pinned: CubeVariable) -> list[str]:
    """Return what the cube calls the dimensions of a variable."""
    names = {cube.time: "t", cube.y: "y", cube.x: "x"}
    return [names.get(each, each) for each in pinned.dimensions]


def _list_stretches(times: Sequence[tuple[int, int]]) -> Iterator[tuple[slice, slice]]:
    """Yield times that follow one another both in the file and in the cube."""
    begin = 0
    for end in range(1, len(times) + 1):
        is_next = end < len(times) and all(times[end][side] == times[end - 1][side] + 1 for side in (0, 1))
        if not is_next:
            yield tuple(slice(times[begin][side], times[end - 1][side] + 1) for side in (0, 1))  # type: ignore[misc]
            begin = end


def _read_block(  # noqa: PLR0917 - where a block lies, dimension by dimension
    variable: ArrayVariable,
    cube: CubeFile,
    pinned: CubeVariable,
    time: slice,
    others: Mapping[str, slice | list[int]],
    piece: Piece,
) -> NDArray[Any]:
    """Return stored values: of times, others, y and x, in this order."""
    wanted: dict[str, slice | list[int]] = {
        **others,
        cube.y: slice(piece.top, piece.top + piece.height),
        cube.x: slice(piece.left, piece.left + piece.width),
    }
    if cube.time is not None:
        wanted[cube.time] = time
    selection = tuple(_span(wanted[name]) for name in pinned.dimensions)
    stored = np.asarray(variable.read(selection))
    for axis, name in enumerate(pinned.dimensions):
        chosen = wanted[name]
        if isinstance(chosen, list):
            stored = np.take(stored, np.array(chosen, dtype=np.int64) - selection[axis].start, axis=axis)
    order = [cube.time] if cube.time is not None else []
    stored = stored.transpose([pinned.dimensions.index(name) for name in (*order, *others, cube.y, cube.x) if name is not None])
    return stored if cube.time is not None else stored[None]


def _span(chosen: slice | list[int]) -> slice:
    if isinstance(chosen, slice):
        return chosen
    return slice(min(chosen), max(chosen) + 1) if chosen else slice(0, 0)
