"""How much of a cube repeats the pixels of another one, and so takes little room in a file."""

from typing import Final

from twinlake.processing.openeo.tiles.shapes import Shapes
from twinlake.standards.openeo.graph import FromNode

_RESAMPLING: Final = frozenset({"resample_spatial", "resample_cube_spatial"})


def count_repeated(shapes: Shapes, node: str) -> int:
    """Return how many bytes of a node's cube there are beyond those of the pixels that it takes over by nearest neighbour."""
    one, whole = shapes.graph.nodes[node], shapes.whole(node)
    data = one.arguments.get("data")
    if one.process not in _RESAMPLING or one.arguments.get("method", "near") != "near" or not isinstance(data, FromNode):
        return 0
    taken = sum(shapes.count_bytes(edge.source, edge.needs(whole)) for edge in shapes.edges[node] if edge.source == data.node)
    return max(shapes.count_bytes(node, whole) - taken, 0)
