"""The gateway's side of drawing: one warm child, replaced when it crashes or hangs, gone when it has nothing to do."""

import asyncio
import contextlib
import json
import shutil
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from twinlake.core.errors import NotFoundError, OverloadedError
from twinlake.engines.sandbox import Child, Limits, start_child

_LIMITS = Limits(memory_bytes=3 << 30, cpu_seconds=600, file_bytes=1 << 20)
_TILE_SECONDS = 20.0
_START_SECONDS = 30.0
_WAITING = 64
_POLL_SECONDS = 0.02


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
    """Draws tiles one after the other in one child process."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._waiting = 0
        self._child: Child | None = None
        self._scratch: Path | None = None
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def __aenter__(self) -> Self:
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
        async with asyncio.timeout(_TILE_SECONDS):
            writer.write(json.dumps(asdict(request)).encode() + b"\n")
            await writer.drain()
            length = int.from_bytes(await reader.readexactly(4), "big")
            return await reader.readexactly(length)

    async def _start(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        self._scratch = Path(tempfile.mkdtemp(prefix="twinlake-preview-"))
        address = self._scratch / "tiles.sock"
        self._child = start_child(
            "twinlake.holdings.previews.child", message=f"{address}\n".encode(), limits=_LIMITS, scratch=self._scratch
        )
        async with asyncio.timeout(_START_SECONDS):
            while True:
                with contextlib.suppress(FileNotFoundError, ConnectionRefusedError):
                    self._streams = await asyncio.open_unix_connection(str(address))
                    return self._streams
                await asyncio.sleep(_POLL_SECONDS)

    async def _end(self) -> None:
        if self._streams:
            self._streams[1].close()
        if self._child:
            self._child.kill()
            await self._child.wait()
        if self._scratch:
            shutil.rmtree(self._scratch, ignore_errors=True)
        self._child = self._scratch = self._streams = None
