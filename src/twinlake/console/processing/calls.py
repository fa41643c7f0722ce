"""Calls of a process as code: Python for openEO's client, and process graphs."""

import json
import keyword
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from twinlake.core.documents import JsonObject
from twinlake.standards.openeo.graph import FromNode, FromParameter, Graph, Node, parse_graph

_WIDTH = 72
"""Characters of a line, where what stands in it can be broken."""
_STEP = 2
_UNKNOWN_TO_CLIENT = frozenset({"text_find"})
"""Processes that ``openeo.processes`` has no function for."""


class _NotPlainError(Exception):
    """A graph is no plain expression, or is none at all."""


def make_graph(process_id: str, arguments: JsonObject) -> JsonObject:
    """Return the process graph that calls a process."""
    return {f"{process_id}1": {"process_id": process_id, "arguments": arguments, "result": True}}


def write_json(value: Any) -> str:
    """Write JSON in lines that are not too long; NaN and infinity as openEO's clients read them."""
    return _lay_out(value, lambda part: json.dumps(part, ensure_ascii=False))


def write_python(process_id: str, arguments: JsonObject) -> tuple[str, str]:
    """Return the import and the expression with which openEO's client calls a process; *arguments* are bounded in depth."""
    writer = _Expressions()
    given = {name: writer.write_argument(value) for name, value in arguments.items()}
    call = writer.write_call(process_id, given)
    return f"from openeo.processes import {', '.join(sorted(writer.imported))}", call


def write_argument(value: Any) -> str:
    """Write one argument as `write_python` does; it is bounded in depth."""
    return _Expressions().write_argument(value)


def write_references(value: Any, names: Mapping[str, str]) -> str:
    """Write an argument as it is in a graph that was read, with names for the results of nodes."""
    return _Expressions().write_value(value, names)


def list_references(value: Any) -> Iterator[FromNode | FromParameter]:
    """Yield what an argument, which is bounded in depth, refers to outside of callbacks."""
    if isinstance(value, FromNode | FromParameter):
        yield value
    elif isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from list_references(each)


def write_script(graph: Graph) -> tuple[str, str, str] | None:
    """Return a graph for openEO's client: the import, a statement for each step, and the name of the result.

    None where it is no plain one: it calls processes of a namespace, or takes parameters.
    """
    given = [each for node in graph.nodes.values() for value in node.arguments.values() for each in list_references(value)]
    if any(isinstance(each, FromParameter) for each in given):
        return None
    writer = _Expressions()
    names = {node: f"step_{number}" for number, node in enumerate(graph.nodes, 1)}
    try:
        calls = [f"{names[node.id]} = {writer.write_node(node, names)}" for node in graph.nodes.values()]
    except _NotPlainError:
        return None
    return f"from openeo.processes import {', '.join(sorted(writer.imported))}", "\n".join(calls), names[graph.result]


def _lay_out(value: Any, write: Callable[[Any], str], indent: int = 0) -> str:
    """Write *value* on a line, or if that is too long its members on lines of their own; numbers share lines."""
    flat = write(value)
    if not isinstance(value, dict | list) or not value or indent + len(flat) <= _WIDTH:
        return flat
    inner = indent + _STEP
    if isinstance(value, dict):
        lines = [f"{write(name)}: {_lay_out(part, write, inner)}" for name, part in value.items()]
        return _enclose("{", lines, "}", indent)
    parts = [_lay_out(part, write, inner) for part in value]
    return _enclose("[", parts if any(isinstance(part, dict | list | str) for part in value) else list(_pack(parts)), "]", indent)


def _enclose(opening: str, lines: list[str], closing: str, indent: int) -> str:
    margin = "\n" + " " * (indent + _STEP)
    return f"{opening}{margin}{f',{margin}'.join(lines)}\n{' ' * indent}{closing}"


def _pack(parts: list[str]) -> Iterator[str]:
    """Put as many parts on a line as fit."""
    line = parts[0]
    for part in parts[1:]:
        if len(line) + len(part) + 2 > _WIDTH:
            yield line
            line = part
        else:
            line += f", {part}"
    yield line


class _Expressions:
    """Writes calls, and callbacks as functions where they are plain expressions; remembers what must be imported."""

    def __init__(self) -> None:
        self.imported: set[str] = set()

    def write_call(self, process_id: str, given: Mapping[str, str]) -> str:
        """Write the call of a process with arguments in Python."""
        named = all(map(_is_name, given))
        if not named or not _is_name(f"{process_id}_") or process_id in _UNKNOWN_TO_CLIENT:
            self.imported.add("process")
            head = f"process({process_id!r}"
            parts = [f"{name}={text}" for name, text in given.items()] if named else [_write_dict(given)]
            return _close(head, [", ".join(parts)] if parts else [], lead=", ")
        function = f"{process_id}_" if keyword.iskeyword(process_id) else process_id
        self.imported.add(function)
        return _close(f"{function}(", [f"{name}={text}" for name, text in given.items()])

    def write_argument(self, value: Any) -> str:
        """Write an argument: a callback as a function, anything else as it is."""
        if isinstance(value, dict) and value.keys() == {"process_graph"}:
            graph, _ = parse_graph(value["process_graph"])
            imported = set(self.imported)
            try:
                return self._write_function(graph)
            except _NotPlainError:
                self.imported = imported
        return _lay_out(value, repr, _STEP)

    def _write_function(self, graph: Graph | None) -> str:
        if graph is None or not all(map(_is_name, graph.free)):
            raise _NotPlainError
        used = Counter(each.node for node in graph.nodes.values() for each in node.references() if isinstance(each, FromNode))
        if any(used[name] != (name != graph.result) for name in graph.nodes):
            raise _NotPlainError
        written: dict[str, str] = {}
        for node in graph.nodes.values():
            written[node.id] = self.write_node(node, written)
        head = f"lambda {', '.join(sorted(graph.free))}" if graph.free else "lambda"
        return f"{head}: {written[graph.result]}"

    def write_node(self, node: Node, written: Mapping[str, str]) -> str:
        """Write the call that a node is; *written* has what stands for the results of others."""
        if node.namespace is not None:
            raise _NotPlainError
        return self.write_call(node.process, {name: self.write_value(value, written) for name, value in node.arguments.items()})

    def write_value(self, value: Any, written: Mapping[str, str]) -> str:
        match value:
            case FromNode():
                return written[value.node]
            case FromParameter():
                return value.name
            case Graph():
                return self._write_function(value)
            case list():
                return f"[{', '.join(self.write_value(each, written) for each in value)}]"
            case dict():
                return _write_dict({name: self.write_value(each, written) for name, each in value.items()})
        return repr(value)


def _is_name(text: str) -> bool:
    return text.isidentifier() and not keyword.iskeyword(text)


def _write_dict(given: Mapping[str, str]) -> str:
    return "{" + ", ".join(f"{name!r}: {text}" for name, text in given.items()) + "}"


def _close(head: str, parts: list[str], *, lead: str = "") -> str:
    """Write a call on a line, or an argument a line."""
    flat = head + (lead if parts else "") + ", ".join(parts) + ")"
    if len(flat) <= _WIDTH or not parts:
        return flat
    margin = "\n" + " " * _STEP
    return f"{head}{lead.rstrip()}{margin}{f',{margin}'.join(parts)},\n)"
