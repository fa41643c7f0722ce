"""Statistics of geometries that need not see the whole raster at once: each window of it gives a state (`Fold`)."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from twinlake.processing.openeo.cubes import Cube, read_vectors
from twinlake.processing.openeo.definitions import Definitions
from twinlake.processing.openeo.evaluating import arguments_of
from twinlake.processing.openeo.kernels.arrays.folding import find_folding
from twinlake.processing.openeo.kernels.geometries.regions import layers_of, put_together
from twinlake.processing.openeo.kernels.geometries.zones_in_parts import Counted, Weighted
from twinlake.processing.openeo.registry import find_process
from twinlake.processing.openeo.shapes.dimensions import Dimension, enumerated, find_horizontal, horizontal_of
from twinlake.processing.openeo.tiles.folding import STATE, find_reducer
from twinlake.processing.openeo.values import Values
from twinlake.standards.openeo.graph import FromNode, Node


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneFold:
    """Makes statistics of geometries (`Fold`)."""

    source: str
    zones: Weighted | Counted
    dimensions: tuple[Dimension, ...]
    """Of the whole source."""

    def begin(self, cube: Cube) -> Cube:
        window = [_place(whole, part) for whole, part in zip(self._grid(), horizontal_of(cube.dimensions), strict=True)]
        made = self.zones.begin(layers_of(cube), (window[0], window[1]))
        return Cube(values=made, dimensions=self.state_dimensions(cube.dimensions))

    def state_dimensions(self, dimensions: tuple[Dimension, ...]) -> tuple[Dimension, ...]:
        pixels = find_horizontal(dimensions)
        layers = [each for number, each in enumerate(dimensions) if number not in pixels]
        return (enumerated(STATE, self.zones.parts), self.zones.vectors, *layers)

    def merge(self, first: Cube, second: Cube) -> Cube:
        return Cube(values=self.zones.merge(first.values, second.values), dimensions=first.dimensions)

    def finish(self, state: Cube, dry: Cube) -> Cube:
        values = put_together(self.dimensions, *self.zones.finish(state.values))
        kind, wanted = values.data.dtype.kind, dry.values.data.dtype
        if wanted.kind == "f":
            values = Values(data=values.data.astype(wanted), valid=values.valid, nan_is_nodata=True)
        elif kind in "iub":  # floats are integers that have outgrown 64 bits
            values = replace(values, data=values.data.astype(wanted))
        return Cube(values=values, dimensions=dry.dimensions)

    def _grid(self) -> tuple[Dimension, Dimension]:
        return self.zones.y, self.zones.x


def find_zone_fold(node: Node, results: dict[str, Any], definitions: Definitions) -> ZoneFold | None:
    """Return how a node makes statistics of geometries in parts; None where it does something else, or needs all pixels."""
    source = node.arguments.get("data")
    is_weighted = node.process == "aggregate_spatial_weighted"
    if not isinstance(source, FromNode) or not (is_weighted or node.process == "aggregate_spatial"):
        return None
    given = results[source.node]
    if not isinstance(given, Cube) or not isinstance(results[node.id], Cube) or given.values.data.dtype == np.uint64:
        return None
    arguments = arguments_of(node, results, definitions)
    y, x = horizontal_of(given.dimensions)
    vectors, tells_more = read_vectors(arguments["geometries"]), arguments["target_dimension"] is not None
    zones: Weighted | Counted
    if is_weighted:
        weighting, statistic = arguments["weights"], arguments["statistic"]
        zones = Weighted(y=y, x=x, vectors=vectors, weighting=weighting, statistic=statistic, tells_share=tells_more)
        return ZoneFold(source=source.node, zones=zones, dimensions=given.dimensions)
    found = find_reducer(node)
    process = None if found is None else find_process(found[0])
    folding = None if process is None else find_folding(process)
    if found is None or folding is None:
        return None
    zones = Counted(
        y=y,
        x=x,
        vectors=vectors,
        folding=folding,
        ignore_nodata=found[1],
        reducer=arguments["reducer"],
        context=arguments["context"],
        tells_counts=tells_more,
        is_of_truths=given.values.data.dtype == bool,
    )
    return ZoneFold(source=source.node, zones=zones, dimensions=given.dimensions)


def _place(whole: Dimension, part: Dimension) -> slice:
    """Return where the labels of a part stand among those of the whole."""
    start = whole.labels.index(part.labels[0])
    return slice(start, start + len(part.labels))
