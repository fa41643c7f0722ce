"""What each node of a graph makes, told without reading a cell."""

import math
from dataclasses import dataclass
from typing import Final

from twinlake.processing.openeo.cost.ranges import Range, find_file_bytes
from twinlake.processing.openeo.cost.repeating import count_repeated
from twinlake.processing.openeo.cubes import Cube
from twinlake.processing.openeo.shapes.dimensions import Kind, Label
from twinlake.processing.openeo.tiles.shapes import Shapes

MOST_STEPS: Final = 1000
"""Nodes that are told of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepDimension:
    """One dimension of a cube."""

    name: str
    kind: Kind
    count: int
    """Of its labels."""
    first: Label | None
    last: Label | None
    crs: int | str | None
    """As `shapes.dimensions.Dimension` has it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """The cube that a node makes."""

    node: str
    process: str
    dimensions: tuple[StepDimension, ...]
    type: str
    """Of its cells, as numpy calls it."""
    bytes: int
    """Of its cells in memory, without a mask: exactly, but for texts, which count as what points to them."""
    file_bytes: Range
    """What its file would have, were it a result."""
    may_have_nodata: bool


def list_steps(shapes: Shapes) -> tuple[Step, ...]:
    """Return what the nodes of a graph make, in an order in which they can be computed; at most `MOST_STEPS` cubes."""
    nodes = [node for node in shapes.graph.nodes.values() if isinstance(shapes.results[node.id], Cube)]
    return tuple([_describe(shapes, node.id) for node in nodes[:MOST_STEPS]])


def _describe(shapes: Shapes, node: str) -> Step:
    cube = shapes.cube(node)
    dimensions = tuple(
        [
            StepDimension(
                name=each.name,
                kind=each.kind,
                count=len(each.labels),
                first=each.labels[0] if each.labels else None,
                last=each.labels[-1] if each.labels else None,
                crs=each.crs,
            )
            for each in cube.dimensions
        ]
    )
    dtype = cube.values.data.dtype
    size_bytes = math.prod(each.count for each in dimensions) * dtype.itemsize
    return Step(
        node=node,
        process=shapes.graph.nodes[node].process,
        dimensions=dimensions,
        type=dtype.name,
        bytes=size_bytes,
        file_bytes=find_file_bytes(size_bytes, repeated_bytes=count_repeated(shapes, node)),
        may_have_nodata=cube.values.valid is not None or cube.values.nan_is_nodata,
    )
