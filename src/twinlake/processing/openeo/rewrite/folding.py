"""What does not depend on anything that is loaded, computed before: arguments of loads become plain values."""

from collections.abc import Callable
from typing import Any

from twinlake.processing.openeo.cubes import Cube
from twinlake.processing.openeo.definitions import Definitions
from twinlake.processing.openeo.evaluating import call
from twinlake.processing.openeo.values import Values, to_json
from twinlake.standards.openeo.graph import FromNode, Graph, Node, map_parts


def fold(graph: Graph, definitions: Definitions, *, is_load: Callable[[Node], bool]) -> Graph:
    """Return *graph*, in which the arguments of loads have values in the place of nodes that can be computed beforehand.

    Raises
    ------
    OpenEoError
        One of these nodes fails.
    """
    needed = _needed_by_loads(graph, is_load)
    if not needed:
        return graph
    results: dict[str, Any] = {}
    nodes: dict[str, Node] = {}
    for node in graph.nodes.values():
        uses = {each.node for each in node.references() if isinstance(each, FromNode)}
        if node.id in needed and not is_load(node) and uses <= results.keys():
            results[node.id] = call(node, results, definitions)
        nodes[node.id] = _with_values(node, results) if is_load(node) else node
    return Graph(nodes=nodes, result=graph.result, free=graph.free)


def _needed_by_loads(graph: Graph, is_load: Callable[[Node], bool]) -> set[str]:
    needed: set[str] = set()
    for node in reversed(list(graph.nodes.values())):
        if node.id in needed or is_load(node):
            needed |= {each.node for each in node.references() if isinstance(each, FromNode)}
    return needed


def _with_values(node: Node, results: dict[str, Any]) -> Node:
    def put(part: Any) -> Any:
        if not isinstance(part, FromNode) or isinstance(made := results.get(part.node, part), FromNode | Cube):
            return part
        return to_json(made) if isinstance(made, Values) else made

    arguments = {name: map_parts(value, put) for name, value in node.arguments.items()}
    return Node(id=node.id, process=node.process, namespace=node.namespace, arguments=arguments)
