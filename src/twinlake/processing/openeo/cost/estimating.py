"""Bytes and CPU time of a graph, from its shapes and layout.

The rates are medians of what `benchmarks` measured with one core; they are right within a factor of two or three, and the bounds
say so.
"""

import math
from collections import deque
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from twinlake.processing.openeo.cost.ranges import Range, find_file_bytes
from twinlake.processing.openeo.cost.repeating import count_repeated
from twinlake.processing.openeo.cost.steps import Step, list_steps
from twinlake.processing.openeo.cubes import Cube
from twinlake.processing.openeo.formats.registry import Format
from twinlake.processing.openeo.process import Along, Pointwise, Reducer, Work
from twinlake.processing.openeo.registry import find_process
from twinlake.processing.openeo.tiles.layout import Stage
from twinlake.processing.openeo.tiles.shapes import Shapes
from twinlake.processing.openeo.tiles.windows import count_cells
from twinlake.standards.openeo.graph import Graph, Node

_READ_SECONDS: Final = 1 / 120e6
"""Of one byte of a compressed file, unpacked."""
_WRITE_SECONDS: Final = 1 / 60e6
"""Of one byte of a result, packed."""
_WINDOW_SECONDS: Final = 0.01
_START_SECONDS: Final = (1.0, 2.0, 4.0)
"""Of the processes that compute, which begin and read their libraries: at best, mostly, and at worst."""
_SPREAD: Final = 3.0
"""By how much an estimate may be wrong, either way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What a graph takes."""

    windows: int
    read_bytes: int
    """In memory, whole chunks counted."""
    peak_bytes: int
    """The cubes of one window at a time."""
    cpu_seconds: Range
    result_bytes: Range
    """In files."""
    steps: tuple[Step, ...]


def estimate(shapes: Shapes, stages: Sequence[Stage], targets: Mapping[str, Format]) -> Estimate:
    """Return what the *stages* take that make *targets*, cubes with the format in which each is written."""
    given = frozenset[str]().union(*[stage.given for stage in stages])
    sizes = {each: shapes.count_bytes(each, shapes.whole(each)) for each in targets}
    made = sum(sizes.values())
    read = sum(stage.read_bytes for stage in stages)
    windows = sum(len(stage.windows) for stage in stages)
    seconds = read * _READ_SECONDS + made * _WRITE_SECONDS + windows * _WINDOW_SECONDS
    seconds += sum(_computing_seconds(shapes, stage, given) for stage in stages)
    files = [
        find_file_bytes(
            size,
            repeated_bytes=count_repeated(shapes, each),
            writing=written.writing,
            outlines_bytes=_outlines_bytes(shapes.cube(each), written),
        )
        for (each, size), written in zip(sizes.items(), targets.values(), strict=True)
    ]
    return Estimate(
        windows=windows,
        read_bytes=read,
        peak_bytes=max((stage.peak_bytes for stage in stages), default=0),
        cpu_seconds=Range(
            low=seconds / _SPREAD + _START_SECONDS[0],
            likely=seconds + _START_SECONDS[1],
            high=seconds * _SPREAD + _START_SECONDS[2],
        ),
        result_bytes=Range(
            low=sum(each.low for each in files), likely=sum(each.likely for each in files), high=sum(each.high for each in files)
        ),
        steps=list_steps(shapes),
    )


def _outlines_bytes(cube: Cube, written: Format) -> int:
    """Return how many characters the geometries of a cube have, as often as a format has them."""
    total = 0
    for each in cube.dimensions:
        if each.kind == "geometry":
            others = math.prod(len(other.labels) for other in cube.dimensions if other is not each)
            total += sum(len(str(label)) for label in each.labels) * written.count_outlines(others)
    return total


def _computing_seconds(shapes: Shapes, stage: Stage, given: Collection[str]) -> float:
    """Return what all windows of a stage take without reading and writing: told from one of them."""
    window = stage.windows[len(stage.windows) // 2]
    demanded = shapes.demands(stage.computed, window, given)
    seconds = 0.0 if stage.fold is None else count_cells(window) * _node_seconds(shapes.graph.nodes[stage.node])
    for name, part in demanded.items():
        if name not in given:
            cells = max([count_cells(part), *[count_cells(edge.needs(part)) for edge in shapes.edges[name]]])
            seconds += cells * _node_seconds(shapes.graph.nodes[name])
    share = max(count_cells(window), 1) / max(count_cells(shapes.whole(stage.computed)), 1)
    return seconds / share


def _node_seconds(node: Node) -> float:
    """Return what a node takes for one cell of its largest cube: itself, or the processes in its callbacks."""
    callbacks: deque[Graph] = deque(node.callbacks())
    if not callbacks:
        process = find_process(node.process)
        return _seconds(None if process is None else process.work)
    seconds = 0.0
    while callbacks:
        for inner in callbacks.popleft().nodes.values():
            process = find_process(inner.process)
            seconds += _seconds(None if process is None else process.work)
            callbacks.extend(inner.callbacks())
    return seconds


def _seconds(work: Work | None) -> float:
    """Return what a process takes for one cell."""
    match work:
        case Pointwise():
            return 2e-9
        case Reducer(kind="holistic"):
            return 25e-9
        case Reducer() | Along():
            return 6e-9
        case _:
            return 4e-9
