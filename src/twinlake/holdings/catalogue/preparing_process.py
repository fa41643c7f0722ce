"""Processes that check and prepare the items of bulk loads, beside the one that writes them.

Frames go there by standard input and come back by standard output, each its length (8 bytes, big-endian) and MessagePack.
Such a process opens no file and no connection, and ends when its input does, so that none outlives its site.
"""

import asyncio
import fcntl
import gc
import os
import sys
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Self

import msgspec

from twinlake.core.errors import OverloadedError
from twinlake.holdings.catalogue.interfaces import ItemText
from twinlake.holdings.catalogue.preparing import Prepared, Preparer

_PROGRAM = f"from {__name__} import main; main()"
_LENGTH_BYTES = 8
_PIPE_BYTES = 1 << 20
_MOST = 3
"""More would prepare more than the writer can write."""


class Batch(msgspec.Struct, array_like=True):
    """What a process is to prepare (`Preparer.prepare_texts`)."""

    preparer: Preparer
    texts: Sequence[ItemText]
    first: int
    collection: str | None


class PreparingProcesses:
    """Prepares batches in processes that are started when first needed and end with this."""

    def __init__(self, *, count: int | None = None) -> None:
        self._count = count or min(os.cpu_count() or 1, _MOST)
        self._idle: asyncio.LifoQueue[asyncio.subprocess.Process | None] = asyncio.LifoQueue()
        self._running: set[asyncio.subprocess.Process] = set()
        for _ in range(self._count):
            self._idle.put_nowait(None)

    @property
    def count(self) -> int:
        """How many batches may be prepared side by side."""
        return self._count

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for process in list(self._running):
            await self._end(process)

    async def prepare(self, batch: Batch) -> Prepared:
        """Have a batch prepared.

        Raises
        ------
        OverloadedError
            The process was ended from outside, by want of memory for instance.
        """
        async with self._borrow() as process:
            assert process.stdin is not None  # both are pipes of ours
            assert process.stdout is not None
            try:
                frame = msgspec.msgpack.encode(batch)
                process.stdin.write(len(frame).to_bytes(_LENGTH_BYTES, "big"))
                process.stdin.write(frame)
                await process.stdin.drain()
                length = int.from_bytes(await process.stdout.readexactly(_LENGTH_BYTES), "big")
                return msgspec.msgpack.decode(await process.stdout.readexactly(length), type=Prepared)
            except (asyncio.IncompleteReadError, ConnectionError) as error:
                raise OverloadedError("A process that prepares items was ended.", remedy="Send the items again.") from error

    @asynccontextmanager
    async def _borrow(self) -> AsyncGenerator[asyncio.subprocess.Process]:
        """Take a process that nobody uses. One whose use was broken off is ended: its answer would reach the next."""
        process = await self._idle.get()
        is_whole = False
        try:
            process = process or await self._start()
            yield process
            is_whole = True
        finally:
            if process is not None and not is_whole:
                await self._end(process)
            self._idle.put_nowait(process if is_whole else None)

    async def _start(self) -> asyncio.subprocess.Process:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", _PROGRAM), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=_PIPE_BYTES
        )
        self._running.add(process)
        return process

    async def _end(self, process: asyncio.subprocess.Process) -> None:
        self._running.discard(process)
        with suppress(ProcessLookupError):
            process.kill()
        await process.communicate()


def main() -> None:
    """Prepare what comes until there is no more."""
    gc.freeze()
    gc.disable()  # documents have no cycles; looking for some while they are made takes a third of the time
    source, target = sys.stdin.buffer, sys.stdout.buffer
    for stream in (source, target):
        fcntl.fcntl(stream, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
    while len(head := source.read(_LENGTH_BYTES)) == _LENGTH_BYTES:
        batch = msgspec.msgpack.decode(source.read(int.from_bytes(head, "big")), type=Batch)
        prepared = batch.preparer.prepare_texts(batch.texts, first=batch.first, collection=batch.collection)
        frame = msgspec.msgpack.encode(prepared)
        target.write(len(frame).to_bytes(_LENGTH_BYTES, "big"))
        target.write(frame)
        target.flush()
        del batch, prepared, frame
        gc.collect()
