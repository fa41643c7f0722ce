"""User-defined processes put in the place of their calls, so that everything that is loaded stands in one graph."""

from collections import deque
from collections.abc import Mapping
from functools import partial
from typing import Any

from twinlake.processing.openeo.definitions import Definition, Definitions
from twinlake.processing.openeo.process import REQUIRED
from twinlake.processing.openeo.registry import find_process
from twinlake.standards.openeo.errors import ProcessGraphComplexityError
from twinlake.standards.openeo.graph import MAX_NODES, FromNode, FromParameter, Graph, Node, list_references, map_parts

_Given = Mapping[str, Any]
"""What stands in the place of a graph's parameters."""


def inline(graph: Graph, definitions: Definitions) -> Graph:
    """Return *graph* without calls of *definitions* in it: their nodes stand there instead, as ``CALL/NODE``.

    A call stays what it is within callbacks, and where a callback in the definition needs the result of another node.

    Raises
    ------
    ProcessGraphComplexityError
        There are too many nodes with those of the definitions.
    """
    nodes: dict[str, Node] = {}
    results: dict[str, str] = {}
    """The node that has the result of a call, by the call."""
    waiting = deque(graph.nodes.values())
    while waiting:
        node = waiting.popleft()
        definition = definitions.get(node.process) if find_process(node.process) is None else None
        given = None if definition is None else _given(node, definition)
        if definition is None or given is None or not _can_be_put(definition.graph, given):
            nodes[node.id] = node
            continue
        inner = [_put(each, given, node.id) for each in definition.graph.nodes.values()]
        results[node.id] = f"{node.id}/{definition.graph.result}"
        waiting.extendleft(reversed(inner))
        if len(nodes) + len(waiting) > MAX_NODES:
            raise ProcessGraphComplexityError(f"With the processes that it calls the graph has more than {MAX_NODES} nodes.")
    return Graph(
        nodes={name: _redirect(node, results) for name, node in nodes.items()},
        result=_end(graph.result, results),
        free=graph.free,
    )


def _given(call: Node, definition: Definition) -> _Given | None:
    given = {name: call.arguments.get(name, default) for name, default in definition.parameters.items()}
    return None if any(each is REQUIRED for each in given.values()) else given


def _can_be_put(graph: Graph, given: _Given) -> bool:
    """Whether no callback needs what is no constant: it knows of no nodes but its own."""
    computed = {name for name, value in given.items() if any(list_references(value))}
    return not any(each.free & computed for node in graph.nodes.values() for each in node.callbacks())


def _put(node: Node, given: _Given, call: str) -> Node:
    def place(value: Any) -> Any:
        match value:
            case FromNode(name):
                return FromNode(f"{call}/{name}")
            case FromParameter(name) if name in given:
                return given[name]
            case _:
                return value

    return _replace(node, f"{call}/{node.id}", place, given)


def _redirect(node: Node, results: Mapping[str, str]) -> Node:
    def place(value: Any) -> Any:
        return FromNode(_end(value.node, results)) if isinstance(value, FromNode) else value

    return _replace(node, node.id, place, {})


def _end(name: str, results: Mapping[str, str]) -> str:
    while name in results:
        name = results[name]
    return name


def _replace(node: Node, name: str, place: Any, given: _Given) -> Node:
    """Return *node* under another name with what *place* has in the place of references, and of parameters in callbacks."""
    process = find_process(node.process)
    passed = {} if process is None else {each.name: {own.name for own in each.passed} for each in process.parameters}
    arguments = {}
    for argument, value in node.arguments.items():
        known = {own: value for own, value in given.items() if own not in passed.get(argument, ())}
        arguments[argument] = map_parts(value, partial(_change, place=place, given=known))
    return Node(id=name, process=node.process, namespace=node.namespace, arguments=arguments)


def _change(part: Any, place: Any, given: _Given) -> Any:
    return _put_parameters(part, given) if isinstance(part, Graph) else place(part)


def _put_parameters(graph: Graph, given: _Given) -> Graph:
    if not graph.free & given.keys():
        return graph

    def place(value: Any) -> Any:
        return given[value.name] if isinstance(value, FromParameter) and value.name in given else value

    nodes = {name: _replace(node, name, place, given) for name, node in graph.nodes.items()}
    return Graph(nodes=nodes, result=graph.result, free=graph.free - given.keys())
