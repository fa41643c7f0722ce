"""`filter_spatial`."""

from itertools import chain

import numpy as np

from twinlake.core.documents import JsonObject
from twinlake.processing.openeo.cubes import Cube, read_vectors
from twinlake.processing.openeo.json_schemas import GEOJSON, RASTER, VECTORS
from twinlake.processing.openeo.kernels.pixels.masking import find_covered, replace_pixels
from twinlake.processing.openeo.process import Opaque, Parameter, Process
from twinlake.processing.openeo.shapes.areas import enclose, read_pixels
from twinlake.processing.openeo.shapes.dimensions import find_horizontal
from twinlake.processing.openeo.shapes.geometries import parts_near


def _filter(data: Cube, geometries: Cube | JsonObject) -> Cube:
    y, x = find_horizontal(data.dimensions)
    pixels = read_pixels(data.dimensions)
    shapes = list(chain(*parts_near(read_vectors(geometries), pixels.crs, within=pixels.outline)))
    rows, columns = enclose(pixels, shapes)
    covered, cut = find_covered(data, shapes), data.take(y, rows).take(x, columns)
    return replace_pixels(cut, ~covered[np.ix_(rows, columns)] if covered.size else covered, None)


PROCESS = Process(
    id="filter_spatial",
    summary="Keeps what lies in geometries",
    description=(
        "Keeps the pixels that belong to geometries: of polygons those whose centre lies in one, or on its edge, of points the"
        " closest, of lines those that are the closest to a place on one. The cube is cut to the box around the geometries; other"
        " pixels in it become no-data."
    ),
    categories=("cubes", "filter"),
    parameters=(
        Parameter("data", RASTER, "A raster cube."),
        Parameter(
            "geometries",
            [VECTORS, GEOJSON],
            "A vector cube; or GeoJSON: a geometry, a feature or a collection of features, but no `GeometryCollection`.",
            is_plain=True,
        ),
    ),
    returns=RASTER,
    returned="The cube with the pixels of the geometries.",
    work=Opaque(),
    kernel=_filter,
)
