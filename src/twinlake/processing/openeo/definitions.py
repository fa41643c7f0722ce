"""User-defined processes as graphs call them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import orjson

from twinlake.processing.openeo.process import REQUIRED
from twinlake.standards.openeo.graph import Fault, Graph, parse_graph


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """A graph that is called by a name."""

    graph: Graph
    parameters: Mapping[str, Any]
    """Defaults by name, in order; `REQUIRED` where there is none."""


Definitions = Mapping[str, Definition]
NO_DEFINITIONS: Definitions = MappingProxyType({})


def read_definitions(documents: Mapping[str, str]) -> tuple[Definitions, Sequence[Fault]]:
    """Read processes from JSON, by id: all of them, or what is wrong."""
    found: dict[str, Definition] = {}
    for name, text in documents.items():
        document = orjson.loads(text)
        graph, faults = parse_graph(document.get("process_graph"))
        if graph is None:
            return {}, faults
        parameters = {}
        for each in document.get("parameters") or ():
            if not isinstance(each, dict) or not isinstance(each.get("name"), str):
                return {}, [Fault(code="ProcessInvalid", message=f"A parameter of {name!r} has no name.")]
            is_optional = each.get("optional") is True or "default" in each
            parameters[each["name"]] = each.get("default") if is_optional else REQUIRED
        found[name] = Definition(graph=graph, parameters=parameters)
    if (circle := _find_circle(found)) is not None:
        return {}, [Fault(code="ProcessGraphInvalid", message=f"The process {circle!r} calls itself, by way of others or not.")]
    return found, []


def _find_circle(definitions: Definitions) -> str | None:
    """Return a process that needs its own result."""
    calls = {name: _calls_of(each.graph) & definitions.keys() for name, each in definitions.items()}
    left = dict(calls)
    while ends := [name for name, called in left.items() if not called & left.keys()]:
        for name in ends:
            del left[name]
    return min(left) if left else None


def _calls_of(graph: Graph) -> set[str]:
    """Return the processes that a graph, or a callback in it, calls."""
    calls: set[str] = set()
    waiting = [graph]
    while waiting:
        for node in waiting.pop().nodes.values():
            calls.add(node.process)
            waiting.extend(node.callbacks())
    return calls
