"""A graph of processes, computed on values that are there: the graphs of callbacks, and whatever has no cube in it.

Works node after node in the graph's order. What it is given was checked before (`checking`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from twinlake.processing.openeo.cubes import Cube
from twinlake.processing.openeo.process import REQUIRED, Parameter, Process
from twinlake.processing.openeo.registry import find_process
from twinlake.processing.openeo.values import Values, from_json, nothing, to_json, to_plain
from twinlake.standards.openeo.errors import ProcessParameterInvalidError, ProcessParameterRequiredError, ProcessUnsupportedError
from twinlake.standards.openeo.graph import FromNode, FromParameter, Graph, Node

Scope = Mapping[str, Any]
"""What parameters of a graph stand for: `Values`, or plain Python for what is passed on as it is."""


def evaluate(graph: Graph, scope: Scope) -> Any:
    """Return the result of *graph*.

    Raises
    ------
    OpenEoError
        A process cannot do what it was asked to.
    """
    results: dict[str, Any] = {}
    for node in graph.nodes.values():
        results[node.id] = _call(node, results, scope)
    return results[graph.result]


class Callback:
    """A graph that a process calls, with what stood around it."""

    def __init__(self, graph: Graph, scope: Scope) -> None:
        self._graph = graph
        self._scope = scope

    def __call__(self, **given: Any) -> Values:
        """Return what it makes of the parameters *given*."""
        result = evaluate(self._graph, {**self._scope, **given})
        return result if isinstance(result, Values) else from_json(result)

    def for_each(self, data: Values, context: Any = None) -> Values:
        """Return the array of what it makes of each element of *data*: of all at once, where they are of one kind."""
        count = len(data.data)
        if data.data.dtype == object or count == 0:
            labels = data.labels or [None] * count
            made = [
                self(x=data.element(number), index=from_json(number), label=from_json(label), context=context)
                for number, label in enumerate(labels)
            ]
            return replace(stack(made), labels=data.labels)
        beside = replace(data, is_array=False, labels=None)
        column = (count, *([1] * (data.data.ndim - 1)))
        index = Values(data=np.arange(count).reshape(column))
        label = nothing() if data.labels is None else replace(from_json(list(data.labels)), is_array=False)
        label = label if data.labels is None else replace(label, data=label.data.reshape(column))
        made_of_all = self(x=beside, index=index, label=label, context=context)
        return _as_array(made_of_all, data)


def stack(elements: Sequence[Values]) -> Values:
    """Return the array of *elements*, each of which may be one value or one per cell.

    Raises
    ------
    ProcessParameterInvalidError
        One is an array of many cells itself.
    """
    if all(each.data.ndim == 0 or (each.is_array and each.data.ndim == 1) for each in elements):
        return from_json([to_json(each) for each in elements])
    if any(each.is_array for each in elements):
        raise ProcessParameterInvalidError("Arrays cannot be elements of arrays in a cube.")
    data = np.stack(np.broadcast_arrays(*[each.data for each in elements]))
    valid = None
    if any(each.valid is not None for each in elements):
        valid = np.stack([np.broadcast_to(True if each.valid is None else each.valid, data.shape[1:]) for each in elements])
    by_nan = any(each.nan_is_nodata for each in elements) and data.dtype.kind == "f"
    if by_nan and valid is not None:
        data, valid = np.where(valid, data, np.nan).astype(data.dtype, copy=False), None
    return Values(data=data, valid=valid, is_array=True, nan_is_nodata=by_nan)


def _as_array(made: Values, data: Values) -> Values:
    shape = np.broadcast_shapes(made.data.shape, data.data.shape)
    valid = None if made.valid is None else np.broadcast_to(made.valid, shape)
    return replace(made, data=np.broadcast_to(made.data, shape), valid=valid, is_array=True, labels=data.labels)


def _call(node: Node, results: Mapping[str, Any], scope: Scope) -> Any:
    process = find_process(node.process)
    if process is None:
        raise ProcessUnsupportedError(f"There is no process {node.process!r}.")
    given = {each.name: _argument(process, each, node, results, scope) for each in process.parameters}
    return process.kernel(**given)


def _argument(process: Process, parameter: Parameter, node: Node, results: Mapping[str, Any], scope: Scope) -> Any:
    if parameter.name not in node.arguments:
        if parameter.default is REQUIRED:
            raise ProcessParameterRequiredError(f"Process {process.id!r} needs '{parameter.name}'.")
        return parameter.default if parameter.is_plain else from_json(parameter.default)
    value = _resolve(node.arguments[parameter.name], results, scope)
    if parameter.is_cube and not isinstance(value, Cube):
        raise ProcessParameterInvalidError(f"'{parameter.name}' of '{process.id}' is no cube.")
    if isinstance(value, Callback | Cube):
        return value
    if parameter.is_plain:
        return to_plain(value) if isinstance(value, Values) else value
    return value if isinstance(value, Values) else from_json(value)


def _resolve(argument: Any, results: Mapping[str, Any], scope: Scope) -> Any:
    """Return what *argument* stands for; what has a computed value in it becomes `Values` as a whole."""
    match argument:
        case FromNode(node):
            return results[node]
        case FromParameter(name):
            if name not in scope:
                raise ProcessParameterRequiredError(f"There is no parameter {name[:80]!r} here.")
            return scope[name]
        case Graph():
            return Callback(argument, scope)
        case list():
            elements = [_resolve(each, results, scope) for each in argument]
            if any(isinstance(each, Values) for each in elements):
                return stack([each if isinstance(each, Values) else from_json(each) for each in elements])
            return elements
        case dict():
            members = {name: _resolve(each, results, scope) for name, each in argument.items()}
            return {name: to_json(each) if isinstance(each, Values) else each for name, each in members.items()}
        case _:
            return argument
