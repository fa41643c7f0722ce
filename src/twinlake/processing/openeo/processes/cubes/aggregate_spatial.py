"""`aggregate_spatial`."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twinlake.core.documents import JsonObject
from twinlake.processing.openeo.cubes import Cube, read_vectors
from twinlake.processing.openeo.evaluating import Callback
from twinlake.processing.openeo.json_schemas import ANYTHING, ARRAY, GEOJSON, RASTER, TEXT_OR_NULL, VECTORS, callback, passed
from twinlake.processing.openeo.kernels.arrays.grouping import reduce_arrays
from twinlake.processing.openeo.kernels.cells.states import are_valid
from twinlake.processing.openeo.kernels.geometries.regions import lay_along, layers_of, put_together, tell_of_outside
from twinlake.processing.openeo.kernels.geometries.zonal import (
    Weights,
    apply,
    around,
    find_window,
    find_windows,
    meet_grid,
    weigh,
)
from twinlake.processing.openeo.process import Keeps, OfGeometries, Opaque, Parameter, Process, Reach
from twinlake.processing.openeo.shapes.areas import Window
from twinlake.processing.openeo.shapes.dimensions import Dimension, find_horizontal, horizontal_of
from twinlake.processing.openeo.tools import Standing
from twinlake.processing.openeo.values import Values


def _aggregate(
    data: Cube,
    geometries: Cube | JsonObject,
    *,
    reducer: Callback,
    target_dimension: str | None,
    context: Any,
    standing: Standing,
) -> Cube:
    vectors, grid = read_vectors(geometries), horizontal_of(data.dimensions)
    window = find_window(*grid, vectors)  # refuses what cannot be aggregated
    tell_of_outside(standing.tools.report, grid, vectors)
    y, x = find_horizontal(data.dimensions)
    part = data if data.is_hollow_along(y) or data.is_hollow_along(x) else data.cut(y, window[0]).cut(x, window[1])
    return _make(
        part,
        window=window,
        grid=grid,
        vectors=vectors,
        reducer=reducer,
        target_dimension=target_dimension,
        context=context,
    )


def _prepare(
    *, data: Cube, geometries: Cube | JsonObject, reducer: Callback, target_dimension: str | None, context: Any
) -> Callable[[slice], Reach]:
    vectors, grid = read_vectors(geometries), horizontal_of(data.dimensions)
    windows = find_windows(*grid, vectors)

    def find(places: slice) -> Reach:
        window = around(windows[places])

        def compute(cube: Cube) -> Cube:
            return _make(
                cube,
                window=window,
                grid=grid,
                vectors=vectors.take(range(places.start, places.stop)),
                reducer=reducer,
                target_dimension=target_dimension,
                context=context,
            )

        return Reach(rows=window[0], columns=window[1], compute=compute)

    return find


def _make(
    data: Cube,
    *,
    window: Window,
    grid: tuple[Dimension, Dimension],
    vectors: Dimension,
    reducer: Callback,
    target_dimension: str | None,
    context: Any,
) -> Cube:
    """Return the values of geometries, of which all pixels are in *data*: a window of the grid."""
    dimensions = lay_along(data.dimensions, vectors, target_dimension, ("value", "total_count", "valid_count"))
    layers = layers_of(data)
    cells = layers.data.shape[:-2]
    is_hollow = data.is_hollow_along(find_horizontal(data.dimensions)[0])
    if is_hollow:
        one = np.zeros((1, *cells), dtype=layers.data.dtype)
        arrays: Iterator[Values | None] = iter([replace(layers, data=one, valid=None, is_array=True)] * len(vectors.labels))
        counts = [np.zeros((len(vectors.labels), *cells), dtype=np.int64)] * 2
        is_there = [True] * len(vectors.labels)
    else:
        weights = weigh(*grid, vectors, "centres", window)
        pixels = weights.pixels()
        is_there = [True] * len(pixels) if all(len(each) for each in pixels) else meet_grid(*grid, vectors)
        arrays = _arrays(layers, pixels, is_there)
        counts = _count(weights, layers) if target_dimension is not None else []
    reduced = reduce_arrays(arrays, cells, reducer=reducer, context=context)
    if is_hollow and reduced.valid is None:  # the pixel that stands for all is there, and those of a geometry may not be
        reduced = replace(reduced, valid=reduced.where())
    if target_dimension is None:
        return Cube(values=put_together(data.dimensions, reduced), dimensions=tuple(dimensions))
    there = np.broadcast_to(np.reshape(is_there, (-1, *([1] * len(cells)))), (len(is_there), *cells))
    counted = [Values(data=each, valid=None if all(is_there) else there) for each in counts]
    return Cube(values=put_together(data.dimensions, reduced, *counted), dimensions=tuple(dimensions))


def _arrays(layers: Values, pixels: Sequence[NDArray[np.int64]], is_there: Sequence[bool]) -> Iterator[Values | None]:
    """Yield the pixels of each geometry as an array, elements first; None for a geometry that is not there."""
    flat = layers.data.reshape(*layers.data.shape[:-2], -1)
    mask = None if layers.valid is None else layers.valid.reshape(flat.shape)
    for numbers, meets in zip(pixels, is_there, strict=True):
        if not meets:
            yield None
            continue
        data = np.moveaxis(np.take(flat, numbers, axis=-1), -1, 0)
        valid = None if mask is None else np.moveaxis(np.take(mask, numbers, axis=-1), -1, 0)
        yield replace(layers, data=data, valid=valid, is_array=True)


def _count(weights: Weights, layers: Values) -> list[NDArray[Any]]:
    """Return how many pixels each geometry has in each layer, and how many of them are valid."""
    valid = apply(weights, Values(data=are_valid(layers).astype(np.uint8)), "sum").value.astype(np.int64)
    total = weights.totals.astype(np.int64).reshape(-1, *([1] * (valid.ndim - 1)))
    return [np.broadcast_to(total, valid.shape), valid]


def _keeps(given: Mapping[str, Any]) -> Keeps | None:
    """Tell that numbers of pixels are of no quantity."""
    return None if given["target_dimension"] is not None else Keeps(through="reducer", over="area")


PROCESS = Process(
    id="aggregate_spatial",
    summary="One value for each geometry",
    description=(
        "Makes one value of all pixels that belong to a geometry, in each layer of the other dimensions. A pixel belongs to a"
        " polygon if its centre lies in it, or on its edge; to a point if no other centre is closer; to a line if its centre is"
        " the closest to a place on it. A pixel may belong to several geometries. Of a geometry that is empty, or lies outside of"
        " the cube, there is no value; of one that lies within it and has no pixel the reducer makes one of an empty array."
        " `aggregate_spatial_weighted` counts pixels by how much of them is covered."
    ),
    categories=("cubes", "aggregate"),
    parameters=(
        Parameter("data", RASTER, "A raster cube."),
        Parameter(
            "geometries",
            [VECTORS, GEOJSON],
            "A vector cube; or GeoJSON: a geometry, a feature or a collection of features, but no `GeometryCollection`.",
            is_plain=True,
        ),
        Parameter(
            "reducer",
            callback(
                passed("data", "The values of the pixels, in no particular order.", ARRAY),
                passed("context", "What the user passes on.", default=None),
                returns=ANYTHING,
            ),
            "What makes one value of them.",
        ),
        Parameter(
            "target_dimension",
            TEXT_OR_NULL,
            "A new dimension for the `value`, the number of pixels (`total_count`), and of those that are valid (`valid_count`).",
            default=None,
            is_plain=True,
        ),
        Parameter("context", ANYTHING, "Passed on to the reducer.", default=None, is_plain=True),
    ),
    returns=VECTORS,
    returned="A vector cube: the geometries, with what their features say, are in the place of the pixels.",
    work=Opaque(),
    kernel=_aggregate,
    needs_standing=True,
    reach=OfGeometries(prepare=_prepare),
    keeps=_keeps,
    labels_only=frozenset({"geometries"}),
    exceptions={"TargetDimensionExists": "The cube has a dimension of this name already."},
)
