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
from twinlake.processing.openeo.answers import Failure, read_answer, read_failure, read_pinned_graph, read_wrong
from twinlake.processing.openeo.desks import Desks
from twinlake.processing.openeo.inputs import Inputs
from twinlake.processing.openeo.loading.files import FileRequest
from twinlake.processing.openeo.loading.pins import CubePins, PinnedLoads, write_pinned
from twinlake.processing.openeo.loading.requests import LoadRequest
from twinlake.processing.openeo.made import Made, Result, take_file
from twinlake.processing.openeo.pinned_graph import PinnedGraph
from twinlake.processing.openeo.quotas.answer_limit import NO_LIMIT, AnswerLimit
from twinlake.processing.openeo.quotas.ledger import QuotaLedger
from twinlake.processing.openeo.quotas.models import UNLIMITED, Amount
from twinlake.standards.openeo.errors import OpenEoError, ProcessGraphComplexityError
from twinlake.standards.openeo.graph import Fault

_CHILD = "twinlake.processing.openeo.child"
_CHILDREN = 3
_LIMITS = Limits(memory_bytes=3 << 30, cpu_seconds=3600, file_bytes=4 << 30)
_NOTHING: PinnedLoads = {}
_LOAD, _CODE = b'"load_', b'"run_udf"'
"""Stand in each graph that loads something, and in each that runs code of users."""
_TRIAL_SECONDS = 10.0


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
        self._desks = Desks(desks)

    async def check(
        self, graph: bytes, definitions: Mapping[str, bytes], caller: Caller, *, parameters: Sequence[str] = ()
    ) -> list[Fault] | Failure:
        """Return what is wrong with *graph*, in JSON, which is given *parameters* by name and may call *definitions*.

        What it loads is not looked for.
        """
        return read_wrong(await self._ask("check", _Sent(graph, definitions, caller), parameters=parameters)) or []

    async def pin(
        self, graph: bytes, definitions: Mapping[str, bytes], caller: Caller, *, tries_code: bool = True
    ) -> PinnedGraph | list[Fault] | Failure:
        """Return *graph* with what it loads for *caller*, after it was run dry on that; or what is wrong with it.

        Parameters
        ----------
        tries_code
            Run it dry also where it has code of users, which is tried then. Nobody's code is, unless they are signed in.

        Raises
        ------
        SignInRequiredError, RefusedError
            *caller* may not read what it loads.
        PaymentRequiredError, StorageQuotaExceededError
            Nothing is left to *caller* to try code with.
        """
        sent = _Sent(graph, definitions, caller)
        planned = await self._plan(sent)
        if not isinstance(planned, _Planned):
            return planned
        if not planned.loads:
            return read_pinned_graph(planned.told, {})
        try:
            return await self._run_dry(sent, planned.loads, tries_code=tries_code)
        except OpenEoError as error:
            return read_failure(error)

    async def _plan(self, sent: "_Sent") -> "_Planned | list[Fault] | Failure":
        """Find what a graph loads; or what is wrong with it."""
        told = await self._ask("plan", sent)
        if (wrong := read_wrong(told)) is not None:
            return wrong
        loads = msgspec.convert(told["loads"], list[LoadRequest])
        named = msgspec.convert(told["named"], list[FileRequest])
        try:
            return _Planned(told, await self._inputs.pin([*loads, *named], sent.caller) if loads or named else {})
        except OpenEoError as error:
            return read_failure(error)

    async def pin_again(
        self, graph: bytes, definitions: Mapping[str, bytes], pinned: PinnedLoads, caller: Caller, *, tries_code: bool = True
    ) -> PinnedGraph | list[Fault] | Failure:
        """Return *graph* with what was *pinned* for it before, if that is still there for *caller*; raises as `pin` does."""
        if not pinned:
            return await self.pin(graph, definitions, caller, tries_code=tries_code)
        try:
            await self._inputs.require_there(pinned, caller)
            return await self._run_dry(_Sent(graph, definitions, caller), pinned, tries_code=tries_code)
        except OpenEoError as error:
            return read_failure(error)

    async def _run_dry(self, sent: "_Sent", pinned: PinnedLoads, *, tries_code: bool) -> PinnedGraph | list[Fault] | Failure:
        do = "dry" if tries_code or not sent.has_code else "identify"
        told = await self._ask_with_files(do, sent, pinned)
        wrong = read_wrong(told)
        return read_pinned_graph(told, pinned) if wrong is None else wrong

    async def _ask_with_files(self, do: str, sent: "_Sent", pinned: PinnedLoads) -> dict[str, Any]:
        """Ask about a graph with the files that it names, of which it is not known before what is in them."""
        named = {node: pins for node, pins in pinned.items() if not isinstance(pins, CubePins)}
        async with self._desk(sent, is_slow=sent.has_code and do != "identify") as desk:
            files = await self._lay_out(desk, named)
            return await self._exchange(desk, do, sent, pinned=pinned, files=files, limit=_limit_of(sent))

    async def estimate(
        self, graph: bytes, definitions: Mapping[str, bytes], caller: Caller
    ) -> Mapping[str, Any] | list[Fault] | Failure:
        """Return what *graph* takes, as `cost.estimating.Estimate` has it; or what is wrong with it. Raises as `pin` does."""
        planned = await self._plan(_Sent(graph, definitions, caller))
        if not isinstance(planned, _Planned):
            return planned
        return await self.estimate_pinned(graph, definitions, planned.loads, caller)

    async def estimate_pinned(
        self, graph: bytes, definitions: Mapping[str, bytes], pinned: PinnedLoads, caller: Caller
    ) -> Mapping[str, Any] | list[Fault] | Failure:
        """Return what *graph* takes on what was *pinned* for it, as `estimate` does."""
        told = await self._ask_with_files("estimate", _Sent(graph, definitions, caller), pinned)
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
        sent, owner = _Sent(graph, definitions, caller), str(caller.principal)
        async with self._desk(sent, is_slow=True) as desk:
            try:
                files = await self._lay_out(desk, loads)
            except OpenEoError as error:
                return read_failure(error)
            before = desk.worker.cpu_seconds
            left = await self._ledger.require_left(owner)
            limit = AnswerLimit.of(left_cpu=left.cpu, budget_cpu=budget_cpu)
            told = await self._exchange(desk, "compute", sent, pinned=loads, files=files, identifier=identifier, limit=limit)
            taken = Amount.of(cpu_seconds=desk.worker.cpu_seconds - before)
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

    async def _ask(self, do: str, sent: "_Sent", *, parameters: Sequence[str] = ()) -> dict[str, Any]:
        async with self._desk(sent, is_slow=False) as desk:
            return await self._exchange(desk, do, sent, parameters=parameters)

    @asynccontextmanager
    async def _desk(self, sent: "_Sent", *, is_slow: bool) -> AsyncIterator[_Desk]:
        if is_slow and sent.owner:
            await self._ledger.require_left(sent.owner)
        async with self._desks.take(sent.owner, is_slow=is_slow) as desk:
            yield desk

    async def _exchange(
        self,
        desk: _Desk,
        do: str,
        sent: "_Sent",
        *,
        parameters: Sequence[str] = (),
        pinned: PinnedLoads = _NOTHING,
        files: Mapping[str, str] | None = None,
        identifier: str = "",
        limit: AnswerLimit = NO_LIMIT,
    ) -> dict[str, Any]:
        before = desk.worker.cpu_seconds
        order = {
            "do": do,
            "graph": sent.graph.decode(errors="replace"),
            "parameters": list(parameters),
            "definitions": {name: text.decode() for name, text in sent.definitions.items()},
            "runs_code": bool(sent.owner),
            "inline_cubes": self._inline_cubes,
            "pins": write_pinned(pinned),
            "files": files or {},
            "identifier": identifier,
        }
        try:
            return read_answer(await desk.worker.ask(json.dumps(order).encode(), seconds=limit.seconds))
        except WorkerFellError as error:
            if isinstance(error.__cause__, TimeoutError) and limit.refusal is not None:
                raise limit.refusal from error
            raise ProcessGraphComplexityError(
                "The graph takes too long, or too much memory, while somebody waits.",
                remedy="Send it as a batch job: POST /jobs.",
            ) from error
        finally:
            if sent.owner:
                self._ledger.note(sent.owner, Amount.of(cpu_seconds=desk.worker.cpu_seconds - before))


@dataclass(frozen=True, slots=True)
class _Planned:
    """What a child tells of a graph, and what it loads."""

    told: dict[str, Any]
    loads: PinnedLoads


@dataclass(frozen=True, slots=True)
class _Sent:
    """A graph, and who has sent it."""

    graph: bytes
    definitions: Mapping[str, bytes]
    caller: Caller

    @property
    def owner(self) -> str:
        """For whom the work is done; empty where nobody is signed in."""
        return "" if self.caller.principal is None else str(self.caller.principal)

    @property
    def has_code(self) -> bool:
        """Whether it may have code of users in it."""
        return any(_CODE in each for each in (self.graph, *self.definitions.values()))


def _limit_of(sent: _Sent) -> AnswerLimit:
    """Return for how long a graph may be run dry."""
    if not sent.has_code:
        return NO_LIMIT
    message = f"The code of the user takes more than {_TRIAL_SECONDS:.0f} s for a few made-up numbers."
    refusal = ProcessGraphComplexityError(message, remedy="Send the graph as a batch job, which is not tried before: POST /jobs.")
    return AnswerLimit(seconds=_TRIAL_SECONDS, refusal=refusal)


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
