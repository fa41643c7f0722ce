"""A network between two processes that is as bad as a test wants it: slow, narrow, or cut."""

import asyncio
from typing import Self

_CHUNK_BYTES = 16 << 10


class ShapedProxy:
    """Passes TCP connections on to a port of this machine; its shape may be changed at any time.

    Attributes
    ----------
    delay_seconds
        By which every piece comes later, in either direction.
    bytes_per_second
        Of each connection and direction; None is as fast as can be.
    """

    def __init__(self, port: int, *, delay_seconds: float = 0.0, bytes_per_second: float | None = None) -> None:
        self._target = port
        self.delay_seconds = delay_seconds
        self.bytes_per_second = bytes_per_second
        self._is_cut = False
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        await self._end_connections()
        await self._server.wait_closed()

    @property
    def port(self) -> int:
        """Where it listens, on 127.0.0.1."""
        assert self._server is not None
        return int(self._server.sockets[0].getsockname()[1])

    @property
    def url(self) -> str:
        """The address to call instead of what is behind it."""
        return f"http://127.0.0.1:{self.port}"

    async def cut(self) -> None:
        """End all connections and take no more."""
        self._is_cut = True
        await self._end_connections()

    def mend(self) -> None:
        """Take connections again."""
        self._is_cut = False

    async def _end_connections(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            if not self._is_cut:
                await self._join(reader, writer)
        except (OSError, asyncio.CancelledError):
            pass  # an end of a connection, which is what this is for
        finally:
            self._tasks.discard(task)
            writer.transport.abort()

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", self._target)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._pass(reader, back))
                group.create_task(self._pass(there, writer))
        except* OSError:
            pass
        finally:
            back.transport.abort()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass one direction on until it ends; pieces keep their distance, so that a delay narrows nothing."""
        queue: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(maxsize=64)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._take(reader, queue))
            group.create_task(self._give(queue, writer))

    async def _take(self, reader: asyncio.StreamReader, queue: asyncio.Queue[tuple[float, bytes]]) -> None:
        loop = asyncio.get_running_loop()
        while True:
            piece = await reader.read(_CHUNK_BYTES)
            await queue.put((loop.time() + self.delay_seconds, piece))
            if not piece:
                return
            if self.bytes_per_second is not None:
                await asyncio.sleep(len(piece) / self.bytes_per_second)

    async def _give(self, queue: asyncio.Queue[tuple[float, bytes]], writer: asyncio.StreamWriter) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due, piece = await queue.get()
            await asyncio.sleep(max(0.0, due - loop.time()))
            if not piece:
                if writer.can_write_eof():
                    writer.write_eof()
                return
            writer.write(piece)
            await writer.drain()
