"""Checking processes, and running them while the caller waits."""

from dataclasses import asdict

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from twinlake.core.documents import JsonObject
from twinlake.core.nesting import is_nested_deeper
from twinlake.identity.web import guarded
from twinlake.processing.openeo.api.errors import GraphFailedError
from twinlake.processing.openeo.computing import Computing, Failure
from twinlake.standards.openeo.errors import InternalError, ProcessGraphMissingError, ProcessInvalidError
from twinlake.standards.openeo.graph import MAX_BYTES, MAX_DEPTH, Fault

_BODY_BYTES = MAX_BYTES + (64 << 10)


class ComputedApi:
    """Routes that take graphs."""

    def __init__(self, computing: Computing) -> None:
        self._computing = computing

    def routes(self) -> list[Route]:
        """Declare them."""
        return [
            guarded("/result", self.compute, methods=["POST"], action="run", max_body_bytes=_BODY_BYTES),
            guarded("/validation", self.validate, methods=["POST"], action="discover", max_body_bytes=_BODY_BYTES),
        ]

    async def validate(self, request: Request) -> Response:
        """Answer with everything that is wrong with a process."""
        try:
            faults = await self._computing.check(_read_graph(await _read_process(request)))
        except (ProcessInvalidError, ProcessGraphMissingError) as error:
            faults = [Fault(code=error.code, message=error.message)]
        return _json({"errors": [_describe(fault) for fault in faults]})

    async def compute(self, request: Request) -> Response:
        """Answer with the result of a process."""
        process = (await _read_process(request)).get("process")
        if not isinstance(process, dict):
            raise ProcessInvalidError("There is no 'process'.", remedy='Send {"process": {"process_graph": {...}}}.')
        result = await self._computing.compute(_read_graph(process))
        if isinstance(result, bytes):
            return Response(result, media_type="application/json", headers={"openeo-identifier": request.state.caller.request_id})
        if isinstance(result, Failure):
            raise (
                InternalError(result.message)
                if result.code == InternalError.code
                else GraphFailedError(result.code, result.message)
            )
        more = f" {len(result) - 1} more: POST /validation tells all." if len(result) > 1 else ""
        raise GraphFailedError(result[0].code, f"{_describe(result[0])['message']}{more}")


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
