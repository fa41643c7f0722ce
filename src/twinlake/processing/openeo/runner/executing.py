"""The work itself: a graph is computed, and its result written to files."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import orjson

from twinlake.core.documents import JsonObject
from twinlake.processing.openeo.evaluating import evaluate
from twinlake.processing.openeo.formats.facts import WrittenFile, without_queries
from twinlake.processing.openeo.formats.saved import Saved, save
from twinlake.processing.openeo.graphs import refuse
from twinlake.processing.openeo.jobs.orders import Order
from twinlake.processing.openeo.loading.pins import read_pinned
from twinlake.processing.openeo.planning import write_plan
from twinlake.processing.openeo.reading import read_checked
from twinlake.processing.openeo.runner.running import Run, facts_of, open_sources, plan_graph, write_saved
from twinlake.processing.openeo.runner.telling import tell_loads, tell_start
from twinlake.processing.openeo.tiles.computing import TileRunner
from twinlake.processing.openeo.tiles.usage import RunUsage
from twinlake.processing.openeo.tools import Tools


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultFile:
    """A file, or a folder of files, that a graph has made."""

    path: Path
    """Its name is that of the asset."""
    media_type: str
    title: str
    roles: Sequence[str] = ("data",)
    bbox: tuple[float, float, float, float] | None = None
    """West, south, east, north in degrees (WGS 84); None where it is nowhere in particular."""
    interval: tuple[str, str] | None = None
    """First and last instant of what is in it (RFC 3339), closed at both ends."""
    members: Mapping[str, object] = field(default_factory=dict)
    """More of the STAC asset, such as ``cube:dimensions``."""

    def describe(self) -> JsonObject:
        """Return it as results keep it."""
        described: JsonObject = {
            **self.members,
            "type": self.media_type,
            "title": self.title,
            "roles": list(self.roles),
            "bbox": self.bbox,
            "interval": self.interval,
        }
        return {name: value for name, value in described.items() if value is not None}


def execute(
    order: Order,
    *,
    identifier: str,
    files: Mapping[str, str],
    scratch: Path,
    folder: Path,
    runner: TileRunner,
    tools: Tools,
    tell_usage: Callable[[RunUsage], None],
) -> list[ResultFile]:
    """Compute the graph of *order* and write its results below *folder*.

    Parameters
    ----------
    identifier
        Of the result: stands in files.
    files
        Where what is loaded lies, by key.
    scratch
        For parts that are done: an attempt that finds some there goes on with the others.
    tell_usage
        Is told what the tiles took.

    Raises
    ------
    OpenEoError
        A process cannot do what it was asked to.
    """
    graph = orjson.dumps(order.graph)
    definitions = {name: orjson.dumps(each).decode() for name, each in order.definitions.items()}
    read = read_checked(graph, definitions, inline_cubes=order.inline_cubes)
    if read.graph is None:
        raise refuse(read.faults)
    pinned = read_pinned(order.pins)
    if read.cubes:
        facts = facts_of(identifier, order.graph, pinned)
        result = evaluate(read.graph, read.cubes, read.definitions, tools=tools)
        saved = result if isinstance(result, Saved) else save(result)
        return describe_written(write_saved(saved, folder=folder, facts=facts), folder)
    planned = plan_graph(read.graph, read.definitions)
    # Others may come to have these files, who have written the same in other words: nothing in them tells whose words these were.
    facts = facts_of(identifier, without_queries(write_plan(planned)), pinned)
    tell_start(tools.report, planned)
    tell_loads(tools.report, planned, pinned)
    with open_sources(pinned, files) as sources:
        run = Run(
            plan=planned,
            sources=sources,
            scratch=scratch,
            runner=runner,
            progress=lambda done, total: tools.report.progress(done, total, "tiles"),
            tools=tools,
            tell_usage=tell_usage,
        )
        return describe_written(run.save(run.compute(), folder, facts), folder)


def describe_written(written: Sequence[WrittenFile], folder: Path) -> list[ResultFile]:
    """Return what was *written* below *folder*."""
    return [
        ResultFile(
            path=folder / each.path,
            media_type=each.media_type,
            title=each.title,
            roles=each.roles,
            bbox=each.bbox,
            interval=None if each.start is None or each.end is None else (each.start, each.end),
            members=each.fields,
        )
        for each in written
    ]
