"""Batch jobs of openEO as a kind of job."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import msgspec
import orjson

from twinlake.core.documents import JsonObject
from twinlake.core.errors import UnauthenticatedError
from twinlake.engines.sandbox import Limits
from twinlake.identity.principals import Caller
from twinlake.jobs.models import JobKind, Retry
from twinlake.processing.openeo.computing import Computing
from twinlake.processing.openeo.definition_store import DefinitionStore
from twinlake.processing.openeo.graphs import read_graph_of, refuse

OPENEO = "openeo"
_LONGEST = timedelta(days=2)
_RETRY = Retry(failures=4, first_delay=timedelta(milliseconds=500))


class Order(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a run does: everything that it depends on and that may change is in it."""

    graph: dict[str, Any]
    definitions: Mapping[str, Any]
    """The user-defined processes that the graph may call, by id, as they were when the job was started."""
    log_level: str
    inline_cubes: bool
    options: Mapping[str, Any]
    """``job_options``."""


class Preparing:
    """Makes orders of the documents of jobs.

    Parameters
    ----------
    inline_cubes
        Let cubes stand in graphs.
    """

    def __init__(self, *, computing: Computing, defined: DefinitionStore, inline_cubes: bool) -> None:
        self._computing = computing
        self._defined = defined
        self._inline_cubes = inline_cubes

    async def prepare(self, caller: Caller, document: JsonObject) -> JsonObject:
        """Check the graph of a job's document and freeze what it calls.

        Raises
        ------
        GraphFailedError
            The graph is wrong.
        """
        if caller.principal is None:
            raise UnauthenticatedError("A job needs an owner.", remedy="Send a token.")
        graph = read_graph_of(document["process"])
        called = await self._defined.list_called(caller.principal, graph)
        if faults := await self._computing.check(graph, called):
            raise refuse(faults)
        order = Order(
            graph=document["process"]["process_graph"],
            definitions={name: orjson.loads(text) for name, text in called.items()},
            log_level=document["log_level"],
            inline_cubes=self._inline_cubes,
            options=document.get("job_options", {}),
        )
        written: JsonObject = msgspec.to_builtins(order)
        return written


def openeo_kind(*, preparing: Preparing, limits: Limits, concurrent: int, stall: timedelta) -> JobKind:
    """Make the kind."""
    return JobKind(
        name=OPENEO,
        api=OPENEO,
        child="twinlake.processing.openeo.runner.child:run",
        prepare=preparing.prepare,
        limits=limits,
        concurrent=concurrent,
        stall=stall,
        longest=_LONGEST,
        retry=_RETRY,
    )
