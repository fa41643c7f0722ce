"""`filter_bbox`."""

from twinlake.core.documents import JsonObject
from twinlake.processing.openeo.cubes import Cube
from twinlake.processing.openeo.json_schemas import BOX, RASTER_OR_VECTORS
from twinlake.processing.openeo.process import Keeps, Opaque, Parameter, Process
from twinlake.processing.openeo.shapes.areas import find_in_box, find_vectors_in_box, order_columns, read_pixels, take_columns
from twinlake.processing.openeo.shapes.dimensions import find_horizontal, find_kind


def _filter(data: Cube, extent: JsonObject) -> Cube:
    if vectors := find_kind(data.dimensions, "geometry"):
        for number in vectors:
            data = data.take(number, find_vectors_in_box(data.dimensions[number], extent))
        return data
    y, x = find_horizontal(data.dimensions)
    pixels = read_pixels(data.dimensions)
    rows, columns = find_in_box(pixels, extent)
    columns = order_columns(pixels, columns)
    base, height = extent.get("base"), extent.get("height")
    for number, each in enumerate(data.dimensions):
        if each.axis == "z" and (base is not None or height is not None):
            z = each.coordinates()
            inside = [(base is None or level >= base) and (height is None or level <= height) for level in z]
            data = data.take(number, [place for place, is_inside in enumerate(inside) if is_inside])
    made = data.take(y, rows).take(x, columns)
    return Cube(values=made.values, dimensions=made.with_dimension(x, take_columns(data.dimensions[x], columns)))


PROCESS = Process(
    id="filter_bbox",
    version=2,
    summary="Keeps what lies in a box",
    description=(
        "Keeps the rows and columns of pixels whose centres lie in a box, or on its edge. The edges of a box in another CRS are"
        " taken over into that of the cube, and the box around them counts. A west beyond the east crosses the antimeridian."
        " Longitudes may be counted from -180 or from 0; over the seam of a grid all around the Earth they run on. Of a vector"
        " cube those geometries are kept that lie within the box."
    ),
    categories=("cubes", "filter"),
    parameters=(
        Parameter("data", RASTER_OR_VECTORS, "A raster or vector cube."),
        Parameter("extent", BOX, "The box; `base` and `height` are in the unit of the vertical dimension.", is_plain=True),
    ),
    returns=RASTER_OR_VECTORS,
    returned="The cube with the pixels, or geometries, in the box.",
    work=Opaque(),
    kernel=_filter,
    keeps=Keeps(),
)
