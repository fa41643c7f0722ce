"""`mask_polygon`."""

from itertools import chain
from typing import Any

from twinlake.core.documents import JsonObject
from twinlake.processing.openeo.cubes import Cube, read_vectors
from twinlake.processing.openeo.json_schemas import AREAS, GEOJSON, NUMBER, RASTER, TEXT, TRUTH
from twinlake.processing.openeo.kernels.pixels.masking import find_covered, replace_pixels
from twinlake.processing.openeo.process import Opaque, Parameter, Process
from twinlake.processing.openeo.shapes.areas import read_pixels
from twinlake.processing.openeo.shapes.geometries import parts_near


def _mask(data: Cube, mask: Cube | JsonObject, replacement: Any = None, inside: bool = False) -> Cube:
    pixels = read_pixels(data.dimensions)
    shapes = list(chain(*parts_near(read_vectors(mask), pixels.crs, within=pixels.outline, only_areas=True)))
    covered = find_covered(data, shapes)
    return replace_pixels(data, covered if inside else ~covered, replacement)


PROCESS = Process(
    id="mask_polygon",
    summary="Replaces what lies outside of polygons",
    description=(
        "Replaces the pixels whose centre lies in no polygon, nor on an edge; or, where `inside` is true, all others."
        " What is no data stays so."
    ),
    categories=("cubes", "masks"),
    parameters=(
        Parameter("data", RASTER, "A raster cube."),
        Parameter(
            "mask",
            [AREAS, GEOJSON],
            "Polygons: a vector cube, or GeoJSON, as geometry, feature or collection of features. Empty ones count for nothing.",
            is_plain=True,
        ),
        Parameter(
            "replacement",
            [NUMBER, {"type": "boolean"}, TEXT, {"type": "null"}],
            "What is put in place; null is no-data.",
            default=None,
            is_plain=True,
        ),
        Parameter("inside", TRUTH, "Whether the pixels in the polygons are replaced.", default=False, is_plain=True),
    ),
    returns=RASTER,
    returned="The cube with the replaced pixels; its dimensions are as before.",
    work=Opaque(),
    kernel=_mask,
)
