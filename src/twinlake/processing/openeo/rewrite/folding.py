"""What does not depend on anything that is loaded, computed before: arguments of loads become plain values."""

from collections.abc import Callable
from typing import Any

from twinlake.processing.openeo.cubes import Cube
from twinlake.processing.openeo.definitions import Definitions
from twinlake.processing.openeo.evaluating import call
from twinlake.processing.openeo.values import Values, to_json
from twinlake.standards.openeo.graph import FromNode, Graph, Node


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
        arguments = {name: _put(value, results) if is_load(node) else value for name, value in node.arguments.items()}
        nodes[node.id] = Node(id=node.id, process=node.process, namespace=node.namespace, arguments=arguments)
    return Graph(nodes=nodes, result=graph.result, free=graph.free)


def _needed_by_loads(graph: Graph, is_load: Callable[[Node], bool]) -> set[str]:
    needed: set[str] = set()
    for node in reversed(list(graph.nodes.values())):
        if node.id in needed or is_load(node):
            needed |= {each.node for each in node.references() if isinstance(each, FromNode)}
    return needed


def _put(value: Any, results: dict[str, Any]) -> Any:  # within the depth of a graph
    match value:
        case FromNode(name) if name in results and not isinstance(results[name], Cube):
            made = results[name]
            return to_json(made) if isinstance(made, Values) else made
        case list():
            return [_put(each, results) for each in value]
        case dict():
            return {name: _put(each, results) for name, each in value.items()}
        case _:
            return value
