"""Work for somebody who waits: it ends when they have gone."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from starlette.requests import ClientDisconnect, Request

_Made = TypeVar("_Made")


async def while_waiting(request: Request, work: Coroutine[Any, Any, _Made]) -> _Made:
    """Return what *work* makes for a request of which the body was read.

    Raises
    ------
    ClientDisconnect
        Nobody waits for the answer any more; the work has ended.
    """
    task, watch = asyncio.create_task(work), asyncio.create_task(_until_gone(request))
    try:
        await asyncio.wait({task, watch}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        raise ClientDisconnect
    finally:
        for each in (task, watch):
            each.cancel()
        await asyncio.gather(task, watch, return_exceptions=True)


async def _until_gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
