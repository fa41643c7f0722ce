"""Checking processes, running them while the caller waits, and keeping those that people define."""

from collections.abc import Sequence
from dataclasses import asdict

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from twinlake.core.documents import JsonObject
from twinlake.core.nesting import is_nested_deeper
from twinlake.identity.principals import Principal
from twinlake.identity.web import guarded
from twinlake.processing.openeo.api.errors import GraphFailedError
from twinlake.processing.openeo.computing import Computing, Failure
from twinlake.processing.openeo.definition_store import DefinitionStore, check_id
from twinlake.standards.openeo.errors import (
    AuthenticationRequiredError,
    InternalError,
    ProcessGraphMissingError,
    ProcessInvalidError,
)
from twinlake.standards.openeo.graph import MAX_BYTES, MAX_DEPTH, Fault

_BODY_BYTES = MAX_BYTES + (64 << 10)


class ComputedApi:
    """Routes that take graphs."""

    def __init__(self, computing: Computing, defined: DefinitionStore) -> None:
        self._computing = computing
        self._defined = defined

    def routes(self) -> list[Route]:
        """Declare them."""
        one = "/process_graphs/{process_id}"
        return [
            guarded("/process_graphs", self.list_defined, methods=["GET"], action="run"),
            guarded(one, self.get_defined, methods=["GET"], action="run"),
            guarded(one, self.put_defined, methods=["PUT"], action="run", max_body_bytes=_BODY_BYTES),
            guarded(one, self.delete_defined, methods=["DELETE"], action="run"),
            guarded("/result", self.compute, methods=["POST"], action="run", max_body_bytes=_BODY_BYTES),
            guarded("/validation", self.validate, methods=["POST"], action="discover", max_body_bytes=_BODY_BYTES),
        ]

    async def validate(self, request: Request) -> Response:
        """Answer with everything that is wrong with a process."""
        process = await _read_process(request)
        try:
            graph = _read_graph(process)
            called = await self._list_called(request, graph)
            faults = await self._computing.check(graph, called, parameters=_names_of(process))
        except (ProcessInvalidError, ProcessGraphMissingError) as error:
            faults = [Fault(code=error.code, message=error.message)]
        return _json({"errors": [_describe(fault) for fault in faults]})

    async def compute(self, request: Request) -> Response:
        """Answer with the result of a process."""
        process = (await _read_process(request)).get("process")
        if not isinstance(process, dict):
            raise ProcessInvalidError("There is no 'process'.", remedy='Send {"process": {"process_graph": {...}}}.')
        graph = _read_graph(process)
        result = await self._computing.compute(graph, await self._list_called(request, graph))
        if isinstance(result, bytes):
            return Response(result, media_type="application/json", headers={"openeo-identifier": request.state.caller.request_id})
        if isinstance(result, Failure):
            raise (
                InternalError(result.message)
                if result.code == InternalError.code
                else GraphFailedError(result.code, result.message)
            )
        raise _refuse(result)

    async def list_defined(self, request: Request) -> Response:
        """Answer with the caller's own processes."""
        return _json({"processes": await self._defined.list_all(_owner(request)), "links": []})

    async def get_defined(self, request: Request) -> Response:
        """Answer with one of them."""
        return _json(await self._defined.get(_owner(request), request.path_params["process_id"]))

    async def put_defined(self, request: Request) -> Response:
        """Keep a process of the caller, if nothing is wrong with its graph."""
        process_id, owner = request.path_params["process_id"], _owner(request)
        check_id(process_id)
        process = await _read_process(request)
        graph = _read_graph(process)
        called = await self._defined.list_called(owner, graph)
        called[process_id] = orjson.dumps(process)  # whoever calls itself is found out
        if faults := await self._computing.check(graph, called, parameters=_names_of(process)):
            raise _refuse(faults)
        await self._defined.put(owner, process_id, process)
        return Response(status_code=200)

    async def delete_defined(self, request: Request) -> Response:
        """Forget one of the caller's processes."""
        await self._defined.delete(_owner(request), request.path_params["process_id"])
        return Response(status_code=204)

    async def _list_called(self, request: Request, graph: bytes) -> dict[str, bytes]:
        owner = request.state.caller.principal
        return {} if owner is None else await self._defined.list_called(owner, graph)


def _owner(request: Request) -> Principal:
    owner: Principal | None = request.state.caller.principal
    if owner is None:
        raise AuthenticationRequiredError("Say who you are.")
    return owner


def _names_of(process: JsonObject) -> list[str]:
    """Return the names of the parameters that a process says it has."""
    named = process.get("parameters")
    listed = named if isinstance(named, list) else []
    return [each["name"] for each in listed if isinstance(each, dict) and isinstance(each.get("name"), str)]


def _refuse(faults: Sequence[Fault]) -> GraphFailedError:
    more = f" {len(faults) - 1} more: POST /validation tells all." if len(faults) > 1 else ""
    return GraphFailedError(faults[0].code, f"{_describe(faults[0])['message']}{more}")


async def _read_process(request: Request) -> JsonObject:
    """Return the body, which is an object."""
    body = await request.body()
    try:
        if is_nested_deeper(body, MAX_DEPTH + 4):
            raise ProcessInvalidError("The process is nested too deeply, or is not JSON.")
        process = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise ProcessInvalidError(f"The process is not JSON: {error}.") from None
    if not isinstance(process, dict):
        raise ProcessInvalidError("The process is no object.")
    return process


def _read_graph(process: JsonObject) -> bytes:
    """Return the graph of a process as it is handed to a child."""
    graph = process.get("process_graph")
    if not isinstance(graph, dict):
        raise ProcessGraphMissingError("The process has no 'process_graph'.")
    return orjson.dumps(graph)


def _describe(fault: Fault) -> JsonObject:
    """Return a fault as openEO has errors, and where it is."""
    place = f"Node {fault.node}: " if fault.node else ""
    return {**{name: value for name, value in asdict(fault).items() if value}, "message": f"{place}{fault.message}"}


def _json(document: JsonObject) -> Response:
    return Response(orjson.dumps(document), media_type="application/json")
