"""The dry run of a graph: what every node makes, told without reading a cell, and what it needs of others for a part of that."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from twinlake.processing.openeo.cubes import Cube
from twinlake.processing.openeo.definitions import NO_DEFINITIONS, Definitions
from twinlake.processing.openeo.evaluating import arguments_of, call
from twinlake.processing.openeo.loading.source import Window
from twinlake.processing.openeo.process import Everywhere, Process, SamePlace
from twinlake.processing.openeo.registry import find_process
from twinlake.processing.openeo.tiles.folding import Fold, find_pixel_fold
from twinlake.processing.openeo.tiles.reaching import Edge, around, same_place
from twinlake.processing.openeo.tiles.windows import count_cells, hull, is_empty, whole
from twinlake.processing.openeo.tiles.zones import find_zone_fold
from twinlake.processing.openeo.tools import NO_TOOLS, Tools
from twinlake.standards.openeo.graph import FromNode, Graph, Node


@dataclass(frozen=True, slots=True, kw_only=True)
class Shapes:
    """What the nodes of a graph make."""

    graph: Graph
    definitions: Definitions
    results: Mapping[str, Any]
    """By node: hollow cubes, and whatever else there is, which is as it will be."""
    edges: Mapping[str, tuple[Edge, ...]]
    """By node: the cubes of which it needs cells."""
    folds: Mapping[str, Fold]
    """By node, where it reduces over pixels in parts."""

    def cube(self, node: str) -> Cube:
        """Return the hollow cube that *node* makes."""
        made = self.results[node]
        assert isinstance(made, Cube)
        return made

    def whole(self, node: str) -> Window:
        """Return the window of all that *node* makes."""
        return whole(self.cube(node).dimensions)

    def uses(self, node: str, window: Window) -> tuple[Edge, ...]:
        """Return the cubes that *node* needs for a part: none for one without a cell."""
        return () if is_empty(window) else self.edges[node]

    def demands(self, node: str, window: Window, given: Collection[str]) -> dict[str, Window]:
        """Return what is needed of which node for a part of the cube that *node* makes, itself included.

        Parameters
        ----------
        given
            Nodes whose cubes are there already: nothing is needed for them, be it *node* itself.
        """
        demanded: dict[str, Window] = {node: window}
        if node in given:
            return demanded
        for each in reversed(list(self.graph.nodes)):
            if each not in demanded or each in given:
                continue
            for edge in self.uses(each, demanded[each]):
                needed = edge.needs(demanded[each])
                known = demanded.get(edge.source)
                demanded[edge.source] = needed if known is None else hull(known, needed)
        return demanded

    def count_bytes(self, node: str, window: Window) -> int:
        """Return how large the cells of a part of a node's cube are, without the mask."""
        return count_cells(window) * self.cube(node).values.data.dtype.itemsize

    def count_memory(self, node: str, window: Window) -> int:
        """Return how much memory a part of a node's cube takes, with the mask if it has one."""
        has_mask = self.cube(node).values.valid is not None
        return self.count_bytes(node, window) + (count_cells(window) if has_mask else 0)


def trace_shapes(
    graph: Graph, known: Mapping[str, Any], definitions: Definitions = NO_DEFINITIONS, *, tools: Tools = NO_TOOLS
) -> Shapes:
    """Run *graph* dry.

    Parameters
    ----------
    known
        Hollow cubes of nodes that are loaded or computed already.
    tools
        What processes may do beyond computing. They tell of each cube once, and not for each of its parts.

    Raises
    ------
    OpenEoError
        A node cannot do what it was asked to: its message begins with the node.
    """
    results: dict[str, Any] = dict(known)
    edges: dict[str, tuple[Edge, ...]] = {}
    folds: dict[str, Fold] = {}
    for node in graph.nodes.values():
        if node.id not in known:
            results[node.id] = call(node, results, definitions, tools=tools)
        is_needed = node.id not in known and isinstance(results[node.id], Cube)
        edges[node.id] = tuple(_find_edges(node, results, definitions)) if is_needed else ()
        fold = (find_pixel_fold(node, results) or find_zone_fold(node, results, definitions)) if is_needed else None
        if fold is not None:
            folds[node.id] = fold
    return Shapes(graph=graph, definitions=definitions, results=results, edges=edges, folds=folds)


def _find_edges(node: Node, results: dict[str, Any], definitions: Definitions) -> Iterator[Edge]:
    sources = {each.node for each in node.references() if isinstance(each, FromNode)}
    process = find_process(node.process)
    for source in sorted(each for each in sources if isinstance(results[each], Cube)):
        given = results[source]
        parameters = None if process is None else _parameters_with(node, source)
        if process is not None and parameters is not None:
            if parameters <= process.labels_only:
                continue
            arguments, made = arguments_of(node, results, definitions), results[node.id]
            if isinstance(process.reach, SamePlace):
                yield same_place(source, given, made, process.reach, arguments)
                continue
            if not isinstance(process.reach, Everywhere) and parameters == {process.parameters[0].name}:
                yield around(source, given, made, process.reach, arguments, needs_others=process.hands_on_cubes)
                continue
        yield Edge(source=source, everything=whole(given.dimensions), along={})


def _parameters_with(node: Node, source: str) -> set[str] | None:
    """Return the parameters that are the result of *source*; None where it stands somewhere within one."""
    plain = {name for name, value in node.arguments.items() if value == FromNode(source)}
    within = Node(
        id=node.id,
        process=node.process,
        namespace=None,
        arguments={name: value for name, value in node.arguments.items() if name not in plain},
    )
    is_within = any(each == FromNode(source) for each in within.references())
    return None if is_within else plain


def shape_is_in_data(process: Process | None) -> bool:
    """Whether the shape of what a process makes is known from the values alone."""
    return process is not None and isinstance(process.reach, Everywhere) and process.reach.is_shape_in_data
