"""Writes in batches what need not be written at once."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Protocol

from structlog.typing import FilteringBoundLogger

from twinlake.core.errors import TwinlakeError


class Flushable(Protocol):
    """Something that gathers in memory."""

    async def flush(self) -> None:
        """Write what was gathered."""
        ...


@asynccontextmanager
async def flushing(parts: Sequence[Flushable], *, every_seconds: float, log: FilteringBoundLogger) -> AsyncGenerator[None]:
    """Flush *parts* again and again while the block runs, and once more at its end."""
    task = asyncio.create_task(_flush_forever(parts, every_seconds, log))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await _flush(parts, log)


async def _flush_forever(parts: Sequence[Flushable], every_seconds: float, log: FilteringBoundLogger) -> None:
    while True:
        await asyncio.sleep(every_seconds)
        await _flush(parts, log)


async def _flush(parts: Sequence[Flushable], log: FilteringBoundLogger) -> None:
    """Flush each; a disk that is full must not end the loop, for it may have room again later."""
    for part in parts:
        try:
            await part.flush()
        except TwinlakeError as error:
            log.exception("could not write", what=type(part).__name__, reason=error.message)
