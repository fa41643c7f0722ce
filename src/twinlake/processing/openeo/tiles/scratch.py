"""Parts of cubes kept in files until the end of a run: durable once written, so that a run taken up again goes on there.

A part that is held keeps its file open, and a process may open few: where there may be many parts, they are taken one by one.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from twinlake.processing.openeo.cubes import Cube
from twinlake.processing.openeo.kernels.cells.assembling import Place, common_type, fill
from twinlake.processing.openeo.loading.source import Window
from twinlake.processing.openeo.reporting import Told
from twinlake.processing.openeo.shapes.dimensions import Dimension
from twinlake.processing.openeo.tiles.usage import NO_USAGE, TileUsage
from twinlake.processing.openeo.tiles.windows import cut
from twinlake.processing.openeo.values import Values


class _Header(msgspec.Struct, frozen=True, kw_only=True):
    type: str
    shape: tuple[int, ...]
    has_mask: bool
    nan_is_nodata: bool
    texts: list[Any] | None = None
    """Values that are no numbers, flat."""
    usage: TileUsage = NO_USAGE


class Scratch:
    """The parts of one stage, by number, below a folder of their own."""

    def __init__(self, folder: Path, dimensions: tuple[Dimension, ...], windows: Sequence[Window]) -> None:
        self._folder = folder
        self._dimensions = dimensions
        self.windows = windows
        """What is in each part, by its number."""
        folder.mkdir(parents=True, exist_ok=True)

    def __contains__(self, number: int) -> bool:
        return self._path(number).exists()

    def put(self, number: int, cube: Cube, usage: TileUsage = NO_USAGE) -> None:
        """Keep a part, and what it took; it survives a crash once this returns."""
        values = cube.values
        is_plain = values.data.dtype != object
        header = msgspec.json.encode(
            _Header(
                type=values.data.dtype.str,
                shape=values.data.shape,
                has_mask=values.valid is not None,
                nan_is_nodata=values.nan_is_nodata,
                texts=None if is_plain else values.data.ravel().tolist(),
                usage=usage,
            )
        )
        # Two may be at one part: a worker of an attempt that was given up, and one of the next.
        with NamedTemporaryFile(prefix=f"{number}.", dir=self._folder, delete=False) as file:
            file.write(len(header).to_bytes(8, "little") + header)
            if is_plain:
                file.write(np.ascontiguousarray(values.data).data)
            if values.valid is not None:
                file.write(np.ascontiguousarray(values.valid).data)
            file.flush()
            os.fsync(file.fileno())
        Path(file.name).rename(self._path(number))
        folder = os.open(self._folder, os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def put_notes(self, number: int, notes: Sequence[Told]) -> None:
        """Keep what was told while a part was made, for `take_notes` in another process."""
        if notes:
            self._notes(number).write_bytes(msgspec.json.encode(notes))

    def take_notes(self, numbers: Sequence[int]) -> Iterator[Told]:
        """Yield what was told while parts were made, once."""
        for number in numbers:
            path = self._notes(number)
            if path.exists():
                notes = msgspec.json.decode(path.read_bytes(), type=list[Told])
                path.unlink()
                yield from notes

    def get(self, number: int) -> Cube:
        """Return a part; its values are read from the file when they are used."""
        path = self._path(number)
        header, length = _read_header(path)
        dtype, offset = np.dtype(header.type), 8 + length
        data: NDArray[Any]
        if header.texts is not None:
            data = np.empty(len(header.texts), dtype=object)
            data[:] = header.texts
            data = data.reshape(header.shape)
        else:
            data = _map(path, dtype, offset, header.shape)
            offset += data.nbytes
        valid = _map(path, np.dtype(bool), offset, header.shape) if header.has_mask else None
        dimensions = cut(Cube(values=_nothing(self._dimensions), dimensions=self._dimensions), self.windows[number]).dimensions
        return Cube(values=Values(data=data, valid=valid, nan_is_nodata=header.nan_is_nodata), dimensions=dimensions)

    def find_type(self) -> tuple[np.dtype[Any], bool]:
        """Return the type that holds the values of all parts, and whether NaN means no data in one of them."""
        return self._type_of(range(len(self.windows)))

    def usage(self) -> TileUsage:
        """Return what all parts took that are there."""
        there = [number for number in range(len(self.windows)) if number in self]
        return TileUsage.sum(_read_header(self._path(number))[0].usage for number in there)

    def all(self) -> Iterator[tuple[Window, Cube]]:
        """Yield each part with its window, in order."""
        for number, window in enumerate(self.windows):
            yield window, self.get(number)

    def read(self, window: Window) -> Cube:
        """Return what lies in a window, of one part or of several."""
        parts: list[tuple[int, Place, Window]] = []
        wanted = [window[each.name] for each in self._dimensions]
        for number, each in enumerate(self.windows):
            places = [each[dimension.name] for dimension in self._dimensions]
            common = [
                slice(max(one.start, other.start), min(one.stop, other.stop)) for one, other in zip(places, wanted, strict=True)
            ]
            if any(part.start >= part.stop for part in common):
                continue
            inside = {
                dimension.name: slice(part.start - own.start, part.stop - own.start)
                for dimension, part, own in zip(self._dimensions, common, places, strict=True)
            }
            if common == wanted:
                return cut(self.get(number), inside)
            place = tuple([slice(part.start - to.start, part.stop - to.start) for part, to in zip(common, wanted, strict=True)])
            parts.append((number, place, inside))
        shape = tuple([part.stop - part.start for part in wanted])
        dtype, nan_is_nodata = self._type_of([number for number, _, _ in parts])
        found = ((place, cut(self.get(number), inside).values) for number, place, inside in parts)
        values = fill(shape, found, dtype, nan_is_nodata=nan_is_nodata)
        dimensions = cut(Cube(values=_nothing(self._dimensions), dimensions=self._dimensions), window).dimensions
        return Cube(values=values, dimensions=dimensions)

    def _type_of(self, numbers: Iterable[int]) -> tuple[np.dtype[Any], bool]:
        headers = [_read_header(self._path(number))[0] for number in numbers]
        types = {np.dtype(each.type) for each in headers}
        return common_type(sorted(types, key=str)), any(each.nan_is_nodata for each in headers)

    def _notes(self, number: int) -> Path:
        return self._folder / f"{number}.notes"

    def _path(self, number: int) -> Path:
        return self._folder / str(number)


def _read_header(path: Path) -> tuple[_Header, int]:
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        return msgspec.json.decode(file.read(length), type=_Header), length


def _map(path: Path, dtype: np.dtype[Any], offset: int, shape: tuple[int, ...]) -> NDArray[Any]:
    if 0 in shape:
        return np.zeros(shape, dtype=dtype)
    return np.memmap(path, dtype=dtype, mode="r", offset=offset, shape=shape)


def _nothing(dimensions: Sequence[Dimension]) -> Values:
    """Return values that take no memory, for what only counts dimensions."""
    return Values(data=np.broadcast_to(np.float32(0), tuple([len(each.labels) for each in dimensions])))
