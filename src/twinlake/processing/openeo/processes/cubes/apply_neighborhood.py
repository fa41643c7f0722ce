"""`apply_neighborhood`."""

from collections.abc import Sequence
from typing import Any

from twinlake.core.documents import JsonObject
from twinlake.processing.openeo.cubes import Cube
from twinlake.processing.openeo.evaluating import Callback
from twinlake.processing.openeo.json_schemas import ANYTHING, RASTER, Schema, callback, passed
from twinlake.processing.openeo.kernels.pixels.neighboring import Neighborhoods, run_on_arrays, run_on_cubes
from twinlake.processing.openeo.process import Opaque, Parameter, Process, Reach
from twinlake.processing.openeo.shapes.dimensions import find_horizontal
from twinlake.processing.openeo.shapes.durations import DURATION
from twinlake.processing.openeo.shapes.neighborhoods import find_chunks, read_extents
from twinlake.processing.openeo.shapes.windows import shift


def _apply(
    data: Cube,
    process: Callback,
    size: Sequence[JsonObject],
    overlap: Sequence[JsonObject] | None = None,
    context: Any = None,
) -> Cube:
    y, x = find_horizontal(data.dimensions)
    hollow = {number for number in (y, x) if data.is_hollow_along(number)}
    parts = _parts(data, size, overlap)
    if hollow:
        # One part tells of which type all are.
        parts = Neighborhoods(
            dimensions=parts.dimensions,
            chunks=tuple([chunks[:1] if number in hollow else chunks for number, chunks in enumerate(parts.chunks)]),
        )
    made = _run(parts, data, process, context, only_array=_parts(data, size, overlap).only_array())
    return Cube(values=made.values, dimensions=data.dimensions)


def _reach(
    rows: slice,
    columns: slice,
    data: Cube,
    *,
    process: Callback,
    size: Sequence[JsonObject],
    overlap: Sequence[JsonObject] | None = None,
    context: Any = None,
) -> Reach:
    y, x = find_horizontal(data.dimensions)
    whole = _parts(data, size, overlap)
    wanted = {y: rows, x: columns}
    chunks = [
        [each for each in found if number not in wanted or _meets(each.inner, wanted[number])]
        for number, found in enumerate(whole.chunks)
    ]
    parts = Neighborhoods(dimensions=data.dimensions, chunks=tuple(chunks))
    windows, regions = parts.windows(), parts.regions()

    def compute(part: Cube) -> Cube:
        made = _run(parts, part, process, context, only_array=whole.only_array())
        return made.cut(y, shift(rows, -regions[y].start)).cut(x, shift(columns, -regions[x].start))

    return Reach(rows=windows[y], columns=windows[x], compute=compute)


def _parts(data: Cube, size: Sequence[JsonObject], overlap: Sequence[JsonObject] | None) -> Neighborhoods:
    sizes = read_extents(data.dimensions, size, least=1)
    around = read_extents(data.dimensions, overlap or (), least=0)
    return Neighborhoods(
        dimensions=data.dimensions,
        chunks=tuple([find_chunks(each, sizes.get(n), around.get(n)) for n, each in enumerate(data.dimensions)]),
    )


def _run(parts: Neighborhoods, part: Cube, process: Callback, context: Any, *, only_array: int | None) -> Cube:
    if only_array is None:
        return run_on_cubes(parts, part, process, context)
    return run_on_arrays(parts, part, process, context, along=only_array)


def _meets(places: slice, wanted: slice) -> bool:
    return bool(max(places.start, wanted.start) < min(places.stop, wanted.stop))


def _sizes(nothing: str) -> Schema:
    return {
        "type": "array",
        "items": {
            "type": "object",
            "subtype": "chunk-size",
            "required": ["dimension", "value"],
            "properties": {
                "dimension": {"type": "string"},
                "value": {
                    "default": None,
                    "anyOf": [
                        {"type": "null", "title": nothing},
                        {"type": "number", "minimum": 0},
                        {"type": "string", "subtype": "duration", "pattern": DURATION},
                    ],
                },
                "unit": {"default": None, "anyOf": [{"type": "null"}, {"type": "string", "enum": ["px", "m"]}]},
            },
        },
    }


PROCESS = Process(
    id="apply_neighborhood",
    summary="A process for parts of a cube, with what lies around",
    description=(
        "Divides a cube into parts of equal size, which begin at the first label of each dimension, and runs a process on each; a"
        " part may get some of what lies around it, of which the results are thrown away. Along x and y, what lies beyond the"
        " border of the cube is no-data; along other dimensions there is nothing beyond it. Parts that have one label along all"
        " dimensions but one are arrays for the process; these are all computed at once."
    ),
    categories=("cubes",),
    parameters=(
        Parameter("data", RASTER, "A raster cube."),
        Parameter(
            "process",
            callback(
                passed(
                    "data",
                    "The part of the cube; an array, if it has one label along all dimensions but one.",
                    [RASTER, {"type": "array", "subtype": "labeled-array"}],
                ),
                passed("context", "What the user passes on.", default=None),
                returns=[RASTER, {"type": "array"}],
            ),
            "What is done with each part. It must leave dimensions and labels as they are.",
        ),
        Parameter(
            "size",
            _sizes("All"),
            (
                "How large parts are along each dimension, all there is where nothing is said: in labels (`px`), metres (`m`),"
                " the unit of the dimension (null), or as a duration such as `P5D`. A period begins at the first time."
            ),
            is_plain=True,
        ),
        Parameter(
            "overlap",
            [{"type": "null"}, _sizes("Nothing")],
            "How much of what lies around a part it gets, on both sides; as `size`.",
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
    exceptions={
        "DimensionNotAvailable": "The cube has no dimension of this name.",
        "DataCubePropertiesImmutable": "The process changed dimensions or their labels.",
    },
)
