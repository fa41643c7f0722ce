"""Which quantity the numbers of a result are of: kept through processes that declare to keep it (`process.Keeps`), else unknown.

There is no algebra of units: what is multiplied, divided or shifted by a constant is of no quantity that is known.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from twinlake.processing.openeo.cubes import Cube
from twinlake.processing.openeo.process import Keeps, Process
from twinlake.processing.openeo.registry import find_process
from twinlake.processing.openeo.shapes.dimensions import Dimension, find_kind
from twinlake.processing.openeo.shapes.quantities import Quantity, find_common, of_unit
from twinlake.standards.openeo.graph import FromNode, FromParameter, Graph, Node

_VALUES: Final = frozenset({"x", "y", "data"})
"""Parameters of callbacks that stand for values of cubes."""


@dataclass(frozen=True, slots=True)
class _Way:
    """What numbers went through."""

    methods: tuple[str, ...] = ()
    keeps_only_unit: bool = False


def carry_quantities(process: Process, node: Node, given: Mapping[str, Any], made: Cube) -> Cube:
    """Return the cube that *process* made of *given* arguments, with no other quantities of bands than it may say."""
    for number in find_kind(made.dimensions, "bands"):
        bands = made.dimensions[number]
        if bands.quantities is not None:
            kept = _carried(process, node, given, bands)
            quantities = kept if any(each is not None for each in kept) else None
            replaced = msgspec.structs.replace(bands, quantities=quantities)
            made = Cube(values=made.values, dimensions=made.with_dimension(number, replaced))
    return made


def _carried(process: Process, node: Node, given: Mapping[str, Any], bands: Dimension) -> tuple[Quantity | None, ...]:
    keeps = process.keeps(given) if callable(process.keeps) else process.keeps
    way = None if keeps is None else _way_of(keeps, node, given)
    if keeps is None or way is None:
        return (None,) * len(bands.labels)
    quantities: Iterable[Quantity | None] = bands.quantities or ()
    if len(keeps.of) > 1:
        cubes = [given[name] for name in keeps.of]
        quantities = [_in_all(cubes, bands.name, label) for label in bands.labels]
    return tuple([None if each is None else _after(each, keeps, way) for each in quantities])


def _after(quantity: Quantity, keeps: Keeps, way: _Way) -> Quantity | None:
    if way.keeps_only_unit:
        return of_unit(quantity)
    return quantity if keeps.over is None else quantity.made_over(keeps.over, way.methods)


def _in_all(cubes: Iterable[Cube], name: str, label: Any) -> Quantity | None:
    """Return what a band is of in all cubes that may have a part in it."""
    found: list[Quantity | None] = []
    for cube in cubes:
        bands = next((each for each in cube.dimensions if each.name == name), None)
        if bands is None:
            found.append(None)
        elif label in bands.labels:
            found.append(bands.quantities[bands.labels.index(label)] if bands.quantities else None)
    return find_common(found)


def _way_of(keeps: Keeps, node: Node, given: Mapping[str, Any]) -> _Way | None:
    """Return what numbers go through in a process that keeps quantities; None where they are of another one behind it."""
    called = None if keeps.through is None else node.arguments.get(keeps.through, given[keeps.through])
    match called:
        case None:
            return _Way(methods=_methods_of(keeps), keeps_only_unit=keeps.only_unit)
        case Graph():
            return _way_through(called)
        case str():  # the name of a statistic
            process = find_process(called)
            found = None if process is None else process.keeps
            return _Way(methods=_methods_of(found)) if isinstance(found, Keeps) else None
        case _:
            return None


def _way_through(graph: Graph) -> _Way | None:
    methods: list[str] = []
    keeps_only_unit = False
    for node in graph.nodes.values():
        process = find_process(node.process)
        keeps = None if process is None else process.keeps
        if not isinstance(keeps, Keeps):
            return None
        if len(keeps.of) > 1 and not all(_is_of_cubes(node.arguments.get(name)) for name in keeps.of):
            return None
        methods += _methods_of(keeps)
        keeps_only_unit = keeps_only_unit or keeps.only_unit
    return _Way(methods=tuple(methods), keeps_only_unit=keeps_only_unit)


def _methods_of(keeps: Keeps) -> tuple[str, ...]:
    return () if keeps.method is None else (keeps.method,)


def _is_of_cubes(argument: Any) -> bool:
    return isinstance(argument, FromNode) or (isinstance(argument, FromParameter) and argument.name in _VALUES)
