"""Cells on the way from tiles into files: on the disk, as they come, to be read in the order and the pieces of a format.

So what a file holds does not depend on how the cube was cut, and what is known of a whole cube alone (a number that stands
nowhere, what is darkest) is known before the file is begun. Memory holds one tile, and blocks of a few MiB.
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twinlake.processing.openeo.cubes import Cube
from twinlake.processing.openeo.formats.parts import Place, lengths_of, place_part
from twinlake.processing.openeo.loading.source import Window
from twinlake.standards.openeo.errors import InternalError

_BLOCK = 1 << 21
"""Cells that are looked at together."""


class Spool:
    """The cells of a cube in a file in *folder*, row after row, with *order* of its dimensions.

    Parameters
    ----------
    flipped
        Names of dimensions along which the cells come the other way around.
    """

    def __init__(self, hollow: Cube, folder: Path, *, order: Sequence[str], flipped: Iterable[str] = ()) -> None:
        named = {each.name: each for each in hollow.dimensions}
        self._flipped = frozenset(flipped)
        self._hollow = hollow
        self._order = [list(named).index(name) for name in order]
        self.dimensions = tuple(
            named[name].take(range(len(named[name].labels))[::-1]) if name in self._flipped else named[name] for name in order
        )
        self.shape = tuple(len(each.labels) for each in self.dimensions)
        self.size = int(np.prod(self.shape, dtype=object))
        self.nan_is_nodata = hollow.values.nan_is_nodata
        self.cells = folder / "cells"
        self._gaps = folder / "gaps"
        self.is_truth = hollow.values.data.dtype == np.bool_
        """Whether cells are true and false, kept as 1 and 0."""
        self.dtype = np.dtype(np.uint8) if self.is_truth else hollow.values.data.dtype
        self.has_gaps = False
        """Whether a cell is not valid; NaN does not count."""
        _make(self.cells, self.size * self.dtype.itemsize)

    def fill(self, tiles: Iterable[tuple[Window, Cube]]) -> None:
        """Take in all tiles, of any size and in any order.

        Raises
        ------
        InternalError
            One is not what was foreseen, or they do not make the whole.
        """
        missing = self.size
        for window, tile in tiles:
            missing -= self._put(window, tile)
        if missing:
            raise InternalError("The parts of the result do not make a whole.")

    def read(self, place: Place) -> NDArray[Any]:
        """Return the cells at *place*, whatever stands where nothing is valid."""
        return self._read(self.cells, self.dtype, place)

    def read_valid(self, place: Place) -> NDArray[np.bool_]:
        """Return where cells at *place* are valid."""
        if not self.has_gaps:
            return np.ones(lengths_of(place), dtype=bool)
        return ~self._read(self._gaps, np.dtype(bool), place)

    def blocks(self) -> Iterator[tuple[NDArray[Any], NDArray[np.bool_]]]:
        """Yield all cells, and which of them are valid, in flat blocks."""
        for start in range(0, self.size, _BLOCK):
            end = min(start + _BLOCK, self.size)
            cells = np.fromfile(self.cells, self.dtype, end - start, offset=start * self.dtype.itemsize)
            if self.has_gaps:
                yield cells, ~np.fromfile(self._gaps, np.bool_, end - start, offset=start)
            else:
                yield cells, np.ones(end - start, dtype=bool)

    def fill_gaps(self, value: float, dtype: "np.dtype[Any]") -> None:
        """Put *value* where nothing is valid, and keep all cells as *dtype* from now on."""
        new = self.cells.with_name("filled")
        with new.open("wb") as file:
            for cells, valid in self.blocks():
                filled = cells.astype(dtype)
                filled[~valid] = value
                filled.tofile(file)
        new.replace(self.cells)
        self.dtype = dtype

    def _put(self, window: Window, tile: Cube) -> int:
        given, data, valid = place_part(self._hollow, window, tile), tile.values.data, tile.values.valid
        if not data.size:
            return 0
        place = self._place([given[number] for number in self._order])
        self._write(self.cells, self.dtype, place, self._turn(data))
        if valid is not None and not valid.all():
            if not self.has_gaps:
                _make(self._gaps, self.size)
                self.has_gaps = True
            self._write(self._gaps, np.dtype(bool), place, ~self._turn(valid))
        return int(data.size)

    def _place(self, given: Sequence[slice]) -> Place:
        """Return where in the file something is that the cube has at *given*, in the order of the file."""
        return tuple(
            slice(length - each.stop, length - each.start) if dimension.name in self._flipped else each
            for dimension, length, each in zip(self.dimensions, self.shape, given, strict=True)
        )

    def _turn(self, array: NDArray[Any]) -> NDArray[Any]:
        turned = array.transpose(self._order)
        return turned[tuple(slice(None, None, -1 if each.name in self._flipped else 1) for each in self.dimensions)]

    def _read(self, path: Path, dtype: "np.dtype[Any]", place: Place) -> NDArray[Any]:
        cells = np.empty(lengths_of(place), dtype=dtype)
        starts, length = self._runs(place)
        with path.open("rb") as file:
            for start, run in zip(starts, cells.reshape(len(starts), length), strict=True):
                file.seek(start * dtype.itemsize)
                file.readinto(run.data)
        return cells

    def _write(self, path: Path, dtype: "np.dtype[Any]", place: Place, cells: NDArray[Any]) -> None:
        starts, length = self._runs(place)
        with path.open("r+b") as file:
            for start, run in zip(starts, np.ascontiguousarray(cells, dtype=dtype).reshape(len(starts), length), strict=True):
                file.seek(start * dtype.itemsize)
                file.write(run.data)

    def _runs(self, place: Place) -> tuple[list[int], int]:
        """Return where the cells at *place* stand in the file, as the starts of runs of one length.

        A file is not mapped: it may be larger than the addresses that a child may use.
        """
        lengths = lengths_of(place)
        first = len(place)
        while first > 0 and lengths[first - 1] == self.shape[first - 1]:
            first -= 1
        first = max(first - 1, 0)
        starts = np.zeros((), dtype=np.int64)
        stride = self.size
        for each, total in zip(place[:first], self.shape, strict=False):
            stride //= total
            starts = np.add.outer(starts, np.arange(each.start, each.stop) * stride)
        if first < len(place):
            stride //= self.shape[first]
            starts += place[first].start * stride
        return starts.ravel().tolist(), int(np.prod(lengths[first:], dtype=int))


def _make(path: Path, size: int) -> None:
    with path.open("wb") as file:
        file.truncate(size)


def pieces(shape: Sequence[int], size: Sequence[int]) -> Iterator[Place]:
    """Yield the places of all pieces of *size*, those at the end of an axis shorter, in row-major order."""
    counts = [-(-length // each) for length, each in zip(shape, size, strict=True)]
    for number in np.ndindex(*counts):
        yield tuple(slice(n * each, min((n + 1) * each, length)) for n, each, length in zip(number, size, shape, strict=True))
