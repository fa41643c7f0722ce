"""What makes two results the same: the graph with its defaults, what is loaded, and the code that computes.

Names of nodes, their order, and arguments that say what is so anyway do not count. Equal identities mean equal arrays and labels,
in files of the same kinds.
"""

import hashlib
from collections import deque
from collections.abc import Mapping
from dataclasses import asdict
from functools import cache
from importlib.metadata import distributions
from typing import Any, Final

import orjson

from twinlake.core.documents import JsonObject
from twinlake.processing.openeo.definitions import Definitions
from twinlake.processing.openeo.formats.registry import find_format
from twinlake.processing.openeo.planning import Output, Plan
from twinlake.processing.openeo.process import REQUIRED
from twinlake.processing.openeo.registry import find_process
from twinlake.processing.openeo.tiles.layout import TileSize
from twinlake.standards.openeo.graph import FromNode, FromParameter, Graph, Node

Pins = Mapping[str, JsonObject]
"""What is loaded, by node: versions of items and hashes of their assets, the grid, the labels."""
_USER_CODE: Final = "run_udf"


def identify(plan: Plan, pins: Pins, *, size: TileSize) -> str:
    """Return the identity of what a plan makes: 64 hexadecimal digits.

    Several outputs count in the order in which the graph has them: their files are numbered by it.

    Raises
    ------
    ProcessParameterInvalidError
        There is no such format, or an option is wrong.
    """
    keys = _keys(plan.graph, pins, plan.definitions, {})
    return _digest([[_write_output(each, keys) for each in plan.outputs], asdict(size), _libraries()])


def runs_user_code(plan: Plan) -> bool:
    """Whether somewhere in a plan a user-defined function is run: nobody knows what that does."""
    waiting = deque([plan.graph])
    called: set[str] = set()
    while waiting:
        for node in waiting.popleft().nodes.values():
            if node.process == _USER_CODE:
                return True
            waiting.extend(node.callbacks())
            if node.process in plan.definitions and node.process not in called:
                called.add(node.process)
                waiting.append(plan.definitions[node.process].graph)
    return False


def _write_output(output: Output, keys: Mapping[str, str]) -> list[Any]:
    if output.format is None:
        return [keys[output.node]]
    chosen = find_format(output.format)
    return [keys[output.node], chosen.name, chosen.read_options(output.options)]


@cache
def _libraries() -> str:
    """Return what stands for the versions of all that is installed."""
    return _digest(sorted({f"{each.name}=={each.version}" for each in distributions()}))


def _keys(graph: Graph, pins: Pins, definitions: Definitions, known: dict[str, str]) -> Mapping[str, str]:
    """Return what stands for the result of each node: made of what stands for the results that it uses."""
    keys: dict[str, str] = {}
    for node in graph.nodes.values():
        keys[node.id] = _node_key(node, keys, pins, definitions, known)
    return keys


def _key(graph: Graph, definitions: Definitions, known: dict[str, str]) -> str:
    """Return what stands for the result of a graph that loads nothing."""
    return _keys(graph, {}, definitions, known)[graph.result]


def _node_key(node: Node, keys: Mapping[str, str], pins: Pins, definitions: Definitions, known: dict[str, str]) -> str:
    process = find_process(node.process)
    if process is None:
        return _digest(
            [_definition_key(node.process, definitions, known), _write(dict(node.arguments), keys, definitions, known)]
        )
    defaults = {each.name: each.default for each in process.parameters if each.default is not REQUIRED}
    arguments: dict[str, Any] = {**defaults, **node.arguments}
    if node.id in pins:
        return _digest([process.id, process.version, pins[node.id]])
    return _digest([process.id, process.version, _write(arguments, keys, definitions, known)])


def _definition_key(name: str, definitions: Definitions, known: dict[str, str]) -> str:
    if name not in known and name in definitions:
        definition = definitions[name]
        defaults = {each: None if value is REQUIRED else [value] for each, value in definition.parameters.items()}
        known[name] = _digest([_key(definition.graph, definitions, known), defaults])
    return known.get(name, name)


def _write(value: Any, keys: Mapping[str, str], definitions: Definitions, known: dict[str, str]) -> Any:
    """Return an argument as JSON in which references stand for what they refer to; within the depth of a graph."""
    match value:
        case FromNode(name):
            return {"result": keys[name]}
        case FromParameter(name):
            return {"parameter": name}
        case Graph():
            return {"callback": _key(value, definitions, known)}
        case list():
            return [_write(each, keys, definitions, known) for each in value]
        case dict():  # within something, so that no object that somebody wrote passes for a reference
            return {"object": {name: _write(each, keys, definitions, known) for name, each in value.items()}}
        case _:
            return value


def _digest(value: Any) -> str:
    return hashlib.sha256(orjson.dumps(value, option=orjson.OPT_SORT_KEYS)).hexdigest()
