"""Which quantity the numbers of a result are of: kept through processes that declare to keep it (`process.Keeps`), else unknown.

There is no algebra of units: what is multiplied, divided or shifted by a constant is of no quantity that is known.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import msgspec

from twinlake.processing.openeo.cubes import Cube, find_quantity
from twinlake.processing.openeo.process import Keeps, Process
from twinlake.processing.openeo.registry import find_process
from twinlake.processing.openeo.shapes.dimensions import find_kind
from twinlake.processing.openeo.shapes.quantities import Extent, Quantity, find_common, made_of, of_unit
from twinlake.standards.openeo.graph import FromNode, FromParameter, Graph, Node

_VALUES: Final = frozenset({"x", "y", "data"})
"""Parameters of callbacks that stand for values of cubes."""


@dataclass(frozen=True, slots=True)
class _Way:
    """What numbers went through."""

    methods: tuple[str, ...] = ()
    only_unit: bool = False
    named: str | None = None

    def end(self, quantity: Quantity | None, over: Extent | None, label: str | None = None) -> Quantity | None:
        """Return what is left of a quantity, that of the band *label* where there are bands."""
        if self.named is not None:
            return made_of(quantity, self.named, label)
        if quantity is None or self.only_unit:
            return None if quantity is None else of_unit(quantity)
        return quantity if over is None else quantity.made_over(over, self.methods)


def carry_quantities(process: Process, node: Node, given: Mapping[str, Any], made: Cube) -> Cube:
    """Return the cube that *process* made of *given* arguments, of no other quantities than it may say."""
    keeps = process.keeps(given) if callable(process.keeps) else process.keeps
    way = None if keeps is None else _way_of(keeps, node, given)
    if keeps is None or way is None:
        return _without(made)
    cubes = [given[name] for name in keeps.of]
    numbers = find_kind(made.dimensions, "bands")
    if not numbers:
        return replace(made, quantity=way.end(find_common([_pick(node, each) for each in cubes]), keeps.over))
    for number in numbers:
        bands = made.dimensions[number]
        quantities = bands.quantities or (None,) * len(bands.labels)
        if len(cubes) > 1:
            quantities = tuple([_in_all(cubes, bands.name, label) for label in bands.labels])
        made = _with(
            made, number, [way.end(each, keeps.over, str(label)) for each, label in zip(quantities, bands.labels, strict=True)]
        )
    return made


def _without(cube: Cube) -> Cube:
    for number in find_kind(cube.dimensions, "bands"):
        if cube.dimensions[number].quantities is not None:
            cube = _with(cube, number, ())
    return cube if cube.quantity is None else replace(cube, quantity=None)


def _with(cube: Cube, number: int, quantities: Sequence[Quantity | None]) -> Cube:
    known = tuple(quantities) if any(each is not None for each in quantities) else None
    bands = msgspec.structs.replace(cube.dimensions[number], quantities=known)
    return replace(cube, dimensions=cube.with_dimension(number, bands))


def _pick(node: Node, cube: Cube) -> Quantity | None:
    """Return what the numbers are of that a process takes of a cube, leaving no bands: those of all, or of one that it names."""
    reducer = node.arguments.get("reducer")
    called = list(reducer.nodes.values()) if isinstance(reducer, Graph) else []
    bands = next((each for each in cube.dimensions if each.kind == "bands"), None)
    if bands is None or bands.quantities is None or len(called) != 1 or called[0].process != "array_element":
        return find_quantity(cube)
    label, index = called[0].arguments.get("label"), called[0].arguments.get("index")
    if isinstance(label, str) and label in bands.labels:
        return bands.quantities[bands.labels.index(label)]
    return bands.quantities[index] if isinstance(index, int) and 0 <= index < len(bands.labels) else find_quantity(cube)


def _in_all(cubes: Iterable[Cube], name: str, label: Any) -> Quantity | None:
    """Return what a band is of in all cubes that may have a part in it."""
    found: list[Quantity | None] = []
    for cube in cubes:
        bands = next((each for each in cube.dimensions if each.name == name), None)
        if bands is None:
            found.append(cube.quantity)
        elif label in bands.labels:
            found.append(bands.quantities[bands.labels.index(label)] if bands.quantities else None)
    return find_common(found)


def _way_of(keeps: Keeps, node: Node, given: Mapping[str, Any]) -> _Way | None:
    """Return what numbers go through in a process that keeps quantities; None where they are of another one behind it."""
    called = None if keeps.through is None else node.arguments.get(keeps.through, given[keeps.through])
    match called:
        case None:
            return _Way(_methods_of(keeps), keeps.only_unit, keeps.named)
        case Graph():
            return _way_through(called)
        case str():  # the name of a statistic
            process = find_process(called)
            found = None if process is None else process.keeps
            return _Way(_methods_of(found)) if isinstance(found, Keeps) else None
        case _:
            return None


def _way_through(graph: Graph) -> _Way | None:
    methods: list[str] = []
    only_unit = False
    for node in graph.nodes.values():
        process = find_process(node.process)
        keeps = None if process is None else process.keeps
        if not isinstance(keeps, Keeps):
            return None
        if len(keeps.of) > 1 and not all(_is_of_cubes(node.arguments.get(name)) for name in keeps.of):
            return None
        methods += _methods_of(keeps)
        only_unit = only_unit or keeps.only_unit
    return _Way(tuple(methods), only_unit)


def _methods_of(keeps: Keeps) -> tuple[str, ...]:
    return () if keeps.method is None else (keeps.method,)


def _is_of_cubes(argument: Any) -> bool:
    return isinstance(argument, FromNode) or (isinstance(argument, FromParameter) and argument.name in _VALUES)
