"""`mask_polygon`."""

from functools import lru_cache
from itertools import chain
from typing import Any

from shapely.geometry.base import BaseGeometry

from twinlake.core.documents import JsonObject
from twinlake.processing.openeo.cubes import Cube, read_vectors
from twinlake.processing.openeo.json_schemas import AREAS, GEOJSON, NUMBER, RASTER, TEXT, TRUTH
from twinlake.processing.openeo.kernels.pixels.masking import find_covered, replace_pixels
from twinlake.processing.openeo.process import Keeps, Opaque, Parameter, Process, Reach
from twinlake.processing.openeo.shapes.areas import read_pixels
from twinlake.processing.openeo.shapes.dimensions import Dimension, horizontal_of
from twinlake.processing.openeo.shapes.geometries import parts_near


def _mask(data: Cube, mask: Cube | JsonObject, replacement: Any = None, inside: bool = False) -> Cube:
    covered = find_covered(data, read_pixels(data.dimensions), _shapes(*horizontal_of(data.dimensions), read_vectors(mask)))
    return replace_pixels(data, covered if inside else ~covered, replacement)


def _reach(*, rows: slice, columns: slice, data: Cube, mask: Cube | JsonObject, replacement: Any, inside: bool) -> Reach:
    def compute(cube: Cube) -> Cube:
        pixels = read_pixels(data.dimensions)  # of the whole: edges are bent, and pixels found, as they are there
        covered = find_covered(cube, pixels, _shapes(*horizontal_of(data.dimensions), read_vectors(mask)), (rows, columns))
        return replace_pixels(cube, covered if inside else ~covered, replacement)

    return Reach(rows=rows, columns=columns, compute=compute)


@lru_cache(maxsize=2)
def _shapes(y: Dimension, x: Dimension, vectors: Dimension) -> list[BaseGeometry]:
    pixels = read_pixels((y, x))
    return list(chain(*parts_near(vectors, pixels.crs, within=pixels.outline, only_areas=True)))


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
    reach=_reach,
    keeps=Keeps(),
    labels_only=frozenset({"mask"}),
)
