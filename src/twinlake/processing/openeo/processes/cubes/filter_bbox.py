"""`filter_bbox`."""

from twinlake.core.documents import JsonObject
from twinlake.processing.openeo.cubes import Cube
from twinlake.processing.openeo.json_schemas import BOX, RASTER_OR_VECTORS
from twinlake.processing.openeo.process import Opaque, Parameter, Process
from twinlake.processing.openeo.shapes.areas import find_in_box, read_pixels
from twinlake.processing.openeo.shapes.dimensions import find_horizontal


def _filter(data: Cube, extent: JsonObject) -> Cube:
    y, x = find_horizontal(data.dimensions)
    rows, columns = find_in_box(read_pixels(data.dimensions), extent)
    base, height = extent.get("base"), extent.get("height")
    for number, each in enumerate(data.dimensions):
        if each.axis == "z" and (base is not None or height is not None):
            z = each.coordinates()
            inside = [(base is None or level >= base) and (height is None or level <= height) for level in z]
            data = data.take(number, [place for place, is_inside in enumerate(inside) if is_inside])
    return data.take(y, rows).take(x, columns)


PROCESS = Process(
    id="filter_bbox",
    summary="Keeps what lies in a box",
    description=(
        "Keeps the rows and columns of pixels whose centres lie in a box, or on its edge. The edges of a box in another CRS are"
        " taken over into that of the cube, and the box around them counts. A west beyond the east crosses the antimeridian."
        " Longitudes may be counted from -180 or from 0."
    ),
    categories=("cubes", "filter"),
    parameters=(
        Parameter("data", RASTER_OR_VECTORS, "A raster cube."),
        Parameter("extent", BOX, "The box; `base` and `height` are in the unit of the vertical dimension.", is_plain=True),
    ),
    returns=RASTER_OR_VECTORS,
    returned="The cube with the pixels in the box.",
    work=Opaque(),
    kernel=_filter,
)
