"""The gateway's side of drawing tiles: one warm child, which sees the files of the services that it draws."""

import asyncio
import hashlib
import json
import shutil
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from twinlake.core.documents import JsonObject
from twinlake.engines.sandbox import Limits, Worker, WorkerFellError
from twinlake.processing.openeo.graphs import refuse_for
from twinlake.processing.openeo.inputs import Inputs
from twinlake.processing.openeo.loading.pins import read_pinned
from twinlake.processing.openeo.services.mercator import Tile
from twinlake.standards.openeo.errors import InfrastructureBusyError, ProcessGraphComplexityError

_CHILD = "twinlake.processing.openeo.services.child"
_LIMITS = Limits(memory_bytes=3 << 30, cpu_seconds=36_000, file_bytes=1 << 30, open_files=1024)
_SECONDS = 30.0
_WAITING = 64
_MOST_SERVICES = 32
"""Whose files lie before the child."""


Charge = Callable[[float], None]
"""Is told how many seconds of CPU time something took."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """What is drawn and how."""

    graph: JsonObject
    definitions: Mapping[str, Any]
    pins: JsonObject
    style: JsonObject


@dataclass(frozen=True, slots=True)
class Scale:
    """From which values to which colours go."""

    lowest: float
    highest: float
    bands: int
    """1, or 3 or 4 for red, green, blue and opacity."""
    unit: str | None
    """Of the values, where it is known."""
    bbox: tuple[float, float, float, float]
    """West, south, east, north of what is loaded, in degrees."""


class TileRenderer:
    """Draws tiles one after the other.

    Parameters
    ----------
    folder
        For the child's scratch and inputs, on the file system of the objects. What an earlier renderer left in it goes.
    readable
        Folders of which files are read where they lie.
    """

    def __init__(self, *, folder: Path, inputs: Inputs, readable: Sequence[Path]) -> None:
        self._folder = folder
        self._inputs = inputs
        self._worker = Worker(_CHILD, work=folder / "work", limits=_LIMITS, readable=(folder / "inputs", *readable))
        self._drawing = asyncio.Lock()
        self._laid_out: OrderedDict[str, dict[str, str]] = OrderedDict()
        self._waiting = 0

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(shutil.rmtree, self._folder, ignore_errors=True)
        await asyncio.to_thread((self._folder / "inputs").mkdir, mode=0o700, parents=True)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._worker.close()
        await asyncio.to_thread(shutil.rmtree, self._folder, ignore_errors=True)

    async def draw(self, tile: Tile, picture: Picture, *, charge: Charge) -> bytes:
        """Return a tile as PNG; *charge* is told what it took, whatever came of it.

        Raises
        ------
        GraphFailedError
            The graph cannot be computed, or is no map.
        ProcessGraphComplexityError
            A tile takes too long, or too much memory.
        InfrastructureBusyError
            Too many tiles are waiting.
        """
        return await self._wait_for(picture, {"tile": [tile.z, tile.x, tile.y]}, charge)

    async def find_scale(self, picture: Picture, *, charge: Charge) -> Scale:
        """Return the scale of all tiles; raises as `draw` does."""
        found = json.loads(await self._wait_for(picture, {}, charge))
        return Scale(found["lowest"], found["highest"], found["bands"], found["unit"], tuple(found["bbox"]))

    async def _wait_for(self, picture: Picture, asked: Mapping[str, Any], charge: Charge) -> bytes:
        if self._waiting >= _WAITING:
            raise InfrastructureBusyError("Too many tiles are waiting.", remedy="Try again in a moment.")
        order = {name: getattr(picture, name) for name in Picture.__dataclass_fields__}
        service = hashlib.sha256(json.dumps(order, sort_keys=True).encode()).hexdigest()
        self._waiting += 1
        try:
            async with self._drawing:
                before = self._worker.cpu_seconds
                try:
                    return await self._ask({"service": service, **asked}, order)
                finally:
                    charge(self._worker.cpu_seconds - before)
        except WorkerFellError as error:
            raise ProcessGraphComplexityError("A tile takes too long, or too much memory.") from error
        finally:
            self._waiting -= 1

    async def _ask(self, message: Mapping[str, Any], order: Mapping[str, Any]) -> bytes:
        answer = await self._worker.ask(json.dumps(message).encode(), seconds=_SECONDS)
        if answer[:1] == b"U":
            files = await self._lay_out(message["service"], order["pins"])
            told = {**message, "order": {**order, "files": files}}
            answer = await self._worker.ask(json.dumps(told).encode(), seconds=_SECONDS)
        if answer[:1] in {b"P", b"S"}:
            return answer[1:]
        failure = json.loads(answer[1:])
        raise refuse_for(failure["code"], failure["message"])

    async def _lay_out(self, service: str, pins: JsonObject) -> dict[str, str]:
        folder = self._folder / "inputs" / service
        if service not in self._laid_out:
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
            await asyncio.to_thread(folder.mkdir, mode=0o700)
            self._laid_out[service] = await self._inputs.lay_out(read_pinned(pins), folder)
            if len(self._laid_out) > _MOST_SERVICES:
                oldest, _ = self._laid_out.popitem(last=False)
                await asyncio.to_thread(shutil.rmtree, self._folder / "inputs" / oldest, ignore_errors=True)
        self._laid_out.move_to_end(service)
        return self._laid_out[service]
