"""Nodes that compute the same thing made one, so that nothing is loaded or computed twice."""

from typing import Any

from twinlake.standards.openeo.graph import FromNode, Graph, Node, map_parts

_DIFFER_EACH_TIME = frozenset({"vector_to_random_points", "inspect"})
"""Of random numbers without a seed, and lines for the log."""


def share(graph: Graph) -> Graph:
    """Return *graph* in which of nodes with one process and equal arguments the first one stands for all."""
    first: dict[str, str] = {}
    stands_for: dict[str, str] = {}
    nodes: dict[str, Node] = {}
    for node in graph.nodes.values():
        arguments = {name: map_parts(value, lambda part: _redirect(part, stands_for)) for name, value in node.arguments.items()}
        moved = Node(id=node.id, process=node.process, namespace=node.namespace, arguments=arguments)
        key = f"{node.namespace} {node.process} {sorted(arguments.items(), key=lambda each: each[0])!r}"
        if node.process not in _DIFFER_EACH_TIME and key in first:
            stands_for[node.id] = first[key]
            continue
        first[key] = node.id
        nodes[node.id] = moved
    return Graph(nodes=nodes, result=stands_for.get(graph.result, graph.result), free=graph.free)


def _redirect(part: Any, stands_for: dict[str, str]) -> Any:
    return FromNode(stands_for.get(part.node, part.node)) if isinstance(part, FromNode) else part
