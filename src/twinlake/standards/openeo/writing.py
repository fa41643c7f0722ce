"""Process graphs as JSON again, without the names that somebody gave to nodes."""

from collections.abc import Mapping
from typing import Any

from twinlake.core.documents import JsonObject
from twinlake.standards.openeo.graph import FromNode, FromParameter, Graph


def write_graph(graph: Graph, processes: Mapping[str, str]) -> JsonObject:
    """Return *graph* in JSON, its nodes named for their processes and numbered; *processes* are other names for some of these."""
    called = {node.id: processes.get(node.process, node.process) for node in graph.nodes.values()}
    names = {node: f"{process}{number}" for number, (node, process) in enumerate(called.items(), start=1)}
    written: JsonObject = {}
    for node in graph.nodes.values():
        arguments = {name: _write(value, names, processes) for name, value in node.arguments.items()}
        written[names[node.id]] = {"process_id": called[node.id], "arguments": arguments}
    written[names[graph.result]]["result"] = True
    return written


def _write(value: Any, names: Mapping[str, str], processes: Mapping[str, str]) -> Any:  # within the depth of a graph
    match value:
        case FromNode(name):
            return {"from_node": names[name]}
        case FromParameter(name):
            return {"from_parameter": name}
        case Graph():
            return {"process_graph": write_graph(value, processes)}
        case list():
            return [_write(each, names, processes) for each in value]
        case dict():
            return {name: _write(each, names, processes) for name, each in value.items()}
        case _:
            return value
