"""`vector_to_regular_points`."""

from twinlake.processing.openeo.cubes import Cube
from twinlake.processing.openeo.json_schemas import POINTS, TRUTH, VECTORS
from twinlake.processing.openeo.kernels.geometries.sampling import replace_by_points, spread_points
from twinlake.processing.openeo.process import Opaque, Parameter, Process
from twinlake.processing.openeo.shapes.geometries import find_geometries, read_shapes, require_metres
from twinlake.standards.openeo.errors import ProcessParameterInvalidError


def _sample(data: Cube, distance: float, *, group: bool = True) -> Cube:
    if not distance > 0:
        raise ProcessParameterInvalidError("'distance' must be more than 0.")
    own = data.dimensions[find_geometries(data.dimensions)]
    require_metres(own)
    return replace_by_points(data, [spread_points(each, distance) for each in read_shapes(own)], group=group)


PROCESS = Process(
    id="vector_to_regular_points",
    summary="Regular points of geometries",
    description=(
        "Puts points on geometries, a distance apart. Of polygons they are centres of square cells, the first of which lies in"
        " the upper left corner, as far as they lie within; or else the first vertex. Of lines they are the beginning and steps"
        " along the line. Points stay as they are, and so do empty geometries."
    ),
    categories=("cubes", "vector"),
    parameters=(
        Parameter("data", VECTORS, "A vector cube, in a reference system in metres."),
        Parameter("distance", {"type": "number", "minimumExclusive": 0}, "The distance in metres.", is_plain=True),
        Parameter(
            "group",
            TRUTH,
            "Whether the points of a geometry stand together, as one `MultiPoint`; else each is a `Point` without an id.",
            default=True,
            is_plain=True,
        ),
    ),
    returns=POINTS,
    returned="The vector cube with points in the place of the geometries.",
    work=Opaque(),
    kernel=_sample,
    exceptions={"UnitMismatch": "The reference system of the geometries is not in metres."},
    is_experimental=True,
)
