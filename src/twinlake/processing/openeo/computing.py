"""Checking graphs, and computing those that are done while somebody waits, in confined children that are kept warm."""

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from twinlake.engines.sandbox import Limits, Worker, WorkerFellError
from twinlake.standards.openeo.errors import InfrastructureBusyError, ProcessGraphComplexityError
from twinlake.standards.openeo.graph import Fault

_CHILD = "twinlake.processing.openeo.child"
_CHILDREN = 2
_WAITING = 64
_SECONDS = 60.0
_LIMITS = Limits(memory_bytes=2 << 30, cpu_seconds=3600, file_bytes=1 << 20)


class Computing:
    """Asks the children; made by `open_computing`."""

    def __init__(self, workers: Sequence[Worker], *, inline_cubes: bool) -> None:
        self._inline_cubes = inline_cubes
        self._free: asyncio.Queue[Worker] = asyncio.Queue()
        for worker in workers:
            self._free.put_nowait(worker)
        self._waiting = 0

    async def check(self, graph: bytes, definitions: Mapping[str, bytes], *, parameters: Sequence[str] = ()) -> list[Fault]:
        """Return what is wrong with *graph*, in JSON, which is given *parameters* by name and may call *definitions*."""
        return _read_faults(await self._ask("check", graph, definitions, parameters))

    async def compute(self, graph: bytes, definitions: Mapping[str, bytes]) -> "bytes | Sequence[Fault] | Failure":
        """Return the result of *graph* in JSON, with NaN and infinity as words; or what is wrong with it; or why it failed.

        Parameters
        ----------
        definitions
            The user-defined processes that it may call, in JSON, by id.

        Raises
        ------
        ProcessGraphComplexityError
            It took too long, or too much memory.
        InfrastructureBusyError
            Too many are waiting.
        """
        answer = await self._ask("compute", graph, definitions, ())
        if "faults" in answer:
            return _read_faults(answer)
        if "error" in answer:
            return Failure(**answer["error"])
        return json.dumps(answer["result"], allow_nan=True, separators=(",", ":")).encode()

    async def _ask(self, what: str, graph: bytes, definitions: Mapping[str, bytes], parameters: Sequence[str]) -> dict[str, Any]:
        if self._waiting >= _WAITING:
            raise InfrastructureBusyError("Too many graphs are waiting.", remedy="Try again in a moment, or send a batch job.")
        order = {
            "do": what,
            "graph": graph.decode(errors="replace"),
            "parameters": list(parameters),
            "definitions": {name: text.decode() for name, text in definitions.items()},
            "inline_cubes": self._inline_cubes,
        }
        message = json.dumps(order).encode()
        self._waiting += 1
        try:
            worker = await self._free.get()
            try:
                return json.loads(await worker.ask(message, seconds=_SECONDS))  # type: ignore[no-any-return]
            finally:
                self._free.put_nowait(worker)
        except WorkerFellError as error:
            raise ProcessGraphComplexityError(
                "The graph takes too long, or too much memory, while somebody waits.",
                remedy="Send it as a batch job: POST /jobs.",
            ) from error
        finally:
            self._waiting -= 1


class Failure(msgspec.Struct, frozen=True):
    """Why a graph, with which nothing was wrong, had no result."""

    code: str
    """One of openEO's; ``Internal`` is a mistake of the site."""
    message: str


@asynccontextmanager
async def open_computing(folder: Path, *, inline_cubes: bool) -> AsyncGenerator[Computing]:
    """Compute in children that work below *folder*; they end on exit.

    Parameters
    ----------
    inline_cubes
        Let cubes stand in graphs (`inline`).
    """
    workers = [Worker(_CHILD, work=folder / str(number), limits=_LIMITS, readable=()) for number in range(_CHILDREN)]
    try:
        yield Computing(workers, inline_cubes=inline_cubes)
    finally:
        for worker in workers:
            await worker.close()


def _read_faults(answer: dict[str, Any]) -> list[Fault]:
    return [Fault(**each) for each in answer["faults"]]
