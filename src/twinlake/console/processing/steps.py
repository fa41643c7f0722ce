"""A process graph as a list of steps, and as code that makes it anew."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

from twinlake.console.processing.calls import list_references, write_argument, write_json, write_references, write_script
from twinlake.core.documents import JsonObject
from twinlake.processing.openeo.registry import list_ids
from twinlake.standards.openeo.graph import FromNode, Graph, parse_graph

_SHORT: Final = 120
"""Characters of an argument; a longer one is folded."""
_BRIEF: Final = 60
"""Characters that are shown of what is folded."""
_MOST: Final = 4000
"""Characters of an argument that are shown; what is longer is not laid out, either."""
_MOST_STEPS: Final = 200
_MOST_CODE: Final = 64 << 10
"""Bytes of a graph that is written as code."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Steps:
    """What is shown of a graph."""

    steps: list[JsonObject]
    """Each with its number, node, process, whether the catalogue has that, and arguments: texts, and the steps they are from."""
    more: int
    """Steps that are not shown."""
    problem: str
    """Why it is no graph; empty where it is one."""
    script: tuple[str, str, str] | None
    """As `write_script` has it; None where there is none, or a long one."""
    text: str
    """The graph in JSON; of a long one its beginning."""


def read_steps(process: bytes) -> Steps:
    """Read a process in JSON that is bounded in depth."""
    document = orjson.loads(process)["process_graph"]
    graph, faults = parse_graph(document)
    is_long = len(process) > _MOST_CODE
    text = _cut(json.dumps(document, ensure_ascii=False)) if is_long else write_json(document)
    if graph is None:
        problem = f"Node {faults[0].node}: {faults[0].message}" if faults[0].node else faults[0].message
        return Steps(steps=[], more=0, problem=problem, script=None, text=text)
    steps = _list_steps(document, graph)
    script = None if is_long else write_script(graph)
    return Steps(steps=steps, more=len(graph.nodes) - len(steps), problem="", script=script, text=text)


def _list_steps(document: Mapping[str, Any], graph: Graph) -> list[JsonObject]:
    known = frozenset(list_ids())
    numbers = {node: number for number, node in enumerate(graph.nodes, 1)}
    return [
        {
            "number": numbers[node.id],
            "node": node.id,
            "process": node.process,
            "namespace": node.namespace,
            "is_known": node.namespace is None and node.process in known,
            "is_result": node.id == graph.result,
            "arguments": [
                _describe(name, value, document[node.id]["arguments"][name], numbers) for name, value in node.arguments.items()
            ],
        }
        for node in list(graph.nodes.values())[:_MOST_STEPS]
    ]


def _describe(name: str, value: Any, raw: Any, numbers: Mapping[str, int]) -> JsonObject:
    sources = list(dict.fromkeys(numbers[each.node] for each in list_references(value) if isinstance(each, FromNode)))
    text = "" if isinstance(value, FromNode) else _write(value, raw, numbers, has_sources=bool(sources))
    brief = f"{' '.join(text.split())[:_BRIEF]}…" if len(text) > _SHORT or "\n" in text else ""
    return {"name": name, "text": text, "brief": brief, "sources": sources}


def _write(value: Any, raw: Any, numbers: Mapping[str, int], *, has_sources: bool) -> str:
    if len(text := json.dumps(raw, ensure_ascii=False)) > _MOST:
        return _cut(text)
    if has_sources:
        return write_references(value, {node: f"step_{number}" for node, number in numbers.items()})
    return write_argument(raw)


def _cut(text: str) -> str:
    return text if len(text) <= _MOST else f"{text[:_MOST]} …"
