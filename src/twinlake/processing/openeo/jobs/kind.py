"""Batch jobs of openEO as a kind of job."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import msgspec
import orjson

from twinlake.core.documents import JsonObject
from twinlake.core.errors import UnauthenticatedError
from twinlake.engines.sandbox import Destination, Limits, UserProgram
from twinlake.identity.principals import Caller
from twinlake.jobs.models import JobKind, Retry
from twinlake.processing.openeo.answers import Failure, require_found
from twinlake.processing.openeo.computing import Computing
from twinlake.processing.openeo.definition_store import DefinitionStore
from twinlake.processing.openeo.graphs import read_graph_of
from twinlake.processing.openeo.jobs.orders import Frozen, Order
from twinlake.processing.openeo.loading.pins import PinnedLoads, read_pinned, write_pinned
from twinlake.processing.openeo.quotas.ledger import QuotaLedger
from twinlake.processing.openeo.quotas.models import LEAST, Need
from twinlake.processing.openeo.udf.runtimes import FAILED
from twinlake.standards.openeo.errors import EstimateComplexityError, OpenEoError, ProcessGraphComplexityError

OPENEO = "openeo"
FROZEN = "frozen"
"""Of what is prepared: what `Preparing.freeze` has returned, or None. It is never taken from what somebody has sent."""
_UNTOLD: Final = frozenset({EstimateComplexityError.code, ProcessGraphComplexityError.code, FAILED})
"""Why it cannot be told what a job takes, while it may be done all the same."""
_LONGEST = timedelta(days=2)
_LONG = -1
_RETRY = Retry(failures=4, first_delay=timedelta(milliseconds=500))


class Preparing:
    """Makes orders of the documents of jobs.

    Parameters
    ----------
    inline_cubes
        Let cubes stand in graphs.
    memory_bytes
        What the processes of one job may take together.
    """

    def __init__(self, *, computing: Computing, defined: DefinitionStore, inline_cubes: bool, memory_bytes: int) -> None:
        self._computing = computing
        self._defined = defined
        self._inline_cubes = inline_cubes
        self._memory_bytes = memory_bytes

    async def estimate(self, caller: Caller, document: JsonObject) -> Mapping[str, Any]:
        """Return what a job's document takes, as `cost.estimating.Estimate` has it; raises as `prepare` does.

        Raises
        ------
        EstimateComplexityError
            It depends on what is in the data.
        """
        graph, called = await self._read(caller, document)
        found = await self._computing.estimate(graph, called, caller)
        if isinstance(found, Failure) and found.code == EstimateComplexityError.code:
            raise EstimateComplexityError(found.message)
        return require_found(found)

    async def freeze(self, caller: Caller, document: JsonObject) -> bytes:
        """Return what a job's document calls and loads now, as a later `prepare` takes it; raises as that does."""
        graph, called = await self._read(caller, document)
        pinned = require_found(await self._computing.pin(graph, called, caller, tries_code=False))
        return msgspec.json.encode(Frozen(definitions=_written(called), pins=write_pinned(pinned.loads)))

    async def prepare(self, caller: Caller, document: JsonObject) -> JsonObject:
        """Check the graph of a job's document and freeze what it calls and loads, unless that has been done (`FROZEN`).

        Raises
        ------
        GraphFailedError
            The graph is wrong, or there is nothing to load.
        SignInRequiredError, RefusedError
            *caller* may not read what it loads.
        """
        # Who may share a run may read all that it has read: what is loaded is looked for as the caller, now, and the run is found
        # by what came of that. Code of users that fails or is slow is for the job itself: what it does stands in its log then.
        graph, called = await self._read(caller, document)
        if document.get(FROZEN) is None:
            found = await self._computing.pin(graph, called, caller, tries_code=False)
        else:
            frozen = msgspec.json.decode(document[FROZEN], type=Frozen)
            called = {name: orjson.dumps(each) for name, each in frozen.definitions.items()}
            pins = read_pinned(frozen.pins)
            found = await self._computing.pin_again(graph, called, pins, caller, tries_code=False)
        pinned = require_found(found)
        need = await self._find_need(graph, called, pinned.loads, caller)
        order = Order(
            graph=document["process"]["process_graph"],
            definitions=_written(called),
            log_level=document["log_level"],
            inline_cubes=self._inline_cubes,
            options=document.get("job_options", {}),
            pins=write_pinned(pinned.loads),
            identity=pinned.identity,
            need=need,
            priority=_LONG if need is None or need.is_long else 0,
            sharing_key=pinned.sharing_key(str(caller.principal)),
            memory_bytes=self._memory_bytes,
        )
        written: JsonObject = msgspec.to_builtins(order)
        return written

    async def _find_need(self, graph: bytes, called: Mapping[str, bytes], loads: PinnedLoads, caller: Caller) -> Need | None:
        if not loads:  # to tell what values take is to compute them
            return LEAST
        try:
            told = require_found(await self._computing.estimate_pinned(graph, called, loads, caller))
        except OpenEoError as error:
            if error.members.get("code", error.code) in _UNTOLD:
                return None
            raise
        return Need.of(told)

    async def _read(self, caller: Caller, document: JsonObject) -> tuple[bytes, dict[str, bytes]]:
        """Return the graph of a job, and the user-defined processes that it may call."""
        if caller.principal is None:
            raise UnauthenticatedError("A job needs an owner.", remedy="Send a token.")
        graph = read_graph_of(document["process"])
        return graph, await self._defined.list_called(caller.principal, graph)


def _written(called: Mapping[str, bytes]) -> JsonObject:
    return {name: orjson.loads(text) for name, text in called.items()}


def sharing_key_of(order: JsonObject) -> str | None:
    """Return by what the run of an order is found (`JobKind.content`): title, log level and options do not count."""
    key: str | None = order.get("sharing_key")
    return key


def openeo_kind(
    *,
    preparing: Preparing,
    ledger: QuotaLedger,
    limits: Limits,
    concurrent: int,
    parallel: int | None,
    link_roots: Sequence[Path],
    user_program: UserProgram | None,
    cluster: Destination | None,
) -> JobKind:
    """Make the kind: a process may take all the CPU time that its child has without telling how far it is.

    Parameters
    ----------
    parallel
        How many jobs of one principal go at the same time; None for no limit.
    link_roots
        Folders whose files may be linked: children read there, too.
    user_program
        What runs user-defined functions; None where these are refused.
    cluster
        The scheduler of the Dask cluster that computes; None where the children do it themselves.
    """
    certificates = [] if cluster is None else [Path(each) for each in (cluster.ca_file, cluster.certificate_file) if each]
    return JobKind(
        name=OPENEO,
        api=OPENEO,
        child="twinlake.processing.openeo.runner.child:run",
        prepare=preparing.prepare,
        limits=limits,
        concurrent=concurrent,
        parallel=parallel,
        check_usage=ledger.check_run,
        stall=timedelta(seconds=limits.cpu_seconds),
        longest=_LONGEST,
        retry=_RETRY,
        readable=(*link_roots, *certificates),
        keeps_work=True,
        content=sharing_key_of,
        user_program=user_program,
        destination=cluster,
    )
