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
from twinlake.processing.openeo.loading.source import Window
from twinlake.standards.openeo.errors import InternalError

_BLOCK = 1 << 21
"""Cells that are looked at together."""
Place = tuple[slice, ...]


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
        self._order = [list(named).index(name) for name in order]
        self.dimensions = tuple(
            named[name].take(range(len(named[name].labels))[::-1]) if name in self._flipped else named[name] for name in order
        )
        self.shape = tuple(len(each.labels) for each in self.dimensions)
        self.size = int(np.prod(self.shape, dtype=object))
        self.nan_is_nodata = hollow.values.nan_is_nodata
        self.cells = folder / "cells"
        self._gaps = folder / "gaps"
        self._kept = hollow.values.data.dtype
        self.dtype = self._kept if self._kept != np.bool_ else np.dtype(np.uint8)
        self.has_gaps = False
        """Whether a cell is not valid; NaN does not count."""
        _make(self.cells, self.size * self.dtype.itemsize)

    @property
    def is_truth(self) -> bool:
        """Whether cells are true and false, kept as 1 and 0."""
        return self._kept == np.bool_

    def fill(self, tiles: Iterable[tuple[Window, Cube]]) -> None:
        """Take in all tiles, of any size and in any order.

        Raises
        ------
        InternalError
            They are not of the type that was told before, or do not make the whole.
        """
        missing = self.size
        for window, tile in tiles:
            missing -= self._put(window, tile)
        if missing:
            raise InternalError("The parts of the result do not make a whole.")

    def read(self, place: tuple[slice | int, ...]) -> NDArray[Any]:
        """Return the cells at *place*, whatever stands where nothing is valid."""
        return np.array(self._open(self.cells, self.dtype, "r")[place])

    def read_valid(self, place: Place) -> NDArray[np.bool_]:
        """Return where cells at *place* are valid."""
        if not self.has_gaps:
            return np.ones(tuple(len(range(*each.indices(n))) for each, n in zip(place, self.shape, strict=True)), dtype=bool)
        return ~np.array(self._open(self._gaps, np.dtype(bool), "r")[place])

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
        data, valid = tile.values.data, tile.values.valid
        if data.dtype != self._kept:
            raise InternalError(f"A part of the result is {data.dtype}, and {self._kept} was foreseen.")
        place = self._place(window)
        self._open(self.cells, self.dtype, "r+")[place] = self._turn(data)
        if valid is not None and not valid.all():
            if not self.has_gaps:
                _make(self._gaps, self.size)
                self.has_gaps = True
            self._open(self._gaps, np.dtype(bool), "r+")[place] = ~self._turn(valid)
        return int(data.size)

    def _place(self, window: Window) -> Place:
        place = []
        for each, length in zip(self.dimensions, self.shape, strict=True):
            start, stop, _ = window.get(each.name, slice(None)).indices(length)
            place.append(slice(length - stop, length - start) if each.name in self._flipped else slice(start, stop))
        return tuple(place)

    def _turn(self, array: NDArray[Any]) -> NDArray[Any]:
        turned = array.transpose(self._order)
        return turned[tuple(slice(None, None, -1 if each.name in self._flipped else 1) for each in self.dimensions)]

    def _open(self, path: Path, dtype: "np.dtype[Any]", mode: Any) -> NDArray[Any]:
        """Map a file for as long as the result is held: pages that nobody maps are not this process's memory."""
        if not self.size:
            return np.empty(self.shape, dtype=dtype)
        return np.memmap(path, dtype=dtype, mode=mode, shape=self.shape)


def _make(path: Path, size: int) -> None:
    with path.open("wb") as file:
        file.truncate(size)


def pieces(shape: Sequence[int], size: Sequence[int]) -> Iterator[Place]:
    """Yield the places of all pieces of *size*, those at the end of an axis shorter, in row-major order."""
    counts = [-(-length // each) for length, each in zip(shape, size, strict=True)]
    for number in np.ndindex(*counts):
        yield tuple(slice(n * each, min((n + 1) * each, length)) for n, each, length in zip(number, size, shape, strict=True))
