"""A run of a planned graph: its cubes in tiles, and the files of all that it makes."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from twinlake.core.documents import JsonObject
from twinlake.processing.openeo.cost.estimating import Estimate, estimate
from twinlake.processing.openeo.cubes import Cube
from twinlake.processing.openeo.definitions import Definitions
from twinlake.processing.openeo.formats.facts import ResultFacts, WrittenFile
from twinlake.processing.openeo.formats.registry import find_format
from twinlake.processing.openeo.formats.saved import Saved, save
from twinlake.processing.openeo.formats.writing import write, write_plain
from twinlake.processing.openeo.loading.files import is_file_load
from twinlake.processing.openeo.loading.pins import CubePins, PinnedLoads, write_lineage
from twinlake.processing.openeo.loading.reading.opening import hollow_cube, open_pinned
from twinlake.processing.openeo.loading.requests import is_load
from twinlake.processing.openeo.loading.source import Source, Window
from twinlake.processing.openeo.planning import Output, Plan, plan
from twinlake.processing.openeo.tiles.computing import Computed, Progress, TileComputing, TileRunner, depends_on_data
from twinlake.processing.openeo.tiles.layout import Chunks, TileSize, lay_out
from twinlake.processing.openeo.tiles.shapes import Shapes, trace_shapes
from twinlake.processing.openeo.tiles.usage import RunUsage
from twinlake.processing.openeo.tiles.windows import hollow, whole
from twinlake.processing.openeo.tools import NO_TOOLS, Tools
from twinlake.standards.openeo.errors import EstimateComplexityError
from twinlake.standards.openeo.graph import Graph

_SIZE = TileSize()


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run.

    Parameters
    ----------
    sources
        What is loaded, by node.
    scratch
        For parts that are done: a run that finds some there goes on with the others.
    """

    plan: Plan
    sources: Mapping[str, Source]
    scratch: Path
    runner: TileRunner
    progress: Progress
    tools: Tools = NO_TOOLS
    size: TileSize = _SIZE
    tell_usage: Callable[[RunUsage], None] = lambda _: None
    """Is told what was taken, once everything is computed."""

    def compute(self) -> list[Any]:
        """Return what each output of the plan is: `Computed` for a cube, or a plain result.

        Raises
        ------
        OpenEoError
            Something cannot be computed, or not be saved as it is asked to: that is found before anything is computed, as far
            as it does not depend on values.
        """
        computing = TileComputing(
            self.plan.graph,
            self.sources,
            definitions=self.plan.definitions,
            folder=self.scratch,
            runner=self.runner,
            progress=self.progress,
            tools=self.tools,
            size=self.size,
        )
        if not depends_on_data(self.plan.graph):
            check_outputs(self.plan, computing.shapes())
        made = computing.compute([each.node for each in self.plan.outputs])
        raw_bytes = sum(each.count_bytes() for each in made.values() if isinstance(each, Computed))
        self.tell_usage(RunUsage(computing.chains, raw_bytes))
        return [made[each.node] for each in self.plan.outputs]

    def save(self, made: Sequence[Any], folder: Path, facts: ResultFacts) -> list[WrittenFile]:
        """Write what `compute` returned, below *folder*, which exists; return the files."""
        files: list[WrittenFile] = []
        for number, (output, result) in enumerate(zip(self.plan.outputs, made, strict=True), start=1):
            stem = str(number) if len(self.plan.outputs) > 1 else ""
            files += self._write(output, result, folder, facts, stem)
        return files

    def _write(self, output: Output, result: Any, folder: Path, facts: ResultFacts, stem: str) -> list[WrittenFile]:
        saved = _saved(output, result.hollow if isinstance(result, Computed) else result)
        if not isinstance(result, Computed):
            return write_plain(saved.data, format=saved.format, options=saved.options, folder=folder, facts=facts, stem=stem)
        tiles = self._watch(result.tiles())
        return write(result.hollow, tiles, format=saved.format, options=saved.options, folder=folder, facts=facts, stem=stem)

    def _watch(self, tiles: Iterator[tuple[Window, Cube]]) -> Iterator[tuple[Window, Cube]]:
        """Pass tiles on, and warn where none of them has any data."""
        has_cells = has_data = False
        for window, cube in tiles:
            has_cells = has_cells or cube.values.data.size > 0
            has_data = has_data or bool(cube.values.where().any())
            yield window, cube
        if has_cells and not has_data:
            self.tools.report.log(
                "warning",
                "There is no data in the whole result: see whether masks, extents and geometries leave any, and whether cubes"
                " that were put together have places and times in common.",
            )


@contextmanager
def open_sources(pinned: PinnedLoads, files: Mapping[str, str]) -> Iterator[Mapping[str, Source]]:
    """Yield the sources of pinned loads, by node; *files* are where their files lie, by key."""
    paths = {key: Path(path) for key, path in files.items()}
    with ExitStack() as stack:
        yield {node: stack.enter_context(open_pinned(pins, paths)) for node, pins in pinned.items()}


def plan_graph(graph: Graph, definitions: Definitions) -> Plan:
    """Return how a graph is computed; raises as `planning.plan` does."""
    return plan(graph, definitions, is_load=lambda node: is_load(node) or is_file_load(node))


def facts_of(identifier: str, graph: JsonObject, pinned: PinnedLoads) -> ResultFacts:
    """Return what is told of a result beside its cells."""
    return ResultFacts(identifier=identifier, title="Result", graph=graph, lineage=write_lineage(pinned))


def check_plan(planned: Plan, pinned: PinnedLoads, files: Mapping[str, str], *, tools: Tools = NO_TOOLS) -> None:
    """Run a plan dry, without any file but those that it names; raises as `Run.compute` does before anything is computed.

    What depends on values alone, and what comes behind it, is not looked at.
    """
    if not depends_on_data(planned.graph):
        check_outputs(planned, _trace(planned, pinned, files, tools))


def estimate_plan(
    planned: Plan, pinned: PinnedLoads, files: Mapping[str, str], size: TileSize = _SIZE, *, tools: Tools = NO_TOOLS
) -> Estimate:
    """Return what a plan takes, told without any file but those that it names.

    Raises
    ------
    EstimateComplexityError
        It depends on what is in the data.
    OpenEoError
        As `Run.compute` raises it before anything is computed.
    """
    if depends_on_data(planned.graph):
        raise EstimateComplexityError("How large the result will be depends on what is in the data.")
    shapes = _trace(planned, pinned, files, tools)
    check_outputs(planned, shapes)
    return estimate_shapes(planned, shapes, {node: {} for node in pinned}, size)


def estimate_shapes(planned: Plan, shapes: Shapes, chunks: Chunks, size: TileSize) -> Estimate:
    """Return what a plan takes of which the *shapes* are known."""
    outputs = [each for each in planned.outputs if isinstance(shapes.results[each.node], Cube)]
    targets = {each.node: find_format(_saved(each, shapes.results[each.node]).format) for each in outputs}
    stages = lay_out(shapes, list(targets), chunks, size) if targets else ()
    return estimate(shapes, stages, targets)


def _trace(planned: Plan, pinned: PinnedLoads, files: Mapping[str, str], tools: Tools) -> Shapes:
    named = {node: pins for node, pins in pinned.items() if not isinstance(pins, CubePins)}
    with open_sources(named, files) as sources:
        known = {node: source.hollow for node, source in sources.items()}
    known |= {node: hollow_cube(pins) for node, pins in pinned.items() if isinstance(pins, CubePins)}
    return trace_shapes(planned.graph, known, planned.definitions, tools=tools)


def write_saved(saved: Saved, *, folder: Path, facts: ResultFacts) -> list[WrittenFile]:
    """Write a result that is in memory."""
    options = saved.options
    if not isinstance(saved.data, Cube):
        return write_plain(saved.data, format=saved.format, options=options, folder=folder, facts=facts)
    tiles = [(whole(saved.data.dimensions), saved.data)]
    return write(hollow(saved.data), tiles, format=saved.format, options=options, folder=folder, facts=facts)


def check_outputs(plan: Plan, shapes: Shapes) -> None:
    """Do nothing if everything can be saved as it should be."""
    for output in plan.outputs:
        _saved(output, shapes.results[output.node])


def _saved(output: Output, result: Any) -> Saved:
    return save(result, output.format, dict(output.options))
