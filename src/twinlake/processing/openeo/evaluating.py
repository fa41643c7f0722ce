"""A graph of processes, computed on values that are there: the graphs of callbacks, and whatever has no cube in it.

Works node after node in the graph's order. What it is given was checked before (`checking`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import numpy as np

from twinlake.processing.openeo.cubes import Cube
from twinlake.processing.openeo.definitions import NO_DEFINITIONS, Definitions
from twinlake.processing.openeo.kernels.arrays.joining import wrap
from twinlake.processing.openeo.process import REQUIRED, Parameter, Process
from twinlake.processing.openeo.quantities import carry_quantities
from twinlake.processing.openeo.registry import find_process
from twinlake.processing.openeo.tools import NO_TOOLS, Cells, Standing, Tools
from twinlake.processing.openeo.values import Values, from_json, nothing, to_json, to_plain
from twinlake.standards.openeo.errors import (
    OpenEoError,
    ProcessParameterInvalidError,
    ProcessParameterRequiredError,
    ProcessUnsupportedError,
)
from twinlake.standards.openeo.graph import ConstantList, ConstantObject, FromNode, FromParameter, Graph, Node

Scope = Mapping[str, Any]
"""What parameters of a graph stand for: `Values`, or plain Python for what is passed on as it is."""
Results = dict[str, Any]
"""What nodes made, by their ids: `Cube`, `Values`, or plain Python."""
_NOTHING: Mapping[str, Any] = MappingProxyType({})


def evaluate(
    graph: Graph,
    scope: Scope,
    definitions: Definitions = NO_DEFINITIONS,
    *,
    known: Mapping[str, Any] = _NOTHING,
    tools: Tools = NO_TOOLS,
) -> Any:
    """Return the result of *graph*.

    Parameters
    ----------
    definitions
        The user-defined processes that it calls; none of them calls itself.
    known
        Results that there are already, by node: of what was loaded, and of what was computed before.
    tools
        What processes may do beyond computing.

    Raises
    ------
    OpenEoError
        A process cannot do what it was asked to; says at which node.
    """
    return _compute(graph, _Frame(dict(known), scope, definitions, tools))


def call(node: Node, results: Results, definitions: Definitions = NO_DEFINITIONS, *, tools: Tools = NO_TOOLS) -> Any:
    """Return the result of one node of a graph without parameters, given those of the nodes that it uses; else as `evaluate`."""
    return _call(node, _Frame(results, _NOTHING, definitions, tools))


def arguments_of(node: Node, results: Results, definitions: Definitions = NO_DEFINITIONS) -> dict[str, Any]:
    """Return what the kernel of *node*, whose process is one of the site's, would be called with; else as `call`."""
    process = find_process(node.process)
    assert process is not None  # it was checked
    frame = _Frame(results, _NOTHING, definitions, NO_TOOLS)
    return {each.name: _argument(process, each, node, frame) for each in process.parameters}


@dataclass(frozen=True, slots=True)
class _Frame:
    """What the arguments of a graph's nodes refer to, and what stands around it."""

    results: Results
    scope: Scope
    definitions: Definitions
    tools: Tools
    cells: Cells | None = None
    """What its parameters lie along, in the graph of a callback."""


def _compute(graph: Graph, frame: _Frame) -> Any:
    for done, node in enumerate(graph.nodes.values(), 1):
        if node.id not in frame.results:
            frame.results[node.id] = _call(node, frame)
        if not frame.tools.report.path:  # of the outermost graph alone
            frame.tools.report.progress(done, len(graph.nodes), "nodes")
    return frame.results[graph.result]


class Callback:
    """A graph that a process calls, with what stood around it."""

    def __init__(self, graph: Graph, frame: _Frame) -> None:
        self._graph = graph
        self._frame = frame

    def __call__(self, *, cells: Cells | None = None, **given: Any) -> Values:
        """Return what it makes of the parameters *given*; they lie along *cells*, or the cells around."""
        result = self.evaluate(cells=cells, **given)
        if isinstance(result, Cube):
            raise ProcessParameterInvalidError("The process makes a cube, and values are wanted.")
        return result if isinstance(result, Values) else from_json(result)

    def evaluate(self, *, cells: Cells | None = None, **given: Any) -> Any:
        """Return what it makes of the parameters *given* as it is, be it a cube."""
        scope, known = {**self._frame.scope, **given}, cells or self._frame.cells
        return _compute(self._graph, replace(self._frame, results={}, scope=scope, cells=known))

    def along(self, cube: Cube, number: int, *, context: Any, is_reduced: bool = False) -> Values:
        """Return what it makes of the values along a dimension of *cube*, in each cell of the others."""
        cells = Cells(cube.dimensions, number, is_reduced)
        return self(cells=cells, data=cube.array_along(number), context=context)

    def for_each(self, data: Values, context: Any = None) -> Values:
        """Return the array of what it makes of each element of *data*: of all at once, where they are of one kind."""
        if data.data.dtype != object:
            made = self.for_all(data, context)
            if not made.is_array:
                return _as_array(made, data)
            if data.data.ndim > 1:
                raise ProcessParameterInvalidError("Arrays cannot be elements of arrays in a cube.")
        count = len(data.data)
        labels = data.labels or [None] * count
        elements = [
            self(x=data.element(number), index=from_json(number), label=from_json(label), context=context)
            for number, label in enumerate(labels)
        ]
        return replace(wrap(elements), labels=data.labels)

    def for_all(self, data: Values, context: Any = None) -> Values:
        """Return what it makes of all elements of *data* at once: of the shape of *data*, or of one that fits into it."""
        column = (len(data.data), *([1] * (data.data.ndim - 1)))
        label = nothing()
        if data.labels is not None:
            given = from_json(list(data.labels))
            label = replace(given, data=given.data.reshape(column), is_array=False)
        index = Values(data=np.arange(len(data.data)).reshape(column))
        return self(x=replace(data, is_array=False, labels=None), index=index, label=label, context=context)


def _as_array(made: Values, data: Values) -> Values:
    shape = np.broadcast_shapes(made.data.shape, data.data.shape)
    valid = None if made.valid is None else np.broadcast_to(made.valid, shape)
    return replace(made, data=np.broadcast_to(made.data, shape), valid=valid, is_array=True, labels=data.labels)


def _call(node: Node, frame: _Frame) -> Any:
    process = find_process(node.process)
    frame = replace(frame, tools=frame.tools.at(node))
    try:
        if process is None:
            return _call_definition(node, frame)
        given = {each.name: _argument(process, each, node, frame) for each in process.parameters}
        if process.needs_standing:
            given["standing"] = Standing(frame.tools, frame.cells)
        made = process.kernel(**given)
        return carry_quantities(process, node, given, made) if isinstance(made, Cube) else made
    except OpenEoError as error:
        error.path = error.path or frame.tools.report.path  # the innermost node says it first
        raise


def _call_definition(node: Node, frame: _Frame) -> Any:
    """Compute a user-defined process: what stands around the call is not known in it, but for what it is given."""
    definition = frame.definitions.get(node.process)
    if definition is None:
        raise ProcessUnsupportedError(f"There is no process {node.process!r}.")
    given = {}
    for name, default in definition.parameters.items():
        if name in node.arguments:
            given[name] = _resolve(node.arguments[name], frame)
        elif default is REQUIRED:
            raise ProcessParameterRequiredError(f"Process {node.process!r} needs '{name}'.")
        else:
            given[name] = default
    return _compute(definition.graph, replace(frame, results={}, scope=given))


def _argument(process: Process, parameter: Parameter, node: Node, frame: _Frame) -> Any:
    if parameter.name not in node.arguments:
        if parameter.default is REQUIRED:
            raise ProcessParameterRequiredError(f"Process {process.id!r} needs '{parameter.name}'.")
        return parameter.default if parameter.is_plain else from_json(parameter.default)
    value = _resolve(node.arguments[parameter.name], frame)
    if parameter.is_cube and not isinstance(value, Cube):
        raise ProcessParameterInvalidError(f"'{parameter.name}' of '{process.id}' is no cube.")
    if isinstance(value, Cube) and not parameter.takes_cubes:
        raise ProcessParameterInvalidError(f"'{parameter.name}' of '{process.id}' cannot be a cube: use 'apply', or the like.")
    if isinstance(value, Callback | Cube):
        return value
    if parameter.is_plain:
        return to_plain(value) if isinstance(value, Values) else value
    return value if isinstance(value, Values) else from_json(value)


def _resolve(argument: Any, frame: _Frame) -> Any:
    """Return what *argument* stands for; what has a computed value in it becomes `Values` as a whole."""
    match argument:
        case FromNode(node):
            return frame.results[node]
        case FromParameter(name):
            if name not in frame.scope:
                raise ProcessParameterRequiredError(f"There is no parameter {name[:80]!r} here.")
            return frame.scope[name]
        case Graph():
            return Callback(argument, frame)
        case ConstantList() | ConstantObject():
            return argument
        case list():
            elements = [_resolve(each, frame) for each in argument]
            if any(isinstance(each, Values) for each in elements):
                return wrap([each if isinstance(each, Values) else from_json(each) for each in elements])
            return elements
        case dict():
            members = {name: _resolve(each, frame) for name, each in argument.items()}
            return {name: to_json(each) if isinstance(each, Values) else each for name, each in members.items()}
        case _:
            return argument
