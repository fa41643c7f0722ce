"""`vector_buffer`."""

import shapely

from twinlake.processing.openeo.cubes import Cube
from twinlake.processing.openeo.json_schemas import VECTORS
from twinlake.processing.openeo.process import Opaque, Parameter, Process
from twinlake.processing.openeo.shapes.geometries import crs_of, find_geometries, read_shapes, require_metres, to_dimension
from twinlake.standards.openeo.errors import ProcessParameterInvalidError


def _buffer(geometries: Cube, distance: float) -> Cube:
    if distance == 0:
        raise ProcessParameterInvalidError("'distance' must be another number than 0.")
    number = find_geometries(geometries.dimensions)
    own = geometries.dimensions[number]
    require_metres(own)
    shapes = [shapely.buffer(each, distance) for each in read_shapes(own)]
    dimension = to_dimension(shapes, crs_of(own), name=own.name, features=own.features)
    return Cube(values=geometries.values, dimensions=geometries.with_dimension(number, dimension))


PROCESS = Process(
    id="vector_buffer",
    summary="Geometries made larger or smaller",
    description=(
        "Makes polygons of all places that are no farther from a geometry than a distance; a distance below 0 takes so much off"
        " polygons, of which some may become empty. Arcs have 16 vertices for each quarter of a circle."
    ),
    categories=("vector",),
    parameters=(
        Parameter("geometries", VECTORS, "A vector cube, in a reference system in metres."),
        Parameter("distance", {"type": "number", "not": {"const": 0}}, "The distance in metres.", is_plain=True),
    ),
    returns=VECTORS,
    returned="The vector cube with the new geometries; all else is as before.",
    work=Opaque(),
    kernel=_buffer,
    exceptions={"UnitMismatch": "The reference system of the geometries is not in metres."},
    is_experimental=True,
)
