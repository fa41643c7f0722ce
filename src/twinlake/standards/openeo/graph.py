"""Process graphs, read: nodes in an order in which each can be computed, callbacks as graphs of their own.

What is wrong does not end the reading: a draft holds each fault in its place, and whatever else could be read.

Nothing here knows what a process does. Everything works without recursion, and within limits that are checked first: hostile
graphs are long, deep and go in circles.

Source: https://api.openeo.org/1.2.0/#section/Processes/Process-Graphs
"""

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
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
    """JSON, with `FromNode`, `FromParameter` and, for callbacks, `Graph` in it; in a draft `Fault` for what is none of them.

    Nobody changes it.
    """

    def callbacks(self) -> "Iterator[Graph]":
        """Yield the graphs among the arguments."""
        return (each for argument in self.arguments.values() for each in list_callbacks(argument))

    def references(self) -> Iterator[FromNode | FromParameter]:
        """Yield what the arguments refer to; what is within callbacks is theirs, but for parameters (see `Graph.free`)."""
        return (each for argument in self.arguments.values() for each in list_references(argument))

    def faults(self) -> Iterator[Fault]:
        """Yield what could not be read of the arguments, each once."""
        parts = (part for argument in self.arguments.values() for part in list_parts(argument))
        return iter(dict.fromkeys(part for part in parts if isinstance(part, Fault)))


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
    for part in list_parts(argument):
        if isinstance(part, Graph):
            yield from map(FromParameter, sorted(part.free))
        elif not isinstance(part, Fault):
            yield part


def list_callbacks(argument: Any) -> Iterator[Graph]:
    """Yield the graphs in one argument."""
    return (each for each in list_parts(argument) if isinstance(each, Graph))


def is_constant(argument: Any) -> bool:
    """Tell whether an argument is JSON and nothing else."""
    return next(list_parts(argument), None) is None


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


def list_parts(argument: Any) -> Iterator[FromNode | FromParameter | Graph | Fault]:
    """Yield what is no JSON, wherever it stands in an argument."""
    waiting: deque[Any] = deque([argument])
    while waiting:
        value = waiting.popleft()
        if isinstance(value, FromNode | FromParameter | Graph | Fault):
            yield value
        elif isinstance(value, ConstantList | ConstantObject):
            continue
        elif isinstance(value, dict):
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)


@dataclass(slots=True, eq=False)
class Draft:
    """A graph as it was written, with what is wrong in it."""

    path: str = ""
    argument: str = ""
    """Of which it is a callback, as a `Fault` has them."""
    depth: int = 0
    document: Mapping[str, Any] = field(default_factory=dict)
    holder: dict[str, Any] | list[Any] = field(default_factory=list)
    """Where in the argument the finished graph belongs, and under which key."""
    key: Any = None
    faults: list[Fault] = field(default_factory=list)
    """Of the graph itself."""
    nodes: dict[str, Node | Fault] = field(default_factory=dict)
    """As they were written; for one that is none its fault."""
    callbacks: "dict[str, list[Draft]]" = field(default_factory=dict)
    """By node."""
    graph: Graph = field(default_factory=lambda: Graph(nodes={}, result=""))
    """Whole where there are no faults."""

    def walk(self) -> "Iterator[tuple[Draft, Node | Fault]]":
        """Yield nodes and faults, each with the draft in which it stands, as they were written: behind a node its callbacks."""
        waiting = _stack(self)
        while waiting:
            draft, entry = waiting.pop()
            yield draft, entry
            if isinstance(entry, Node):
                for callback in reversed(draft.callbacks.get(entry.id, ())):
                    waiting.extend(_stack(callback))

    def place(self, node: str) -> str:
        """Return the path of a node."""
        return f"{self.path}/{node}" if self.path else node


def _stack(draft: Draft) -> list[tuple[Draft, Node | Fault]]:
    """Return what stands in a draft, the first of it last."""
    return [(draft, each) for each in reversed((*draft.faults, *draft.nodes.values()))]


def read_draft(text: bytes) -> Draft:
    """Read a graph in JSON, its nodes by id, with its faults."""
    if len(text) > MAX_BYTES:
        return _refuse("ProcessGraphInvalid", f"The graph is larger than {MAX_BYTES >> 20} MiB.")
    if is_nested_deeper(text, MAX_DEPTH):
        return _refuse("ProcessGraphInvalid", "The graph is nested too deeply, or is not JSON.")
    try:
        document = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        return _refuse("ProcessGraphInvalid", f"The graph is not JSON: {error}.")
    return parse_draft(document)


def parse_graph(document: object) -> tuple[Graph | None, Sequence[Fault]]:
    """Parse a graph as `parse_draft` does. Returns the graph, or at most `MAX_FAULTS` faults."""
    draft = parse_draft(document)
    entries = (entry for _, entry in draft.walk())
    found = (fault for entry in entries for fault in ([entry] if isinstance(entry, Fault) else entry.faults()))
    faults = list(islice(found, MAX_FAULTS))
    return (None if faults else draft.graph), faults


def parse_draft(document: object) -> Draft:
    """Parse a graph as `read_draft` does; *document* is bounded in depth already."""
    if not isinstance(document, dict) or not document:
        return _refuse(
            "ProcessGraphMissing",
            "The graph has no nodes: it is an object of nodes by their ids, one of which has 'result': true.",
        )
    outermost = Draft(document=document)
    drafts = [outermost]
    nodes = 0
    for draft in drafts:  # grows while it is read: callbacks stand behind the graphs that hold them
        nodes += len(draft.document)
        if nodes > MAX_NODES:
            return _refuse("ProcessGraphInvalid", f"The graph has more than {MAX_NODES} nodes.")
        for name, node in draft.document.items():
            draft.nodes[name] = _read_node(draft, name, node)
            drafts += draft.callbacks.get(name, ())
    for draft in reversed(drafts):  # the innermost first, so that each holder gets finished callbacks
        draft.graph = _finish(draft)
        if draft is not outermost:
            draft.holder[draft.key] = draft.graph
    return outermost


def _refuse(code: str, message: str) -> Draft:
    return Draft(faults=[Fault(code=code, message=message)])


def _read_node(draft: Draft, name: str, node: object) -> Node | Fault:
    if not isinstance(node, dict) or not isinstance(node.get("process_id"), str):
        return Fault(code="ProcessGraphInvalid", message="A node has no 'process_id'.", node=draft.place(name))
    arguments, namespace = node.get("arguments", {}), node.get("namespace")
    if not isinstance(arguments, dict) or not (namespace is None or isinstance(namespace, str)):
        message = "'arguments' is no object, or 'namespace' no text."
        return Fault(code="ProcessGraphInvalid", message=message, node=draft.place(name))
    return Node(id=name, process=node["process_id"], namespace=namespace, arguments=_read_arguments(arguments, draft, name))


def _read_arguments(arguments: JsonObject, draft: Draft, node: str) -> dict[str, Any]:
    """Copy *arguments* with references, and faults, in place of what stands for them; callbacks are noted in *draft*."""
    copy: dict[str, Any] = {name: _as_constant(value) for name, value in arguments.items()}
    waiting: deque[tuple[Any, dict[str, Any] | list[Any], Any, str]] = deque(
        (value, copy, name, name) for name, value in arguments.items() if copy[name] is None
    )
    while waiting:
        value, holder, key, argument = waiting.popleft()
        if isinstance(value, dict):
            if "process_graph" in value:
                inner = value["process_graph"]
                if (fault := _refuse_callback(inner, draft, node, argument)) is not None:
                    holder[key] = fault
                    continue
                callback = Draft(draft.place(node), argument, draft.depth + 1, inner, holder, key)
                draft.callbacks.setdefault(node, []).append(callback)
                continue
            if len(value) == 1 and (name := next(iter(value))) in _REFERENCES:
                holder[key] = _read_reference(name, value[name], draft, node, argument)
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


def _refuse_callback(document: object, draft: Draft, node: str, argument: str) -> Fault | None:
    if not isinstance(document, dict) or not document:
        code, message = "ProcessGraphMissing", "A callback has no graph."
    elif draft.depth + 1 > MAX_CALLBACKS:
        code, message = "ProcessGraphInvalid", f"Callbacks stand in each other more than {MAX_CALLBACKS} deep."
    else:
        return None
    return Fault(code=code, message=message, node=draft.place(node), argument=argument)


def _read_reference(kind: str, name: object, draft: Draft, node: str, argument: str) -> FromNode | FromParameter | Fault:
    if not isinstance(name, str):
        message = f"'{kind}' is no text."
    elif kind == "from_parameter":
        return FromParameter(name)
    elif name in draft.document:
        return FromNode(name)
    else:
        message = f"There is no node {name[:80]!r} to take a result from."
    return Fault(code="ProcessGraphInvalid", message=message, node=draft.place(node), argument=argument)


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


def _finish(draft: Draft) -> Graph:
    """Put the nodes into an order and find the result."""
    results = [name for name, node in draft.document.items() if isinstance(node, dict) and node.get("result") is True]
    if len(results) != 1:
        message = f"{'No node has' if not results else 'More than one node has'} 'result': true."
        draft.faults.append(Fault(code="ProcessGraphInvalid", message=message, node=draft.path, argument=draft.argument))
    nodes = {name: node for name, node in draft.nodes.items() if isinstance(node, Node)}
    references = {name: list(node.references()) for name, node in nodes.items()}
    order = _sort({name: {each.node for each in used if isinstance(each, FromNode)} for name, used in references.items()})
    if len(order) < len(nodes):
        circle = ", ".join(sorted(nodes.keys() - set(order))[:5])
        message = f"Nodes go in circles: {circle}."
        draft.faults.append(Fault(code="ProcessGraphInvalid", message=message, node=draft.path, argument=draft.argument))
    free = {each.name for used in references.values() for each in used if isinstance(each, FromParameter)}
    return Graph(nodes={name: nodes[name] for name in order}, result="".join(results[:1]), free=frozenset(free))


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
