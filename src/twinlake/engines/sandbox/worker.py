"""A warm child that answers one message after the other: it has read its libraries once, and is replaced when it falls.

Protocol, on a Unix socket in the child's working directory: four bytes of length (big-endian) and so many bytes, each way.
"""

import asyncio
import contextlib
import shutil
import socket
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from twinlake.engines.sandbox.child import Child, start_child
from twinlake.engines.sandbox.limits import Limits
from twinlake.engines.sandbox.socket_path import short_path
from twinlake.engines.sandbox.user_program import UserProgram

_SOCKET = "worker.sock"
_START_SECONDS = 30.0
_POLL_SECONDS = 0.02
_IDLE_SECONDS = 120.0
_LENGTH_BYTES = 4


class WorkerFellError(Exception):
    """The child crashed or hung over a message; the next message gets a new one."""


class Worker:
    """The parent's side; one message at a time.

    Parameters
    ----------
    module
        What the child runs; it calls `serve`.
    work
        The child's scratch: made when it starts, and gone with it.
    readable, user_program
        As `start_child` has them.
    """

    def __init__(
        self,
        module: str,
        *,
        work: Path,
        limits: Limits,
        readable: Sequence[Path] | None,
        user_program: UserProgram | None = None,
    ) -> None:
        self._module = module
        self._work = work
        self._limits = limits
        self._readable = readable
        self._user_program = user_program
        self._lock = asyncio.Lock()
        self._child: Child | None = None
        self._idle_seconds = 0.0
        self._ended_seconds = 0.0
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    @property
    def cpu_seconds(self) -> float:
        """CPU time of all children so far, without what they took to be ready for their first message."""
        return self._ended_seconds + (self._child.cpu_seconds - self._idle_seconds if self._streams and self._child else 0.0)

    async def ask(self, message: bytes, *, seconds: float) -> bytes:
        """Return the answer to *message*; it must come within *seconds*.

        Raises
        ------
        WorkerFellError
            The child crashed over it, twice, or hung.
        """
        async with self._lock:
            try:
                try:
                    return await self._exchange(message, seconds)
                except (EOFError, ConnectionError):
                    await self._end()  # it had nothing to do for a while, or fell over a message before
                    return await self._exchange(message, seconds)
            except BaseException as error:  # the stream is out of step with the child: both go
                await self._end()
                if isinstance(error, TimeoutError | OSError | EOFError):
                    raise WorkerFellError(str(error) or type(error).__name__) from error
                raise

    async def close(self) -> None:
        """End the child."""
        async with self._lock:
            await self._end()

    async def _exchange(self, message: bytes, seconds: float) -> bytes:
        reader, writer = self._streams or await self._start()
        async with asyncio.timeout(seconds):
            writer.write(len(message).to_bytes(_LENGTH_BYTES, "big") + message)
            await writer.drain()
            length = int.from_bytes(await reader.readexactly(_LENGTH_BYTES), "big")
            return await reader.readexactly(length)

    async def _start(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        shutil.rmtree(self._work, ignore_errors=True)
        self._work.mkdir(mode=0o700, parents=True)
        self._child = start_child(
            self._module,
            message=b"",
            limits=self._limits,
            scratch=self._work,
            readable=self._readable,
            user_program=self._user_program,
        )
        async with asyncio.timeout(_START_SECONDS):
            while True:
                with contextlib.suppress(FileNotFoundError, ConnectionRefusedError), short_path(self._work / _SOCKET) as address:
                    self._streams = await asyncio.open_unix_connection(address)
                    self._idle_seconds = self._child.cpu_seconds
                    return self._streams
                await asyncio.sleep(_POLL_SECONDS)

    async def _end(self) -> None:
        if self._streams:
            self._streams[1].close()
        if self._child:
            self._child.kill()
            ended = await self._child.wait()
            self._ended_seconds += ended.cpu_seconds - self._idle_seconds if self._streams else 0.0
        shutil.rmtree(self._work, ignore_errors=True)
        self._child = self._streams = None


def serve(answer: Callable[[bytes], bytes]) -> None:
    """Answer the messages of one parent, in the child; return when it has gone, or has asked nothing for two minutes."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(_SOCKET)
        listener.listen(1)
        connection, _ = listener.accept()
        connection.settimeout(_IDLE_SECONDS)
        with connection, connection.makefile("rwb") as stream, contextlib.suppress(TimeoutError):
            while length := stream.read(_LENGTH_BYTES):
                answered = answer(_read(stream, int.from_bytes(length, "big")))
                stream.write(len(answered).to_bytes(_LENGTH_BYTES, "big") + answered)
                stream.flush()


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


def _read(stream: _Readable, length: int) -> bytes:
    message = stream.read(length)
    if len(message) < length:
        raise EOFError("The parent has gone.")
    return message
