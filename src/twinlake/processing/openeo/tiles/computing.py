"""Computing a graph on cubes that are read part by part: dry run, layout, and each window of each stage."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from pathlib import Path
from typing import Any, Protocol

from twinlake.core.counting import count
from twinlake.core.sizes import write_size
from twinlake.processing.openeo.cubes import Cube
from twinlake.processing.openeo.definitions import Definitions
from twinlake.processing.openeo.evaluating import call
from twinlake.processing.openeo.loading.source import Source, Window
from twinlake.processing.openeo.registry import find_process
from twinlake.processing.openeo.reporting import UNHEARD, Notes, Report
from twinlake.processing.openeo.tiles.folding import Fold
from twinlake.processing.openeo.tiles.layout import Stage, TileSize, lay_out
from twinlake.processing.openeo.tiles.scratch import Scratch
from twinlake.processing.openeo.tiles.shapes import Shapes, shape_is_in_data, trace_shapes
from twinlake.processing.openeo.tiles.tile import compute_tile
from twinlake.processing.openeo.tiles.usage import ChainUsage, Meter
from twinlake.processing.openeo.tiles.windows import cut, hollow, whole
from twinlake.processing.openeo.tools import NO_TOOLS, RunsUserCode, Tools
from twinlake.standards.openeo.errors import OpenEoError, ProcessGraphComplexityError
from twinlake.standards.openeo.graph import Graph, Node

_SIZE = TileSize()


class Work(Protocol):
    """What can be done side by side, part by part; may be sent to other processes."""

    def __call__(self, number: int, /) -> None:
        """Do one part."""
        ...

    def close(self) -> None:
        """Close the files that were opened for it; the next part opens them again."""
        ...


class TileRunner(Protocol):
    """Does what can be done side by side."""

    def run(self, numbers: Sequence[int], work: Work, *, peak_bytes: int) -> Iterator[int]:
        """Call *work* with each number, maybe in other processes; yield each when it is done, in any order.

        The first error of *work* is raised.

        Parameters
        ----------
        peak_bytes
            What one of them takes in memory.
        """
        ...


class Here:
    """Does one thing after the other in this process."""

    def run(self, numbers: Sequence[int], work: Callable[[int], None], *, peak_bytes: int) -> Iterator[int]:  # noqa: ARG002
        """Call *work* with each number in order."""
        for number in numbers:
            work(number)
            yield number


Progress = Callable[[int, int], None]
"""Is told how many windows are done, and how many there are as far as it is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Computed:
    """The cube of a node, finished, part by part."""

    hollow: Cube
    """With the type of what was computed."""
    parts: Scratch

    def tiles(self) -> Iterator[tuple[Window, Cube]]:
        """Yield the parts with their windows in row-major order, all of the type of `hollow`."""
        dtype = self.hollow.values.data.dtype
        for window, cube in self.parts.all():
            if cube.values.data.dtype == dtype:
                yield window, cube
            else:
                yield window, Cube(values=replace(cube.values, data=cube.values.data.astype(dtype)), dimensions=cube.dimensions)

    def count_bytes(self) -> int:
        """Return how large the cube is in memory."""
        return math.prod(len(each.labels) for each in self.hollow.dimensions) * self.hollow.values.data.dtype.itemsize

    def whole(self) -> Cube:
        """Return the cube in memory."""
        return self.parts.read({each.name: slice(0, len(each.labels)) for each in self.hollow.dimensions})


def depends_on_data(graph: Graph) -> bool:
    """Whether labels and types of what *graph* makes are known from values alone."""
    return any(shape_is_in_data(find_process(node.process)) for node in graph.nodes.values())


class TileComputing:
    """One run of one graph.

    Parameters
    ----------
    sources
        What is loaded, by node.
    folder
        For parts that are done. A run that finds some there goes on with the others.
    """

    def __init__(
        self,
        graph: Graph,
        sources: Mapping[str, Source],
        *,
        definitions: Definitions,
        folder: Path,
        runner: TileRunner,
        progress: Progress,
        tools: Tools = NO_TOOLS,
        size: TileSize = _SIZE,
    ) -> None:
        self._graph = graph
        self._sources = dict(sources)
        self._definitions = definitions
        self._folder = folder
        self._runner = runner
        self._progress = progress
        self._tools = tools
        self._size = size
        self._kept: dict[str, Computed] = {}
        self._done = 0
        self.chains: list[ChainUsage] = []
        """What was computed so far, with what it took."""

    def shapes(self, *, is_told: bool = False) -> Shapes:
        """Run the graph dry: as far as it goes without data, with what was computed so far.

        Parameters
        ----------
        is_told
            Let processes tell their user of it.
        """
        tools = self._tools if is_told else replace(self._tools, report=UNHEARD)
        known = {node: source.hollow for node, source in self._sources.items()}
        known |= {node: computed.hollow for node, computed in self._kept.items()}
        return trace_shapes(self._graph, known, self._definitions, tools=tools)

    def compute(self, targets: Sequence[str]) -> dict[str, Any]:
        """Return what *targets* make, by node: `Computed` for cubes, and plain results."""
        for node in self._graph.nodes.values():  # what follows is not known before these are computed
            if shape_is_in_data(find_process(node.process)):
                self._compute_at_once(node)
        shapes = self.shapes(is_told=True)
        self._compute(shapes, [each for each in targets if isinstance(shapes.results[each], Cube)])
        return {each: self._kept.get(each, shapes.results[each]) for each in targets}

    def _compute(self, shapes: Shapes, targets: Sequence[str]) -> None:
        missing = [each for each in targets if each not in self._kept]
        chunks = {node: source.chunks for node, source in self._sources.items()}
        chunks |= {node: {} for node in self._kept}
        stages = lay_out(shapes, missing, chunks, self._size) if missing else ()
        if stages:
            self._tell_plan(stages)
        total = self._done + sum(len(stage.windows) for stage in stages)
        for stage in stages:
            self._kept[stage.node] = self._make(shapes, stage, total)

    def _tell_plan(self, stages: Sequence[Stage]) -> None:
        tiles, steps = sum(len(each.windows) for each in stages), len(stages)
        self._tools.report.log(
            "info",
            f"Computes {count(tiles, 'tile')} in {count(steps, 'step')}: reads"
            f" {write_size(sum(each.read_bytes for each in stages))}, a tile takes"
            f" {write_size(max(each.peak_bytes for each in stages))} of memory at most.",
        )

    def _compute_at_once(self, node: Node) -> None:
        """Compute a node of which nothing is known before."""
        shapes = self.shapes()
        sources = [edge.source for edge in shapes.edges[node.id]]
        needed = sum(shapes.count_memory(each, shapes.whole(each)) for each in sources)
        if 2 * needed > self._size.largest_bytes:
            raise ProcessGraphComplexityError(
                f"Node {node.id!r} needs {2 * needed >> 20} MiB at once, and {self._size.largest_bytes >> 20} are the most.",
                remedy="Take a smaller extent or a coarser grid, or reduce the cube before.",
            )
        self._compute(shapes, sources)
        cubes = {each: self._read(each, shapes.whole(each)) for each in sources}
        made = call(node, {**shapes.results, **cubes}, self._definitions, tools=self._tools)
        self._kept[node.id] = self._keep(node.id, made)

    def _make(self, shapes: Shapes, stage: Stage, total: int) -> Computed:
        scratch = self._scratch(stage, shapes)
        numbers = [number for number in range(len(stage.windows)) if number not in scratch]
        there = len(stage.windows) - len(numbers)
        if there:
            tiles = count(len(stage.windows), "tile")
            self._tools.report.log("info", f"Goes on where it was: of {tiles} in this step {there} were done before.")
        self._done += there
        work = _Work(
            shapes=shapes,
            stage=stage,
            sources=self._sources,
            kept=dict(self._kept),
            scratch=scratch,
            user_code=self._tools.user_code,
        )
        self._progress(self._done, total)
        work.close()
        try:
            for number in self._runner.run(numbers, work, peak_bytes=stage.peak_bytes):
                self._tell_of([number], scratch)
                self._done += 1
                self._progress(self._done, total)
        except OpenEoError:
            self._tell_of(numbers, scratch)
            raise
        self.chains.append(ChainUsage(stage.node, len(stage.windows), scratch.usage()))
        if stage.fold is None:
            return Computed(hollow=_with_type(shapes.cube(stage.node), scratch), parts=scratch)
        return self._finish(stage.node, shapes.cube(stage.node), stage.fold, scratch)

    def _tell_of(self, numbers: Sequence[int], scratch: Scratch) -> None:
        """Tell the user what was noted while windows were made, maybe in other processes."""
        for told in scratch.take_notes(numbers):
            if self._tools.report.listener is not None:
                self._tools.report.listener.note(told)

    def _finish(self, node: str, dry: Cube, fold: Fold, states: Scratch) -> Computed:
        """Merge the states of windows that lie in the same part of the result."""
        numbers: dict[tuple[tuple[int, int], ...], list[int]] = {}
        for number, window in enumerate(states.windows):
            reached = {**whole(dry.dimensions), **window}
            place = tuple([(reached[each.name].start, reached[each.name].stop) for each in dry.dimensions])
            numbers.setdefault(place, []).append(number)
        windows = [{each.name: slice(*bounds) for each, bounds in zip(dry.dimensions, place, strict=True)} for place in numbers]
        scratch = Scratch(self._folder_of(node), dry.dimensions, windows)
        for number, (window, merged) in enumerate(zip(windows, numbers.values(), strict=True)):
            scratch.put(number, fold.finish(reduce(fold.merge, map(states.get, merged)), cut(dry, window)))
        return Computed(hollow=_with_type(dry, scratch), parts=scratch)

    def _scratch(self, stage: Stage, shapes: Shapes) -> Scratch:
        folder = self._folder_of(stage.node)
        dimensions = shapes.cube(stage.computed).dimensions
        if stage.fold is None:
            return Scratch(folder, dimensions, stage.windows)
        rest = stage.fold.state_dimensions(dimensions)
        windows = [{name: window.get(name, part) for name, part in whole(rest).items()} for window in stage.windows]
        return Scratch(folder / "states", rest, windows)

    def _keep(self, node: str, cube: Cube) -> Computed:
        """Keep the cube of a node as one part."""
        scratch = Scratch(self._folder_of(node), cube.dimensions, [whole(cube.dimensions)])
        scratch.put(0, cube)
        return Computed(hollow=hollow(cube), parts=scratch)

    def _folder_of(self, node: str) -> Path:
        return self._folder / str(list(self._graph.nodes).index(node))

    def _read(self, node: str, window: Window) -> Cube:
        return _read(node, window, self._sources, self._kept)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Work:
    """Makes one window of a stage, by its number; may be sent to other processes."""

    shapes: Shapes
    stage: Stage
    sources: Mapping[str, Source]
    kept: Mapping[str, Computed]
    scratch: Scratch
    user_code: RunsUserCode

    def __call__(self, number: int) -> None:
        notes, meter = Notes(), Meter()
        tools = Tools(report=Report(notes, is_of_part=True), user_code=self.user_code)
        try:
            cube = compute_tile(self.shapes, self.stage, self.stage.windows[number], self._read, tools, meter=meter)
        finally:
            self.scratch.put_notes(number, notes.all)
        self.scratch.put(number, cube, meter.usage())

    def close(self) -> None:
        for source in self.sources.values():
            source.close()

    def _read(self, node: str, window: Window) -> Cube:
        return _read(node, window, self.sources, self.kept)


def _read(node: str, window: Window, sources: Mapping[str, Source], kept: Mapping[str, Computed]) -> Cube:
    return kept[node].parts.read(window) if node in kept else sources[node].read(window)


def _with_type(dry: Cube, scratch: Scratch) -> Cube:
    """Return the hollow cube with the type that all parts fit into: integers may have outgrown it in one of them."""
    dtype, nan_is_nodata = scratch.find_type()
    if not scratch.windows or dtype == dry.values.data.dtype:
        return dry
    return replace(dry, values=replace(dry.values, data=dry.values.data.astype(dtype), nan_is_nodata=nan_is_nodata))
