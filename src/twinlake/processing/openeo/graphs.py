"""Graphs that were sent in: as they are handed on, and what is said of those that are wrong."""

from collections.abc import Sequence
from dataclasses import asdict

import orjson

from twinlake.core.documents import JsonObject
from twinlake.standards.openeo.errors import InternalError, OpenEoError, ProcessGraphMissingError
from twinlake.standards.openeo.graph import Fault


class GraphFailedError(OpenEoError):
    """A graph that was sent in is wrong, or a process in it cannot do its work; the code is that of the fault."""

    status = 400

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.members = {"code": code}


def refuse_for(code: str, message: str, node: str = "") -> OpenEoError:
    """Return the error of a graph that failed: a mistake of the site is told as such."""
    if code == InternalError.code:
        return InternalError(message)
    return GraphFailedError(code, f"Node {node}: {message}" if node else message)


def read_graph_of(process: JsonObject) -> bytes:
    """Return the graph of a process as it is handed to a child.

    Raises
    ------
    ProcessGraphMissingError
        There is none.
    """
    graph = process.get("process_graph")
    if not isinstance(graph, dict):
        raise ProcessGraphMissingError("The process has no 'process_graph'.")
    return orjson.dumps(graph)


def refuse(faults: Sequence[Fault]) -> GraphFailedError:
    """Return the refusal of a graph for the first of its *faults*."""
    more = f" {len(faults) - 1} more: POST /validation tells all." if len(faults) > 1 else ""
    return GraphFailedError(faults[0].code, f"{describe_fault(faults[0])['message']}{more}")


def describe_fault(fault: Fault) -> JsonObject:
    """Return a fault as openEO has errors, and where it is."""
    place = f"Node {fault.node}: " if fault.node else ""
    return {**{name: value for name, value in asdict(fault).items() if value}, "message": f"{place}{fault.message}"}
