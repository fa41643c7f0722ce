"""`vector_reproject`."""

from twinlake.processing.openeo.cubes import Cube
from twinlake.processing.openeo.json_schemas import TEXT_OR_NULL, VECTORS
from twinlake.processing.openeo.process import Opaque, Parameter, Process
from twinlake.processing.openeo.shapes.dimensions import find_kind
from twinlake.processing.openeo.shapes.geometries import crs_of, read_shapes, to_dimension
from twinlake.processing.openeo.shapes.projecting import describe_crs, move
from twinlake.standards.openeo.errors import ProcessError, ProcessParameterInvalidError


def _reproject(data: Cube, projection: int | str, dimension: str | None = None) -> Cube:
    found = find_kind(data.dimensions, "geometry")
    if not found:
        raise ProcessParameterInvalidError("The cube is no vector cube: it has no dimension of geometries.")
    if dimension is not None:
        place = data.place(dimension)
        if place not in found:
            raise ProcessError("DimensionNotAvailable", f"Dimension {dimension!r} has no geometries.")
        found = [place]
    crs, dimensions = describe_crs(projection), list(data.dimensions)
    for number in found:
        own = dimensions[number]
        shapes = move(read_shapes(own), crs_of(own), crs)
        dimensions[number] = to_dimension(shapes, crs, name=own.name, features=own.features)
    return Cube(values=data.values, dimensions=tuple(dimensions))


PROCESS = Process(
    id="vector_reproject",
    summary="Geometries in another reference system",
    description=(
        "Takes geometries over into another coordinate reference system, vertex by vertex: edges are straight there as they were"
        " before."
    ),
    categories=("cubes", "reproject", "vector"),
    parameters=(
        Parameter("data", VECTORS, "A vector cube."),
        Parameter(
            "projection",
            [
                {"type": "integer", "subtype": "epsg-code", "minimum": 1000},
                {"type": "string", "subtype": "wkt2-definition"},
            ],
            "The reference system: EPSG code or WKT2.",
            is_plain=True,
        ),
        Parameter(
            "dimension", TEXT_OR_NULL, "The dimension of the geometries; null is all that have some.", default=None, is_plain=True
        ),
    ),
    returns=VECTORS,
    returned="The vector cube with the geometries there; all else is as before.",
    work=Opaque(),
    kernel=_reproject,
    exceptions={"DimensionNotAvailable": "The cube has no dimension of geometries of this name."},
    is_experimental=True,
)
