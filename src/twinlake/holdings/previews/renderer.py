"""The gateway's side of drawing: one warm child, replaced when it crashes or hangs, gone when it has nothing to do."""

import asyncio
import json
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

import msgspec

from twinlake.core.documents import JsonObject
from twinlake.core.errors import NotFoundError, OverloadedError
from twinlake.engines.sandbox import Limits, Worker, WorkerFellError

_CHILD = "twinlake.holdings.previews.child"
_LIMITS = Limits(memory_bytes=3 << 30, cpu_seconds=600, file_bytes=1 << 20)
_TILE_SECONDS = 20.0
_WAITING = 64


@dataclass(frozen=True, slots=True)
class TileRequest:
    """One tile of WebMercatorQuad (OGC 17-083r4), 256 pixels wide, of a raster file."""

    path: str
    z: int
    x: int
    y: int
    bands: Sequence[int] = ()
    """Places of the bands of red, green and blue; where there are none, what the file says of its bands tells what is drawn."""


class BandSummary(msgspec.Struct, frozen=True, kw_only=True):
    """What is in a band; figures are None where nothing is."""

    name: str
    valid: float
    """Share of pixels with a value."""
    minimum: float | None
    maximum: float | None
    mean: float | None
    deviation: float | None
    """Standard deviation of the whole."""


class ColourScale(msgspec.Struct, frozen=True, kw_only=True):
    """From which values to which the colours of tiles go."""

    lowest: float
    highest: float
    colours: tuple[str, ...]
    """``#rrggbb``, evenly from the lowest to the highest."""


class RasterSummary(msgspec.Struct, frozen=True, kw_only=True):
    """What is in a raster file, told from a copy of at most 512 by 512 pixels."""

    bands: tuple[BandSummary, ...]
    """The first of them."""
    count: int
    """Of all bands."""
    shown: tuple[int, ...]
    """Places of the bands that tiles show."""
    scale: ColourScale | None
    """None where tiles are in the file's own colours, or each of three bands has its own scale."""


class UndrawableError(NotFoundError):
    """The file is no raster that can be put on a map."""

    code = "no-preview"


class PreviewRenderer:
    """Draws tiles one after the other in one child process, which sees the one file that it draws and no other.

    Parameters
    ----------
    folder
        For the child's scratch and inputs, on the file system of the objects. What an earlier renderer left in it goes.
    readable
        Folders whose files the child reads where they lie; any other file is linked into its inputs while it draws.
    """

    def __init__(self, *, folder: Path, readable: Sequence[Path] = ()) -> None:
        self._folder = folder
        self._inputs = folder / "inputs"
        self._readable = tuple(readable)
        self._drawing = asyncio.Lock()
        self._waiting = 0
        self._worker = Worker(_CHILD, work=folder / "work", limits=_LIMITS, readable=(self._inputs, *self._readable))

    async def __aenter__(self) -> Self:
        shutil.rmtree(self._folder, ignore_errors=True)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._worker.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    async def draw(self, request: TileRequest) -> bytes:
        """Return the tile as PNG; transparent where the raster has nothing.

        Raises
        ------
        UndrawableError
            The file cannot be drawn, or drawing it took too long.
        OverloadedError
            Too many tiles are waiting.
        """
        return await self._wait_for(Path(request.path), asdict(request))

    async def summarise(self, path: str, bands: Sequence[int] = ()) -> RasterSummary:
        """Return what is in a raster file, of which *bands* are drawn as in a `TileRequest`; raises as `draw` does."""
        told = await self._wait_for(Path(path), {"bands": bands})
        return msgspec.json.decode(told, type=RasterSummary)

    async def _wait_for(self, path: Path, order: JsonObject) -> bytes:
        if self._waiting >= _WAITING:
            raise OverloadedError("Too many previews are waiting.", retry_after_seconds=2)
        self._waiting += 1
        try:
            async with self._drawing:
                return await self._ask(path, order)
        finally:
            self._waiting -= 1

    async def _ask(self, path: Path, order: JsonObject) -> bytes:
        self._inputs.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._shown(path) as shown:
            message = json.dumps({**order, "path": str(shown)}).encode()
            try:
                answer = await self._worker.ask(message, seconds=_TILE_SECONDS)
            except WorkerFellError as error:
                raise UndrawableError("This file cannot be drawn as a map.") from error
        if not answer:
            raise UndrawableError("This file cannot be drawn as a map.")
        return answer

    @contextmanager
    def _shown(self, path: Path) -> Iterator[Path]:
        """Give a name of *path* under which the child may read it, good inside the context."""
        if any(path.is_relative_to(folder) for folder in self._readable):
            yield path
            return
        link = self._inputs / path.name
        link.hardlink_to(path)
        try:
            yield link
        finally:
            link.unlink()
