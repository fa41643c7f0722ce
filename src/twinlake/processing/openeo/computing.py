"""Checking graphs, and computing those that are done while somebody waits, in confined children that are kept warm."""

import asyncio
import json
import shutil
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import msgspec

from twinlake.engines.sandbox import Limits, UserProgram, Worker, WorkerFellError
from twinlake.identity.principals import Caller
from twinlake.processing.openeo.answers import Failure, read_failure, read_faults, read_pinned_graph, read_wrong
from twinlake.processing.openeo.inputs import Inputs
from twinlake.processing.openeo.loading.files import FileRequest
from twinlake.processing.openeo.loading.pins import FilePins, PinnedLoads, write_pinned
from twinlake.processing.openeo.loading.requests import LoadRequest
from twinlake.processing.openeo.made import Made, Result, take_file
from twinlake.processing.openeo.pinned_graph import PinnedGraph
from twinlake.processing.openeo.quotas.answer_limit import NO_LIMIT, AnswerLimit
from twinlake.processing.openeo.quotas.ledger import QuotaLedger
from twinlake.processing.openeo.quotas.models import UNLIMITED, Amount
from twinlake.standards.openeo.errors import (
    InfrastructureBusyError,
    OpenEoError,
    ProcessGraphComplexityError,
)
from twinlake.standards.openeo.graph import Fault

_CHILD = "twinlake.processing.openeo.child"
_CHILDREN = 2
_WAITING = 64
_LIMITS = Limits(memory_bytes=3 << 30, cpu_seconds=3600, file_bytes=4 << 30)
_NOTHING: PinnedLoads = {}
_LOAD = b'"load_'
"""Stands in each graph that loads something."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Desk:
    """A child with the folder in which it finds what it reads."""

    worker: Worker
    work: Path
    inputs: Path


class Computing:
    """Asks the children; made by `open_computing`."""

    def __init__(self, desks: Sequence[_Desk], *, inputs: Inputs, ledger: QuotaLedger, inline_cubes: bool) -> None:
        self._inputs = inputs
        self._ledger = ledger
        self._inline_cubes = inline_cubes
        self._free: asyncio.Queue[_Desk] = asyncio.Queue()
        for desk in desks:
            self._free.put_nowait(desk)
        self._waiting = 0

    async def check(self, graph: bytes, definitions: Mapping[str, bytes], *, parameters: Sequence[str] = ()) -> list[Fault]:
        """Return what is wrong with *graph*, in JSON, which is given *parameters* by name and may call *definitions*.

        What it loads is not looked for.
        """
        return read_faults(await self._ask("check", graph, definitions, parameters=parameters))

    async def pin(self, graph: bytes, definitions: Mapping[str, bytes], caller: Caller) -> PinnedGraph | list[Fault] | Failure:
        """Return *graph* with what it loads for *caller*, after it was run dry on that; or what is wrong with it.

        Raises
        ------
        SignInRequiredError, RefusedError
            *caller* may not read what it loads.
        """
        planned = await self._ask("plan", graph, definitions)
        if (wrong := read_wrong(planned)) is not None:
            return wrong
        loads = msgspec.convert(planned["loads"], list[LoadRequest])
        named = msgspec.convert(planned["named"], list[FileRequest])
        if not loads and not named:
            return read_pinned_graph(planned, {})
        try:
            return await self._run_dry(graph, definitions, await self._inputs.pin([*loads, *named], caller))
        except OpenEoError as error:
            return read_failure(error)

    async def pin_again(
        self, graph: bytes, definitions: Mapping[str, bytes], pinned: PinnedLoads, caller: Caller
    ) -> PinnedGraph | list[Fault] | Failure:
        """Return *graph* with what was *pinned* for it before, if that is still there for *caller*; raises as `pin` does."""
        if not pinned:
            return await self.pin(graph, definitions, caller)
        try:
            await self._inputs.require_there(pinned, caller)
            return await self._run_dry(graph, definitions, pinned)
        except OpenEoError as error:
            return read_failure(error)

    async def _run_dry(
        self, graph: bytes, definitions: Mapping[str, bytes], pinned: PinnedLoads
    ) -> PinnedGraph | list[Fault] | Failure:
        told = await self._ask_with_files("dry", graph, definitions, pinned)
        wrong = read_wrong(told)
        return read_pinned_graph(told, pinned) if wrong is None else wrong

    async def _ask_with_files(
        self, do: str, graph: bytes, definitions: Mapping[str, bytes], pinned: PinnedLoads
    ) -> dict[str, Any]:
        """Ask about a graph with the files that it names, of which it is not known before what is in them."""
        named = {node: pins for node, pins in pinned.items() if isinstance(pins, FilePins)}
        async with self._desk() as desk:
            files = await self._lay_out(desk, named)
            return await self._exchange(desk, do, graph, definitions, pinned=pinned, files=files)

    async def estimate(
        self, graph: bytes, definitions: Mapping[str, bytes], caller: Caller
    ) -> Mapping[str, Any] | list[Fault] | Failure:
        """Return what *graph* takes, as `cost.estimating.Estimate` has it; or what is wrong with it. Raises as `pin` does."""
        pinned = await self.pin(graph, definitions, caller)
        if not isinstance(pinned, PinnedGraph):
            return pinned
        return await self.estimate_pinned(graph, definitions, pinned.loads)

    async def estimate_pinned(
        self, graph: bytes, definitions: Mapping[str, bytes], pinned: PinnedLoads
    ) -> Mapping[str, Any] | list[Fault] | Failure:
        """Return what *graph* takes on what was *pinned* for it, as `estimate` does."""
        told = await self._ask_with_files("estimate", graph, definitions, pinned)
        wrong = read_wrong(told)
        found: Mapping[str, Any] = told.get("result", {})
        return found if wrong is None else wrong

    async def compute(
        self, graph: bytes, definitions: Mapping[str, bytes], caller: Caller, *, identifier: str, budget_cpu: int = UNLIMITED
    ) -> Result | list[Fault] | Failure:
        """Return the result of *graph*: JSON, with NaN and infinity as words, or a file; or what is wrong with it.

        Parameters
        ----------
        definitions
            The user-defined processes that it may call, in JSON, by id.
        identifier
            Stands in files, for people who ask where they are from.
        budget_cpu
            How many microseconds of CPU time it may take; it is ended after as much time on the clock.

        Raises
        ------
        SignInRequiredError, RefusedError
            *caller* may not read what it loads.
        ProcessGraphComplexityError
            It took too long, or too much memory.
        InfrastructureBusyError
            Too many are waiting.
        PaymentRequiredError, StorageQuotaExceededError, BudgetInvalidError
            Nothing is left to *caller*, or it took more than was left, or than its budget allows.
        """
        loads: PinnedLoads = {}
        if any(_LOAD in each for each in (graph, *definitions.values())):
            pinned = await self.pin(graph, definitions, caller)
            if not isinstance(pinned, PinnedGraph):
                return pinned
            loads = pinned.loads
        async with self._desk() as desk:
            try:
                files = await self._lay_out(desk, loads)
            except OpenEoError as error:
                return read_failure(error)
            owner, before = str(caller.principal), desk.worker.cpu_seconds
            left = await self._ledger.require_left(owner)
            limit = AnswerLimit.of(left_cpu=left.cpu, budget_cpu=budget_cpu)
            try:
                told = await self._exchange(
                    desk, "compute", graph, definitions, pinned=loads, files=files, identifier=identifier, limit=limit
                )
            finally:
                taken = Amount.of(cpu_seconds=desk.worker.cpu_seconds - before)
                self._ledger.note(owner, taken)
            wrong = read_wrong(told)
            if wrong is not None:
                return wrong
            if "file" in told:
                path = PurePosixPath(told["file"]["path"])
                made = Made(path.name, told["file"]["media_type"], await asyncio.to_thread(take_file, desk.work / path))
                self._ledger.note(owner, Amount(size_bytes=made.content.size_bytes))
                return Result(content=made, cpu_seconds=taken.cpu_seconds)
            text = json.dumps(told["result"], allow_nan=True, separators=(",", ":")).encode()
            self._ledger.note(owner, Amount(size_bytes=len(text)))
            return Result(content=text, cpu_seconds=taken.cpu_seconds)

    async def _lay_out(self, desk: _Desk, pinned: PinnedLoads) -> Mapping[str, str]:
        """Put what is read, and nothing else, before a child."""
        await asyncio.to_thread(_empty, desk.inputs)
        return await self._inputs.lay_out(pinned, desk.inputs) if pinned else {}

    async def _ask(
        self,
        do: str,
        graph: bytes,
        definitions: Mapping[str, bytes],
        *,
        parameters: Sequence[str] = (),
    ) -> dict[str, Any]:
        async with self._desk() as desk:
            return await self._exchange(desk, do, graph, definitions, parameters=parameters)

    @asynccontextmanager
    async def _desk(self) -> AsyncIterator[_Desk]:
        if self._waiting >= _WAITING:
            raise InfrastructureBusyError("Too many graphs are waiting.", remedy="Try again in a moment, or send a batch job.")
        self._waiting += 1
        try:
            desk = await self._free.get()
            try:
                yield desk
            finally:
                self._free.put_nowait(desk)
        finally:
            self._waiting -= 1

    async def _exchange(
        self,
        desk: _Desk,
        do: str,
        graph: bytes,
        definitions: Mapping[str, bytes],
        *,
        parameters: Sequence[str] = (),
        pinned: PinnedLoads = _NOTHING,
        files: Mapping[str, str] | None = None,
        identifier: str = "",
        limit: AnswerLimit = NO_LIMIT,
    ) -> dict[str, Any]:
        order = {
            "do": do,
            "graph": graph.decode(errors="replace"),
            "parameters": list(parameters),
            "definitions": {name: text.decode() for name, text in definitions.items()},
            "inline_cubes": self._inline_cubes,
            "pins": write_pinned(pinned),
            "files": files or {},
            "identifier": identifier,
        }
        try:
            return json.loads(await desk.worker.ask(json.dumps(order).encode(), seconds=limit.seconds))  # type: ignore[no-any-return]
        except WorkerFellError as error:
            if isinstance(error.__cause__, TimeoutError) and limit.refusal is not None:
                raise limit.refusal from error
            raise ProcessGraphComplexityError(
                "The graph takes too long, or too much memory, while somebody waits.",
                remedy="Send it as a batch job: POST /jobs.",
            ) from error


@asynccontextmanager
async def open_computing(
    folder: Path,
    *,
    inputs: Inputs,
    ledger: QuotaLedger,
    readable: Sequence[Path],
    inline_cubes: bool,
    user_program: UserProgram | None,
) -> AsyncGenerator[Computing]:
    """Compute in children that work below *folder*, on the file system of the objects; they end on exit.

    Parameters
    ----------
    readable
        Folders of which files are read where they lie.
    inline_cubes
        Let cubes stand in graphs (`inline`).
    user_program
        What runs user-defined functions; None where these are refused.
    """
    desks = []
    for number in range(_CHILDREN):
        work, own = folder / str(number) / "work", folder / str(number) / "inputs"
        await asyncio.to_thread(_empty, own)
        worker = Worker(_CHILD, work=work, limits=_LIMITS, readable=(own, *readable), user_program=user_program)
        desks.append(_Desk(worker=worker, work=work, inputs=own))
    try:
        yield Computing(desks, inputs=inputs, ledger=ledger, inline_cubes=inline_cubes)
    finally:
        for desk in desks:
            await desk.worker.close()


def _empty(folder: Path) -> None:
    """Leave nothing in *folder*, which stays what it is: a child that may read it was told so when it began."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for each in folder.iterdir():
        if each.is_dir():
            shutil.rmtree(each)
        else:
            each.unlink()
