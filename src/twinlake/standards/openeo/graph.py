"""Process graphs, read: nodes in an order in which each can be computed, callbacks as graphs of their own.

Nothing here knows what a process does. Everything works without recursion, and within limits that are checked first: hostile
graphs are long, deep and go in circles.

Source: https://api.openeo.org/1.2.0/#section/Processes/Process-Graphs
"""

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from twinlake.core.documents import JsonObject
from twinlake.core.nesting import is_nested_deeper

MAX_BYTES = 4 << 20
MAX_NODES = 10_000
"""Of a graph with all its callbacks."""
MAX_CALLBACKS = 32
"""Within one another."""
MAX_DEPTH = 200
"""Arrays and objects within one another; a callback takes five."""
MAX_FAULTS = 100
_REFERENCES = ("from_node", "from_parameter")
_MARKS = (b'"from_node"', b'"from_parameter"', b'"process_graph"')


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What is wrong with a graph, and where."""

    code: str
    """One of openEO's."""
    message: str
    node: str = ""
    """Path of node ids from the outermost graph, with slashes; empty where the graph itself is meant."""
    argument: str = ""


@dataclass(frozen=True, slots=True)
class FromNode:
    """The result of another node of the same graph."""

    node: str


@dataclass(frozen=True, slots=True)
class FromParameter:
    """What the graph was given under a name."""

    name: str


class ConstantList(list[Any]):
    """An array of JSON in which nothing refers to anything: polygons, say, whose many members need not be looked through."""


class ConstantObject(dict[str, Any]):
    """An object of JSON in which nothing refers to anything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One call of a process."""

    id: str
    process: str
    namespace: str | None
    arguments: Mapping[str, Any]
    """JSON, with `FromNode`, `FromParameter` and, for callbacks, `Graph` in it. Nobody changes it."""

    def callbacks(self) -> "Iterator[Graph]":
        """Yield the graphs among the arguments."""
        return (each for argument in self.arguments.values() for each in list_callbacks(argument))

    def references(self) -> Iterator[FromNode | FromParameter]:
        """Yield what the arguments refer to; what is within callbacks is theirs, but for parameters (see `Graph.free`)."""
        return (each for argument in self.arguments.values() for each in list_references(argument))


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """A process graph that can be computed."""

    nodes: Mapping[str, Node]
    """By id; each stands behind those whose results it uses."""
    result: str
    """The node whose result is that of the graph."""
    free: frozenset[str] = frozenset()
    """Parameters that it, or a callback in it, refers to."""


def list_references(argument: Any) -> Iterator[FromNode | FromParameter]:
    """Yield what one argument refers to, as `Node.references` does."""
    for part in _parts_of(argument):
        if isinstance(part, Graph):
            yield from map(FromParameter, sorted(part.free))
        else:
            yield part


def list_callbacks(argument: Any) -> Iterator[Graph]:
    """Yield the graphs in one argument."""
    return (each for each in _parts_of(argument) if isinstance(each, Graph))


def is_constant(argument: Any) -> bool:
    """Tell whether an argument is JSON and nothing else."""
    return next(_parts_of(argument), None) is None


def map_parts(argument: Any, change: Callable[[Any], Any]) -> Any:  # within the depth of a graph
    """Return *argument* with what *change* makes of its references, callbacks and single values in their places."""
    match argument:
        case ConstantList() | ConstantObject():
            return argument
        case list():
            return [map_parts(each, change) for each in argument]
        case dict():
            return {name: map_parts(each, change) for name, each in argument.items()}
        case _:
            return change(argument)


def _parts_of(argument: Any) -> Iterator[FromNode | FromParameter | Graph]:
    """Yield references and callbacks, wherever they stand in an argument."""
    waiting: deque[Any] = deque([argument])
    while waiting:
        value = waiting.popleft()
        if isinstance(value, FromNode | FromParameter | Graph):
            yield value
        elif isinstance(value, ConstantList | ConstantObject):
            continue
        elif isinstance(value, dict):
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)


@dataclass(slots=True)
class _Draft:
    """A graph while it is read."""

    path: str
    document: Mapping[str, Any]
    depth: int
    holder: dict[str, Any] | list[Any] | None = None
    """Where in the arguments of the outer graph the finished one belongs, and under which key."""
    key: Any = None
    nodes: dict[str, Node] = field(default_factory=dict)


def read_graph(text: bytes) -> tuple[Graph | None, Sequence[Fault]]:
    """Read a graph in JSON: its nodes by id. Returns the graph, or at most `MAX_FAULTS` faults."""
    if len(text) > MAX_BYTES:
        return None, [Fault(code="ProcessGraphInvalid", message=f"The graph is larger than {MAX_BYTES >> 20} MiB.")]
    if is_nested_deeper(text, MAX_DEPTH):
        return None, [Fault(code="ProcessGraphInvalid", message="The graph is nested too deeply, or is not JSON.")]
    try:
        document = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        return None, [Fault(code="ProcessGraphInvalid", message=f"The graph is not JSON: {error}.")]
    return parse_graph(document)


def parse_graph(document: object) -> tuple[Graph | None, Sequence[Fault]]:
    """Parse a graph as `read_graph` does; *document* is bounded in depth already."""
    faults: list[Fault] = []
    if not isinstance(document, dict) or not document:
        return None, [Fault(code="ProcessGraphMissing", message="The graph is no object with nodes.")]
    outermost = _Draft("", document, 0)
    drafts = [outermost]
    nodes = 0
    for draft in drafts:  # grows while it is read: callbacks stand behind the graphs that hold them
        nodes += len(draft.document)
        if nodes > MAX_NODES:
            return None, [Fault(code="ProcessGraphInvalid", message=f"The graph has more than {MAX_NODES} nodes.")]
        for name, node in draft.document.items():
            _read_node(draft, name, node, drafts, faults)
            if len(faults) >= MAX_FAULTS:
                return None, faults[:MAX_FAULTS]
    graph = None
    for draft in reversed(drafts):  # the innermost first, so that each holder gets finished callbacks
        graph = _finish(draft, faults)
        if draft.holder is not None:
            draft.holder[draft.key] = graph
    return (graph, []) if graph is not None and not faults else (None, faults[:MAX_FAULTS])


def _read_node(draft: _Draft, name: str, node: object, drafts: list[_Draft], faults: list[Fault]) -> None:
    path = f"{draft.path}/{name}" if draft.path else name
    if not isinstance(node, dict) or not isinstance(node.get("process_id"), str):
        faults.append(Fault(code="ProcessGraphInvalid", message="A node has no 'process_id'.", node=path))
        return
    arguments, namespace = node.get("arguments", {}), node.get("namespace")
    if not isinstance(arguments, dict) or not (namespace is None or isinstance(namespace, str)):
        faults.append(Fault(code="ProcessGraphInvalid", message="'arguments' is no object, or 'namespace' no text.", node=path))
        return
    arguments = _read_arguments(arguments, path, draft.depth, drafts, faults)
    draft.nodes[name] = Node(id=name, process=node["process_id"], namespace=namespace, arguments=arguments)


def _read_arguments(arguments: JsonObject, path: str, depth: int, drafts: list[_Draft], faults: list[Fault]) -> dict[str, Any]:
    """Copy *arguments* with references in place of what stands for them; callbacks are put into *drafts*."""
    copy: dict[str, Any] = {name: _as_constant(value) for name, value in arguments.items()}
    waiting: deque[tuple[Any, dict[str, Any] | list[Any], Any, str]] = deque(
        (value, copy, name, name) for name, value in arguments.items() if copy[name] is None
    )
    while waiting:
        value, holder, key, argument = waiting.popleft()
        if isinstance(value, dict):
            if "process_graph" in value:
                inner = value["process_graph"]
                if not isinstance(inner, dict) or not inner:
                    faults.append(
                        Fault(code="ProcessGraphMissing", message="A callback has no graph.", node=path, argument=argument)
                    )
                elif depth + 1 > MAX_CALLBACKS:
                    message = f"Callbacks stand in each other more than {MAX_CALLBACKS} deep."
                    faults.append(Fault(code="ProcessGraphInvalid", message=message, node=path, argument=argument))
                else:
                    drafts.append(_Draft(path, inner, depth + 1, holder, key))
                continue
            if len(value) == 1 and (name := next(iter(value))) in _REFERENCES:
                if not isinstance(value[name], str):
                    message = f"'{name}' is no text."
                    faults.append(Fault(code="ProcessGraphInvalid", message=message, node=path, argument=argument))
                else:
                    holder[key] = FromNode(value[name]) if name == "from_node" else FromParameter(value[name])
                continue
            inside: dict[str, Any] | list[Any] = dict.fromkeys(value)
            waiting.extend((member, inside, name, argument) for name, member in value.items())
        elif isinstance(value, list):
            inside = [None] * len(value)
            waiting.extend((member, inside, number, argument) for number, member in enumerate(value))
        else:
            holder[key] = value
            continue
        holder[key] = inside
    return copy


def _as_constant(value: Any) -> ConstantList | ConstantObject | None:
    """Return an array or object that has no mark of a reference or a callback in it, be it in a text; None for all else."""
    if not isinstance(value, list | dict):
        return None
    try:
        written = orjson.dumps(value)
    except TypeError:  # an integer of more than 64 bits
        return None
    if any(mark in written for mark in _MARKS):
        return None
    return ConstantList(value) if isinstance(value, list) else ConstantObject(value)


def _finish(draft: _Draft, faults: list[Fault]) -> Graph | None:
    """Put the nodes into an order and find the result."""
    results = [name for name, node in draft.document.items() if isinstance(node, dict) and node.get("result") is True]
    if len(results) != 1:
        message = f"{'No node has' if not results else 'More than one node has'} 'result': true."
        faults.append(Fault(code="ProcessGraphInvalid", message=message, node=draft.path))
        return None
    used = {name: [each for each in node.references() if isinstance(each, FromNode)] for name, node in draft.nodes.items()}
    for name, references in used.items():
        for unknown in {each.node for each in references} - draft.document.keys():
            message = f"There is no node {unknown[:80]!r} to take a result from."
            faults.append(Fault(code="ProcessGraphInvalid", message=message, node=_join(draft.path, name)))
            return None
    order = _sort({name: {each.node for each in references} for name, references in used.items()})
    if len(order) < len(draft.nodes):
        circle = ", ".join(sorted(draft.nodes.keys() - set(order))[:5])
        faults.append(Fault(code="ProcessGraphInvalid", message=f"Nodes go in circles: {circle}.", node=draft.path))
        return None
    if len(draft.nodes) < len(draft.document):
        return None  # a node is a fault itself
    free = {each.name for node in draft.nodes.values() for each in node.references() if isinstance(each, FromParameter)}
    return Graph(nodes={name: draft.nodes[name] for name in order}, result=results[0], free=frozenset(free))


def _sort(uses: Mapping[str, set[str]]) -> list[str]:
    """Return the names so that each stands behind those it uses; those in circles, and what needs them, are left out."""
    users: dict[str, list[str]] = {name: [] for name in uses}
    left = {name: len(needed & uses.keys()) for name, needed in uses.items()}
    for name, needed in uses.items():
        for each in needed & uses.keys():
            users[each].append(name)
    ready = deque(name for name, count in left.items() if count == 0)
    order = []
    while ready:
        name = ready.popleft()
        order.append(name)
        for user in users[name]:
            left[user] -= 1
            if left[user] == 0:
                ready.append(user)
    return order


def _join(path: str, name: str) -> str:
    return f"{path}/{name}" if path else name
