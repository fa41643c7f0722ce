"""From a graph as somebody sent it to one that can be computed in tiles: what it saves, and what it computes for that."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from twinlake.core.documents import JsonObject
from twinlake.processing.openeo.definitions import Definitions
from twinlake.processing.openeo.rewrite.folding import fold
from twinlake.processing.openeo.rewrite.inlining import inline
from twinlake.processing.openeo.rewrite.sharing import share
from twinlake.standards.openeo.graph import FromNode, Graph, Node
from twinlake.standards.openeo.writing import write_graph

SAVE: Final = "save_result"


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """One thing that a graph makes for whoever sent it."""

    node: str
    """Whose result it is."""
    format: str | None = None
    """As the graph names it; None where it names none."""
    options: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A graph without calls of user-defined processes outside of callbacks, in which nothing is computed twice."""

    graph: Graph
    definitions: Definitions
    outputs: tuple[Output, ...]
    """What is saved, in the order of the graph; the result of the graph where nothing is."""


def plan(graph: Graph, definitions: Definitions, *, is_load: Callable[[Node], bool]) -> Plan:
    """Return how *graph*, with which nothing is wrong, is computed.

    Raises
    ------
    OpenEoError
        What a load depends on cannot be computed beforehand, or the graph is too large with all that it calls.
    """
    flat = share(fold(inline(graph, definitions), definitions, is_load=is_load))
    outputs = [output for node in flat.nodes.values() if (output := _output(node)) is not None]
    if not any(_is_saved(flat.result, node) for node in flat.nodes.values()):
        outputs = [*outputs, Output(node=flat.result, options={})]
    return Plan(graph=_only(flat, [each.node for each in outputs]), definitions=definitions, outputs=tuple(outputs))


def write_plan(plan: Plan) -> JsonObject:
    """Return the graph that computes *plan*, in JSON, without a name that somebody has given to a node or a process."""
    nodes = dict(plan.graph.nodes)
    result = plan.graph.result
    for number, output in enumerate(plan.outputs):
        if output.format is not None:
            arguments = {"data": FromNode(output.node), "format": output.format, "options": dict(output.options)}
            result = f"{SAVE} {number}"
            nodes[result] = Node(id=result, process=SAVE, namespace=None, arguments=arguments)
    processes = {name: f"process{number}" for number, name in enumerate(plan.definitions, start=1)}
    return write_graph(Graph(nodes=nodes, result=result), processes)


def _output(node: Node) -> Output | None:
    if node.process != SAVE or not isinstance(node.arguments.get("data"), FromNode):
        return None
    options = node.arguments.get("options") or {}
    return Output(node=node.arguments["data"].node, format=node.arguments.get("format"), options=options)


def _is_saved(result: str, node: Node) -> bool:
    return node.process == SAVE and (node.id == result or node.arguments.get("data") == FromNode(result))


def _only(graph: Graph, targets: list[str]) -> Graph:
    """Return the nodes that *targets* need; what nobody uses costs nothing."""
    needed = set(targets)
    for node in reversed(list(graph.nodes.values())):
        if node.id in needed:
            needed |= {each.node for each in node.references() if isinstance(each, FromNode)}
    nodes = {name: node for name, node in graph.nodes.items() if name in needed}
    return Graph(nodes=nodes, result=targets[-1], free=graph.free)
