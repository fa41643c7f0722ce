"""Computing one window of a stage: every node in it, on just the cells that it needs."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from twinlake.processing.openeo.cubes import Cube
from twinlake.processing.openeo.evaluating import call
from twinlake.processing.openeo.loading.source import Window
from twinlake.processing.openeo.shapes.dimensions import Dimension
from twinlake.processing.openeo.tiles.layout import Stage
from twinlake.processing.openeo.tiles.reaching import Moved
from twinlake.processing.openeo.tiles.shapes import Shapes
from twinlake.processing.openeo.tiles.usage import Meter
from twinlake.processing.openeo.tiles.windows import cut, hull, is_empty, within
from twinlake.processing.openeo.tools import NO_TOOLS, Tools
from twinlake.processing.openeo.values import Values
from twinlake.standards.openeo.errors import InternalError
from twinlake.standards.openeo.graph import FromNode

Read = Callable[[str, Window], Cube]
"""Reads a part of the cube of a node that is loaded, or of an earlier stage."""


def compute_tile(
    shapes: Shapes, stage: Stage, window: Window, read: Read, tools: Tools = NO_TOOLS, *, meter: Meter | None = None
) -> Cube:
    """Return a part of the cube that a stage makes, or the state that it is folded of."""
    meter = meter or Meter()
    read = meter.reading(read)
    is_given = stage.computed in stage.given
    cube = read(stage.computed, window) if is_given else _compute_window(shapes, stage, window, read, tools, meter=meter)
    if is_given:  # nothing but these is looked at
        meter.note_made(cube)
    return cube if stage.fold is None else stage.fold.begin(cube)


def _compute_window(shapes: Shapes, stage: Stage, window: Window, read: Read, tools: Tools, *, meter: Meter) -> Cube:
    demanded = shapes.demands(stage.computed, window, stage.given)
    computed = [each for each in shapes.graph.nodes if each in demanded and each not in stage.given]
    last_use = {edge.source: node for node in computed for edge in shapes.uses(node, demanded[node])}
    cubes: dict[str, Cube] = {}
    for node in computed:
        if is_empty(demanded[node]):
            cubes[node] = _empty(shapes.cube(node), demanded[node])
            continue
        for edge in shapes.edges[node]:
            if edge.source not in cubes:
                part = demanded[edge.source]
                cubes[edge.source] = _empty(shapes.cube(edge.source), part) if is_empty(part) else read(edge.source, part)
        cubes[node] = _compute(shapes, node, demanded, cubes, tools)
        meter.note_made(cubes[node])
        for source in [each for each in cubes if last_use.get(each) == node]:
            del cubes[source]
    return cubes[stage.computed]


def _compute(shapes: Shapes, name: str, demanded: Mapping[str, Window], cubes: Mapping[str, Cube], tools: Tools) -> Cube:
    node, part = shapes.graph.nodes[name], demanded[name]
    needs: dict[str, Window] = {}
    for edge in shapes.edges[name]:
        needed = edge.needs(part)
        needs[edge.source] = hull(needs[edge.source], needed) if edge.source in needs else needed
    used = {each.node for each in node.references() if isinstance(each, FromNode)}
    results: dict[str, Any] = {each: shapes.results[each] for each in used}
    for source, needed in needs.items():
        results[source] = cut(cubes[source], within(needed, demanded[source]))
    dry = shapes.cube(name)
    moved = next((edge for edge in shapes.edges[name] if isinstance(edge, Moved)), None)
    if moved is not None:
        made = moved.find(part).compute(results[moved.source])
    else:
        made = call(node, results, shapes.definitions, tools=tools)
    return _typed(_keep(made, name, [_part(each, part) for each in dry.dimensions]), dry.values)


def _typed(made: Cube, dry: Values) -> Cube:
    """Return *made* with the type of the dry run: that of a part may be another where no value is valid.

    Integers that have outgrown their type stay floats.
    """
    values = made.values
    if values.data.dtype == dry.data.dtype or (dry.data.dtype.kind != "f" and values.where().any()):
        return made
    valid = values.where() if values.nan_is_nodata and dry.data.dtype.kind != "f" else values.valid
    data = np.zeros_like(values.data, dtype=dry.data.dtype) if dry.data.dtype.kind != "f" else values.data.astype(dry.data.dtype)
    return Cube(values=Values(data=data, valid=valid, nan_is_nodata=dry.nan_is_nodata), dimensions=made.dimensions)


def _part(dimension: Dimension, window: Window) -> Dimension:
    part = window[dimension.name]
    is_all = part.start == 0 and part.stop == len(dimension.labels)
    return dimension if is_all else dimension.take(range(part.start, part.stop))


def _empty(dry: Cube, window: Window) -> Cube:
    """Return a part without a cell."""
    dimensions = tuple([_part(each, window) for each in dry.dimensions])
    data = np.zeros([len(each.labels) for each in dimensions], dtype=dry.values.data.dtype)
    return Cube(values=Values(data=data, nan_is_nodata=dry.values.nan_is_nodata), dimensions=dimensions)


def _keep(made: Cube, node: str, wanted: list[Dimension]) -> Cube:
    """Return what was asked for of *made*, which may have other labels, too, and in another order."""
    for number, dimension in enumerate(wanted):
        own = made.dimensions[number]
        if own.labels == dimension.labels:
            continue
        known = {label: place for place, label in enumerate(own.labels)}
        if own.name != dimension.name or not known.keys() >= set(dimension.labels):
            raise InternalError(f"Node {node!r} made other labels along {own.name!r} than its dry run told.")
        made = made.take(number, [known[each] for each in dimension.labels])
    return made
