"""The gateway's side of drawing: one warm child, replaced when it crashes or hangs, gone when it has nothing to do."""

import asyncio
import contextlib
import json
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Self

from twinlake.core.errors import NotFoundError, OverloadedError
from twinlake.engines.sandbox import Child, Limits, start_child
from twinlake.jobs.socket_path import short_path

_CHILD = "twinlake.holdings.previews.child"
_LIMITS = Limits(memory_bytes=3 << 30, cpu_seconds=600, file_bytes=1 << 20)
_TILE_SECONDS = 20.0
_START_SECONDS = 30.0
_WAITING = 64
_POLL_SECONDS = 0.02
SOCKET = "tiles.sock"
"""What the child listens on, in its working directory."""


@dataclass(frozen=True, slots=True)
class TileRequest:
    """One tile of WebMercatorQuad (OGC 17-083r4), 256 pixels wide, of a raster file."""

    path: str
    z: int
    x: int
    y: int


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
        self._work = folder / "work"
        self._inputs = folder / "inputs"
        self._readable = tuple(readable)
        self._lock = asyncio.Lock()
        self._waiting = 0
        self._child: Child | None = None
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def __aenter__(self) -> Self:
        shutil.rmtree(self._folder, ignore_errors=True)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._end()

    async def draw(self, request: TileRequest) -> bytes:
        """Return the tile as PNG; transparent where the raster has nothing.

        Raises
        ------
        UndrawableError
            The file cannot be drawn, or drawing it took too long.
        OverloadedError
            Too many tiles are waiting.
        """
        if self._waiting >= _WAITING:
            raise OverloadedError("Too many previews are waiting.", retry_after_seconds=2)
        self._waiting += 1
        try:
            async with self._lock:
                return await self._ask(request)
        finally:
            self._waiting -= 1

    async def _ask(self, request: TileRequest) -> bytes:
        try:
            try:
                picture = await self._exchange(request)
            except (EOFError, ConnectionError):
                await self._end()  # it had nothing to do for a while, or fell over a file before: a new one gets its chance
                picture = await self._exchange(request)
        except BaseException as error:  # the stream is out of step with the child: both go
            await self._end()
            if isinstance(error, TimeoutError | OSError | EOFError):
                raise UndrawableError("This file cannot be drawn as a map.") from error
            raise
        if not picture:
            raise UndrawableError("This file cannot be drawn as a map.")
        return picture

    async def _exchange(self, request: TileRequest) -> bytes:
        reader, writer = self._streams or await self._start()
        with self._shown(Path(request.path)) as path:
            async with asyncio.timeout(_TILE_SECONDS):
                writer.write(json.dumps(asdict(replace(request, path=str(path)))).encode() + b"\n")
                await writer.drain()
                length = int.from_bytes(await reader.readexactly(4), "big")
                return await reader.readexactly(length)

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

    async def _start(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        for folder in (self._work, self._inputs):
            folder.mkdir(mode=0o700, parents=True)
        self._child = start_child(
            _CHILD, message=b"", limits=_LIMITS, scratch=self._work, readable=(self._inputs, *self._readable)
        )
        async with asyncio.timeout(_START_SECONDS):
            while True:
                with contextlib.suppress(FileNotFoundError, ConnectionRefusedError), short_path(self._work / SOCKET) as address:
                    self._streams = await asyncio.open_unix_connection(address)
                    return self._streams
                await asyncio.sleep(_POLL_SECONDS)

    async def _end(self) -> None:
        if self._streams:
            self._streams[1].close()
        if self._child:
            self._child.kill()
            await self._child.wait()
        shutil.rmtree(self._folder, ignore_errors=True)
        self._child = self._streams = None
