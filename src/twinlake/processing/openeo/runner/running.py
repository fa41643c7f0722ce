"""A run of a planned graph: its cubes in tiles, and the files of all that it makes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from twinlake.processing.openeo.cost.estimating import Estimate, estimate
from twinlake.processing.openeo.cubes import Cube
from twinlake.processing.openeo.formats.facts import ResultFacts, WrittenFile
from twinlake.processing.openeo.formats.saved import Saved, save
from twinlake.processing.openeo.formats.writing import write, write_plain
from twinlake.processing.openeo.loading.source import Source
from twinlake.processing.openeo.planning import Output, Plan
from twinlake.processing.openeo.reporting import UNHEARD, Report
from twinlake.processing.openeo.tiles.computing import Computed, Progress, TileComputing, TileRunner, depends_on_data
from twinlake.processing.openeo.tiles.layout import TileSize, lay_out
from twinlake.processing.openeo.tiles.shapes import Shapes, trace_shapes
from twinlake.standards.openeo.errors import EstimateComplexityError

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
    report: Report = UNHEARD
    size: TileSize = _SIZE

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
            report=self.report,
            size=self.size,
        )
        if not depends_on_data(self.plan.graph):
            check_outputs(self.plan, computing.shapes())
        made = computing.compute([each.node for each in self.plan.outputs])
        return [made[each.node] for each in self.plan.outputs]

    def save(self, made: Sequence[Any], folder: Path, facts: ResultFacts) -> list[WrittenFile]:
        """Write what `compute` returned, below *folder*, which exists; return the files."""
        files: list[WrittenFile] = []
        for number, (output, result) in enumerate(zip(self.plan.outputs, made, strict=True), start=1):
            stem = str(number) if len(self.plan.outputs) > 1 else ""
            files += _write(output, result, folder, facts, stem)
        return files


def estimate_plan(plan: Plan, sources: Mapping[str, Source], size: TileSize = _SIZE) -> Estimate:
    """Return what a plan takes.

    Raises
    ------
    EstimateComplexityError
        It depends on what is in the data.
    OpenEoError
        As `Run.compute` raises it before anything is computed.
    """
    if depends_on_data(plan.graph):
        raise EstimateComplexityError("How large the result will be depends on what is in the data.")
    shapes = trace_shapes(plan.graph, {node: source.hollow for node, source in sources.items()}, plan.definitions)
    check_outputs(plan, shapes)
    targets = [each.node for each in plan.outputs if isinstance(shapes.results[each.node], Cube)]
    stages = lay_out(shapes, targets, {node: source.chunks for node, source in sources.items()}, size) if targets else ()
    return estimate(shapes, stages, targets)


def check_outputs(plan: Plan, shapes: Shapes) -> None:
    """Do nothing if everything can be saved as it should be."""
    for output in plan.outputs:
        _saved(output, shapes.results[output.node])


def _saved(output: Output, result: Any) -> Saved:
    return save(result, output.format, dict(output.options))


def _write(output: Output, result: Any, folder: Path, facts: ResultFacts, stem: str) -> list[WrittenFile]:
    saved = _saved(output, result.hollow if isinstance(result, Computed) else result)
    if isinstance(result, Computed):
        return write(
            result.hollow, result.tiles(), format=saved.format, options=saved.options, folder=folder, facts=facts, stem=stem
        )
    return write_plain(saved.data, format=saved.format, options=saved.options, folder=folder, facts=facts, stem=stem)
