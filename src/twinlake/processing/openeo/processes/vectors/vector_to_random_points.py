"""`vector_to_random_points`."""

import numpy as np

from twinlake.processing.openeo.cubes import Cube
from twinlake.processing.openeo.json_schemas import POINTS, TRUTH, VECTORS, Schema
from twinlake.processing.openeo.kernels.geometries.sampling import draw_points, replace_by_points
from twinlake.processing.openeo.process import Opaque, Parameter, Process
from twinlake.processing.openeo.shapes.geometries import MOST_VERTICES, find_geometries, read_shapes
from twinlake.standards.openeo.errors import ProcessError, ProcessParameterInvalidError

_COUNT: list[Schema] = [{"type": "integer", "minimum": 1}, {"type": "null"}]


def _sample(
    data: Cube, geometry_count: int | None = None, total_count: int | None = None, *, group: bool = True, seed: int | None = None
) -> Cube:
    shapes = read_shapes(data.dimensions[find_geometries(data.dimensions)])
    most = len(shapes) * (geometry_count or 1) if total_count is None else total_count
    if total_count is not None and total_count < len(shapes):
        raise ProcessError("CountMismatch", f"{total_count} points are too few for {len(shapes)} geometries, each with one.")
    each, rest = divmod(most, max(len(shapes), 1))
    counts = [min(each + (place < rest), geometry_count or most) for place in range(len(shapes))]
    if sum(counts) > MOST_VERTICES:
        raise ProcessParameterInvalidError(f"There would be {sum(counts)} points, and {MOST_VERTICES} are the most.")
    # The same graph gives the same points: without a seed, too.
    random = np.random.default_rng([abs(seed or 0), int((seed or 0) < 0)])
    points = [draw_points(shape, count, random) for shape, count in zip(shapes, counts, strict=True)]
    return replace_by_points(data, points, group=group)


PROCESS = Process(
    id="vector_to_random_points",
    summary="Random points of geometries",
    description=(
        "Draws points of geometries, each place as likely as any other: within polygons, along lines, or of points, each once at"
        " most. A total is shared out evenly, the first geometries having one more. With neither count each geometry has one"
        " point. The same seed gives the same points, and so does none. Empty geometries stay empty."
    ),
    categories=("cubes", "vector"),
    parameters=(
        Parameter("data", VECTORS, "A vector cube."),
        Parameter("geometry_count", _COUNT, "How many points each geometry has at most.", default=None, is_plain=True),
        Parameter("total_count", _COUNT, "How many points there are at most in all.", default=None, is_plain=True),
        Parameter(
            "group",
            TRUTH,
            "Whether the points of a geometry stand together, as one `MultiPoint`; else each is a `Point` without an id.",
            default=True,
            is_plain=True,
        ),
        Parameter("seed", {"type": ["integer", "null"]}, "Where chance begins.", default=None, is_plain=True),
    ),
    returns=POINTS,
    returned="The vector cube with points in the place of the geometries.",
    work=Opaque(),
    kernel=_sample,
    exceptions={"CountMismatch": "The total is less than the number of geometries."},
    is_experimental=True,
)
