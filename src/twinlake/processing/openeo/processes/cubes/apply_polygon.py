"""`apply_polygon`."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twinlake.core.documents import JsonObject
from twinlake.processing.openeo.cubes import Cube, read_vectors
from twinlake.processing.openeo.evaluating import Callback
from twinlake.processing.openeo.json_schemas import ANYTHING, AREAS, GEOJSON, NUMBER, RASTER, TEXT, callback, passed
from twinlake.processing.openeo.kernels.cells.assembling import Place, assemble, put
from twinlake.processing.openeo.kernels.geometries.regions import layers_of
from twinlake.processing.openeo.process import Opaque, Parameter, Process, Reach
from twinlake.processing.openeo.shapes.areas import find_pixels, read_pixels
from twinlake.processing.openeo.shapes.dimensions import Dimension, find_horizontal
from twinlake.processing.openeo.shapes.geometries import parts_near
from twinlake.processing.openeo.shapes.windows import shift
from twinlake.processing.openeo.values import Values
from twinlake.standards.openeo.errors import ProcessError, ProcessParameterInvalidError


@dataclass(frozen=True, slots=True)
class _Area:
    """The pixels of one geometry, at least one."""

    rows: NDArray[np.int64]
    columns: NDArray[np.int64]

    @property
    def window(self) -> tuple[slice, slice]:
        """The rows and the columns that hold all."""
        rows, columns = (slice(int(each.min()), int(each.max()) + 1) for each in (self.rows, self.columns))
        return rows, columns

    def is_in(self, rows: slice, columns: slice) -> NDArray[np.bool_]:
        """Tell which of the pixels are among rows and columns."""
        is_in_rows = (self.rows >= rows.start) & (self.rows < rows.stop)
        return np.asarray(is_in_rows & (self.columns >= columns.start) & (self.columns < columns.stop))


def _apply(data: Cube, geometries: Cube | JsonObject, **options: Any) -> Cube:
    y, x = find_horizontal(data.dimensions)
    _require_apart(_find_areas(data, geometries))
    rows, columns = (slice(0, 0 if data.is_hollow_along(each) else len(data.dimensions[each].labels)) for each in (y, x))
    reach = _reach(rows, columns, data, geometries, **options)
    made = reach.compute(data.cut(y, reach.rows).cut(x, reach.columns))
    return Cube(values=made.values, dimensions=data.dimensions)


def _reach(
    rows: slice,
    columns: slice,
    data: Cube,
    geometries: Cube | JsonObject,
    *,
    process: Callback,
    mask_value: Any = None,
    context: Any = None,
) -> Reach:
    y, x = find_horizontal(data.dimensions)
    areas = _find_areas(data, geometries)
    wanted = [each for each in areas if each.is_in(rows, columns).any()]
    _require_apart(wanted)
    around = [_around([each.window[number] for each in wanted]) for number in (0, 1)]

    def run(given: Cube) -> Values:
        result = _same_dimensions(process.evaluate(data=given, context=context), given)
        return layers_of(Cube(values=result, dimensions=given.dimensions))

    def compute(part: Cube) -> Cube:
        nothing = part.cut(y, slice(0, 0)).cut(x, slice(0, 0))
        # The type of the result is that of all areas, be there none here.
        typical = run(_labeled_as(nothing, data, areas[0])) if areas else layers_of(nothing)
        parts: list[tuple[Place, Values]] = [((..., slice(0), slice(0)), typical)]
        for area in wanted:
            top, left = area.window[0].start, area.window[1].start
            given = part.cut(y, shift(area.window[0], -around[0].start)).cut(x, shift(area.window[1], -around[1].start))
            made = run(_masked(given, area, mask_value))
            here = area.is_in(rows, columns)
            pixels = ..., area.rows[here] - top, area.columns[here] - left
            valid = None if made.valid is None else made.valid[pixels]
            place = ..., area.rows[here] - rows.start, area.columns[here] - columns.start
            parts.append((place, replace(made, data=made.data[pixels], valid=valid)))
        shape = *typical.data.shape[:-2], rows.stop - rows.start, columns.stop - columns.start
        values = assemble(shape, parts)
        moved = np.moveaxis(values.data, (-2, -1), (y, x))
        valid = None if values.valid is None else np.moveaxis(values.valid, (-2, -1), (y, x))
        return Cube(values=replace(values, data=moved, valid=valid), dimensions=_cut_labels(data, (rows, columns)))

    return Reach(rows=around[0], columns=around[1], compute=compute)


def _find_areas(data: Cube, geometries: Cube | JsonObject) -> list[_Area]:
    """Return the pixels of each geometry that has some."""
    pixels = read_pixels(data.dimensions)
    shapes = parts_near(read_vectors(geometries), pixels.crs, within=pixels.outline, only_areas=True)
    numbers = (find_pixels(pixels, parts) for parts in shapes)
    return [_Area(*np.divmod(each, len(pixels.x))) for each in numbers if each.size]


def _require_apart(areas: Sequence[_Area]) -> None:
    if not areas:
        return
    rows, columns = (_around([each.window[number] for each in areas]) for number in (0, 1))
    is_taken = np.zeros((rows.stop - rows.start, columns.stop - columns.start), dtype=bool)
    for each in areas:
        pixels = each.rows - rows.start, each.columns - columns.start
        if is_taken[pixels].any():
            raise ProcessError("GeometriesOverlap", "A pixel lies in two geometries: cut one of them by the other.")
        is_taken[pixels] = True


def _around(windows: Sequence[slice]) -> slice:
    return slice(min((each.start for each in windows), default=0), max((each.stop for each in windows), default=0))


def _labeled_as(nothing: Cube, data: Cube, area: _Area) -> Cube:
    """Return a cube without pixels as the hollow one of an area."""
    return Cube(values=nothing.values, dimensions=_cut_labels(data, area.window))


def _cut_labels(data: Cube, windows: tuple[slice, slice]) -> tuple[Dimension, ...]:
    dimensions = list(data.dimensions)
    for number, window in zip(find_horizontal(dimensions), windows, strict=True):
        dimensions[number] = dimensions[number].take(range(len(dimensions[number].labels))[window])
    return tuple(dimensions)


def _masked(given: Cube, area: _Area, mask_value: Any) -> Cube:
    """Return the part of the cube around an area with another value in all pixels that are not in it."""
    y, x = find_horizontal(given.dimensions)
    rows, columns = area.window
    outside = np.ones((rows.stop - rows.start, columns.stop - columns.start), dtype=bool)
    outside[area.rows - rows.start, area.columns - columns.start] = False
    others = tuple(number for number in range(len(given.dimensions)) if number not in {y, x})
    where = np.expand_dims(outside if y < x else outside.T, others)
    return Cube(values=put(given.values, where, mask_value), dimensions=given.dimensions)


def _same_dimensions(result: Any, given: Cube) -> Values:
    """Return values in the order of the dimensions that the process was given."""
    sizes = {each.name: len(each.labels) for each in given.dimensions}
    if not isinstance(result, Cube) or {each.name: len(each.labels) for each in result.dimensions} != sizes:
        raise ProcessParameterInvalidError("The process makes no cube with the dimensions that it was given, and as many labels.")
    return result.laid_along(given.dimensions)


PROCESS = Process(
    id="apply_polygon",
    summary="A process for the pixels of each polygon",
    description=(
        "Runs a process on the part of a cube around each polygon. Pixels belong to a polygon if their centre lies in it, or on"
        " its edge; all others in that part are masked. What comes out is kept for the pixels of polygons; what lies in none is"
        " no-data. A pixel in two of them is an error."
    ),
    categories=("cubes",),
    parameters=(
        Parameter("data", RASTER, "A raster cube."),
        Parameter(
            "geometries",
            [AREAS, GEOJSON],
            "Polygons: a vector cube, or GeoJSON, as geometry, feature or collection of features. Empty ones count for nothing.",
            is_plain=True,
        ),
        Parameter(
            "process",
            callback(
                passed("data", "The part of the cube.", RASTER),
                passed("context", "What the user passes on.", default=None),
                returns={"description": "A cube.", "schema": RASTER},
            ),
            "What is done with each part. It may change labels, but not how many there are.",
        ),
        Parameter(
            "mask_value",
            [NUMBER, {"type": "boolean"}, TEXT, {"type": "null"}],
            "What stands in pixels that are not in the polygon; null is no-data.",
            default=None,
            is_plain=True,
        ),
        Parameter("context", ANYTHING, "Passed on to the process.", default=None, is_plain=True),
    ),
    returns=RASTER,
    returned="The cube with the new values; its dimensions are as before.",
    work=Opaque(),
    kernel=_apply,
    reach=_reach,
    exceptions={"GeometriesOverlap": "A pixel lies in two geometries."},
)
