"""Reductions over space that need not see all pixels at once: windows become states, and these are merged in their order."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np

from twinlake.processing.openeo.cubes import Cube, one_per_cell
from twinlake.processing.openeo.kernels.arrays.folding import Folding, find_folding
from twinlake.processing.openeo.registry import find_process
from twinlake.processing.openeo.shapes.dimensions import Dimension, enumerated, find_dimension
from twinlake.processing.openeo.values import Values
from twinlake.standards.openeo.graph import FromNode, FromParameter, Graph, Node

_REDUCE: Final = frozenset({"reduce_spatial", "reduce_dimension"})
STATE: Final = "twinlake:state"
"""Name of the dimension along which the parts of a state lie."""


class Fold(Protocol):
    """A node of which each window of another one, its source, gives a state."""

    @property
    def source(self) -> str:
        """The node that has the pixels."""
        ...

    def begin(self, cube: Cube) -> Cube:
        """Return the state of a window of the source."""
        ...

    def state_dimensions(self, dimensions: tuple[Dimension, ...]) -> tuple[Dimension, ...]:
        """Return the dimensions of the state of a cube: the parts of the state first."""
        ...

    def merge(self, first: Cube, second: Cube) -> Cube:
        """Return the state of two windows."""
        ...

    def finish(self, state: Cube, dry: Cube) -> Cube:
        """Return what the node makes, of the type that its dry run told."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PixelFold:
    """Reduces over pixels with a reducer that works in parts (`Fold`)."""

    source: str
    """The node that has the pixels."""
    dimensions: tuple[str, ...]
    """Names of those that go."""
    reducer: str
    ignore_nodata: bool

    def begin(self, cube: Cube) -> Cube:
        numbers = [find_dimension(cube.dimensions, name) for name in self.dimensions]
        data, valid = cube.values.data, cube.values.valid
        made = self._folding.begin(
            Values(
                data=_elements_first(data, numbers),
                valid=None if valid is None else _elements_first(valid, numbers),
                is_array=True,
                nan_is_nodata=cube.values.nan_is_nodata,
            ),
            self.ignore_nodata,
        )
        return Cube(values=made, dimensions=self.state_dimensions(cube.dimensions))

    def state_dimensions(self, dimensions: tuple[Dimension, ...]) -> tuple[Dimension, ...]:
        return (enumerated(STATE, self._folding.parts), *[each for each in dimensions if each.name not in self.dimensions])

    def merge(self, first: Cube, second: Cube) -> Cube:
        return Cube(values=self._folding.merge(first.values, second.values, self.ignore_nodata), dimensions=first.dimensions)

    def finish(self, state: Cube, dry: Cube) -> Cube:
        values = self._folding.finish(state.values)
        made = one_per_cell(values, dry.dimensions, values.data.shape)
        if dry.values.data.dtype.kind == "f":
            return Cube(
                values=Values(data=made.values.data.astype(dry.values.data.dtype), valid=made.values.valid, nan_is_nodata=True),
                dimensions=dry.dimensions,
            )
        return made

    @property
    def _folding(self) -> Folding:
        process = find_process(self.reducer)
        folding = None if process is None else find_folding(process)
        assert folding is not None  # it was found for this
        return folding


def _elements_first(data: "np.ndarray[Any, np.dtype[Any]]", numbers: list[int]) -> "np.ndarray[Any, np.dtype[Any]]":
    moved = np.moveaxis(data, numbers, range(len(numbers)))
    return moved.reshape(-1, *moved.shape[len(numbers) :])


def find_pixel_fold(node: Node, results: Mapping[str, Any]) -> PixelFold | None:
    """Return how a node reduces over pixels in parts; None where it does something else, or needs them all at once."""
    source = node.arguments.get("data")
    if node.process not in _REDUCE or not isinstance(source, FromNode):
        return None
    given, made = results[source.node], results[node.id]
    if not isinstance(given, Cube) or not isinstance(made, Cube):
        return None
    left = {each.name for each in made.dimensions}
    gone = [each for each in given.dimensions if each.name not in left]
    found = find_reducer(node)
    if not gone or any(each.kind != "spatial" for each in gone) or found is None:
        return None
    return PixelFold(source=source.node, dimensions=tuple([each.name for each in gone]), reducer=found[0], ignore_nodata=found[1])


def find_reducer(node: Node) -> tuple[str, bool] | None:
    """Return which process the reducer of a node is, and whether it leaves out no data; None where it does not work in parts."""
    reducer = node.arguments.get("reducer")
    if not isinstance(reducer, Graph) or len(reducer.nodes) != 1:
        return None
    inner = reducer.nodes[reducer.result]
    process = find_process(inner.process)
    options = {name: value for name, value in inner.arguments.items() if name != "data"}
    is_plain = options.keys() <= {"ignore_nodata"} and isinstance(options.get("ignore_nodata", True), bool)
    if process is None or find_folding(process) is None or inner.arguments.get("data") != FromParameter("data") or not is_plain:
        return None
    return process.id, options.get("ignore_nodata", True)
