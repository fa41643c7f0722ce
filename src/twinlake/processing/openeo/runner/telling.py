"""What a batch job tells its owner of its work: with what it begins, what it loads, what came of it."""

import os
from collections import deque
from collections.abc import Hashable, Iterator, Sequence
from importlib.metadata import version
from typing import TYPE_CHECKING

from twinlake.core.counting import count
from twinlake.core.sizes import write_size
from twinlake.processing.openeo.kernels.crossing import tell_of_crossing
from twinlake.processing.openeo.loading.pins import CubePins, FilePins, KeptFile, PinnedFile, PinnedLoads, Pins, RasterPins
from twinlake.processing.openeo.registry import find_process
from twinlake.processing.openeo.reporting import Report
from twinlake.processing.openeo.shapes.dimensions import find_temporal
from twinlake.standards.openeo.graph import Graph

if TYPE_CHECKING:
    from twinlake.processing.openeo.planning import Plan
    from twinlake.processing.openeo.tiles.usage import RunUsage

_SHOWN = 5


def tell_start(report: Report, planned: "Plan") -> None:
    """Tell which processes compute, and of which version they are."""
    versions = _list_versions([planned.graph, *[each.graph for each in planned.definitions.values()]])
    ours = version("twinlake")
    named = ", ".join(f"{name} {number}" for name, number in versions.items())
    report.log(
        "info",
        f"Started with Twinlake {ours} and the versions of processes {named or 'of values alone'}.",
        data={"twinlake": ours, "processes": versions},
    )


def tell_loads(report: Report, planned: "Plan", pinned: PinnedLoads) -> None:
    """Tell what each node loads, in the name of the node, and warn of items that hide others or reach out of the extent."""
    for name, pins in pinned.items():
        own = report.at(planned.graph.nodes[name])
        own.log("info", _describe_load(pins))
        if isinstance(pins, CubePins) and (rivals := _find_rivals(pins)):
            shown = ", ".join(rivals[:_SHOWN]) + (", …" if len(rivals) > _SHOWN else "")
            own.log(
                "warning",
                f"{len(rivals)} items hold the same cells at the same times ({shown}). Each cell has the first value there is, in"
                " the order of their ids. To load one of them, give 'properties' that it alone has.",
                data={"items": rivals},
            )
        if isinstance(pins, CubePins):
            # What filters behind leave out is not there any more when they look; of what they keep they tell themselves.
            extent = planned.graph.nodes[name].arguments.get("temporal_extent") or (None, None)
            t = pins.dimensions[find_temporal(pins.dimensions, None)]
            tell_of_crossing(own, t, range(len(t.labels)), extent, pins.left_out)


def tell_end(report: Report, usage: "RunUsage | None", files: int, size_bytes: int) -> None:
    """Tell what was made, and what this attempt took: its own process, and those that it began and waited for."""
    taken = os.times()
    seconds = taken.user + taken.system + taken.children_user + taken.children_system
    tiles = 0 if usage is None else sum(each.tiles for each in usage.chains)
    report.log(
        "info",
        f"Finished: {count(files, 'result')} with {write_size(size_bytes)}, {count(tiles, 'tile')}, {seconds:.1f} s of CPU time.",
    )


def _list_versions(graphs: Sequence[Graph]) -> dict[str, int]:
    waiting, found = deque(graphs), dict[str, int]()
    while waiting:
        for node in waiting.popleft().nodes.values():
            waiting.extend(node.callbacks())
            if (process := find_process(node.process)) is not None:
                found[process.id] = process.version
    return dict(sorted(found.items()))


def _describe_load(pins: Pins | FilePins) -> str:
    if isinstance(pins, FilePins):
        return f"Loads {count(len(pins.kept), 'file')} of {pins.format}, {_size_of(pins.kept)}."
    files = list({each.key: each for each in pins.files}.values())
    collections = sorted({each.collection for each in files if each.collection})
    items = len({(each.collection, each.item) for each in files})
    of = f" of {', '.join(collections)}" if collections else ""
    return f"Loads {count(items, 'item')}{of}: {count(len(files), 'file')}, {_size_of(files)}."


def _find_rivals(pins: CubePins) -> list[str]:
    """Return the items that have the same cells at the same times as others, be they empty."""
    first: dict[Hashable, str] = {}
    found: dict[str, None] = {}
    for item, place in _list_places(pins):
        if (known := first.setdefault(place, item)) != item:
            found |= {known: None, item: None}
    return sorted(found)


def _list_places(pins: CubePins) -> Iterator[tuple[str, Hashable]]:
    """Yield items and the whole grids of cells that they hold, each of one time and band."""
    if isinstance(pins, RasterPins):
        for part in pins.parts:
            image = pins.images[part.image]
            yield image.file.item, (part.t, part.band, image.crs, image.transform, image.shape)
        return
    for cube in pins.cubes:  # on one grid, all of them
        for variable in cube.variables:
            for _, t in cube.times:
                yield cube.file.item, (t, variable.band)


def _size_of(files: Sequence[PinnedFile | KeptFile]) -> str:
    return write_size(sum(each.size_bytes for each in files))
