"""Checking processes, running them while the caller waits, and keeping those that people define."""

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from twinlake.core.documents import JsonObject
from twinlake.core.paging import TokenSeal
from twinlake.engines.web.files import ContentResponse
from twinlake.engines.web.representation import Representation
from twinlake.identity.web import guarded
from twinlake.processing.openeo.answers import Failure, require_found
from twinlake.processing.openeo.api.bodies import BODY_BYTES, SentGraphs, owner_of, to_json
from twinlake.processing.openeo.api.paging import read_page
from twinlake.processing.openeo.api.waiting import while_waiting
from twinlake.processing.openeo.computing import Computing
from twinlake.processing.openeo.definition_store import DefinitionStore, check_id
from twinlake.processing.openeo.graphs import GraphFailedError, describe_fault, read_graph_of, refuse
from twinlake.processing.openeo.quotas.models import UNLIMITED
from twinlake.processing.openeo.quotas.tariff import Tariff, read_budget
from twinlake.standards.openeo.errors import OpenEoError, ProcessGraphMissingError, ProcessInvalidError
from twinlake.standards.openeo.graph import Fault


class ComputedApi:
    """Routes that take graphs."""

    def __init__(
        self,
        computing: Computing,
        defined: DefinitionStore,
        graphs: SentGraphs,
        tariff: Tariff | None,
        *,
        seal: TokenSeal,
        root: str,
    ) -> None:
        self._computing = computing
        self._graphs = graphs
        self._tariff = tariff
        self._defined = defined
        self._seal = seal
        self._root = root

    def routes(self) -> list[Route]:
        """Declare them."""
        one = "/process_graphs/{process_id}"
        return [
            guarded("/process_graphs", self.list_defined, methods=["GET"], action="run"),
            guarded(one, self.get_defined, methods=["GET"], action="run"),
            guarded(one, self.put_defined, methods=["PUT"], action="run", max_body_bytes=BODY_BYTES),
            guarded(one, self.delete_defined, methods=["DELETE"], action="run"),
            guarded("/result", self.compute, methods=["POST"], action="run", max_body_bytes=BODY_BYTES),
            guarded("/validation", self.validate, methods=["POST"], action="discover", max_body_bytes=BODY_BYTES),
        ]

    async def validate(self, request: Request) -> Response:
        """Answer with everything that is wrong with a process."""
        try:
            process = await self._graphs.read(request)
        except GraphFailedError as error:
            return _tell_of(error)
        names = _names_of(process)
        try:
            graph = read_graph_of(process)
            called = await self._list_called(request, graph)
            caller = request.state.caller
            found: object
            # What somebody wrote is run for those alone who may run things here.
            tries_code = request.state.policy.decide(caller, "run").allowed
            if names:  # what it is given is not known yet: it cannot be run dry
                found = await self._computing.check(graph, called, caller, parameters=names)
            else:
                found = await while_waiting(request, self._computing.pin(graph, called, caller, tries_code=tries_code))
        except (ProcessInvalidError, ProcessGraphMissingError, GraphFailedError) as error:
            return _tell_of(error)
        return to_json({"errors": [describe_fault(fault) for fault in _list_faults(found)]})

    async def compute(self, request: Request) -> Response:
        """Answer with the result of a process."""
        body = await self._graphs.read(request)
        process, budget = body.get("process"), read_budget(body)
        if not isinstance(process, dict):
            raise ProcessInvalidError("There is no 'process'.", remedy='Send {"process": {"process_graph": {...}}}.')
        graph, caller = read_graph_of(process), request.state.caller
        called = await self._list_called(request, graph)
        budget_cpu = UNLIMITED if self._tariff is None else self._tariff.cpu_for(budget)
        computing = self._computing.compute(graph, called, caller, identifier=caller.request_id, budget_cpu=budget_cpu)
        result = require_found(await while_waiting(request, computing))
        costs = 0 if self._tariff is None else self._tariff.price(result.cpu_seconds)
        headers = {"openeo-identifier": caller.request_id, "openeo-costs": f"{costs:.6f}".rstrip("0").rstrip(".")}
        made = result.content
        if isinstance(made, bytes):
            return Response(made, media_type="application/json", headers=headers)
        representation = Representation(
            size_bytes=made.content.size_bytes,
            etag=f'"{caller.request_id}"',
            filename=made.name,
            media_type=made.media_type,
        )
        return ContentResponse(representation, made.content, {**headers, "cache-control": "private, no-store"})

    async def list_defined(self, request: Request) -> Response:
        """Answer with the caller's own processes."""
        page = read_page(request, f"{self._root}/process_graphs", self._seal)
        found = await self._defined.list_page(owner_of(request), limit=page.limit + 1, after=page.after or "")
        shown, links = page.cut(found, lambda each: str(each["id"]))
        return to_json({"processes": shown, "links": links})

    async def get_defined(self, request: Request) -> Response:
        """Answer with one of them."""
        return to_json(await self._defined.get(owner_of(request), request.path_params["process_id"]))

    async def put_defined(self, request: Request) -> Response:
        """Keep a process of the caller, if nothing is wrong with its graph."""
        process_id, owner = request.path_params["process_id"], owner_of(request)
        check_id(process_id)
        process = await self._graphs.read(request)
        graph = read_graph_of(process)
        called = await self._defined.list_called(owner, graph)
        called[process_id] = orjson.dumps(process)  # whoever calls itself is found out
        checked = await self._computing.check(graph, called, request.state.caller, parameters=_names_of(process))
        if faults := _list_faults(checked):
            raise refuse(faults)
        await self._defined.put(owner, process_id, process)
        return Response(status_code=200)

    async def delete_defined(self, request: Request) -> Response:
        """Forget one of the caller's processes."""
        await self._defined.delete(owner_of(request), request.path_params["process_id"])
        return Response(status_code=204)

    async def _list_called(self, request: Request, graph: bytes) -> dict[str, bytes]:
        owner = request.state.caller.principal
        return {} if owner is None else await self._defined.list_called(owner, graph)


def _tell_of(error: OpenEoError) -> Response:
    """Answer that a process is wrong for one reason."""
    fault = Fault(code=str(error.members.get("code", error.code)), message=error.message)
    return to_json({"errors": [describe_fault(fault)]})


def _list_faults(found: object) -> list[Fault]:
    """Return what is wrong with a graph, of what was found out about it."""
    if isinstance(found, Failure):
        return [Fault(code=found.code, message=found.message, node=found.node)]
    return found if isinstance(found, list) else []


def _names_of(process: JsonObject) -> list[str]:
    """Return the names of the parameters that a process says it has."""
    named = process.get("parameters")
    listed = named if isinstance(named, list) else []
    return [each["name"] for each in listed if isinstance(each, dict) and isinstance(each.get("name"), str)]
