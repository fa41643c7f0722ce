"""`filter_spatial`."""

from functools import lru_cache
from itertools import chain

import numpy as np
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from twinlake.core.documents import JsonObject
from twinlake.processing.openeo.cubes import Cube, read_vectors
from twinlake.processing.openeo.json_schemas import GEOJSON, RASTER, VECTORS
from twinlake.processing.openeo.kernels.pixels.masking import find_covered, replace_pixels
from twinlake.processing.openeo.process import Keeps, Opaque, Parameter, Process, Reach
from twinlake.processing.openeo.shapes.areas import enclose, read_pixels
from twinlake.processing.openeo.shapes.dimensions import Dimension, find_horizontal, horizontal_of
from twinlake.processing.openeo.shapes.geometries import parts_near


def _filter(data: Cube, geometries: Cube | JsonObject) -> Cube:
    y, x = find_horizontal(data.dimensions)
    shapes, rows, columns = _find(*horizontal_of(data.dimensions), read_vectors(geometries))
    covered, cut = find_covered(data, read_pixels(data.dimensions), shapes), data.take(y, rows).take(x, columns)
    return replace_pixels(cut, ~covered[np.ix_(rows, columns)] if covered.size else covered, None)


def _reach(rows: slice, columns: slice, data: Cube, geometries: Cube | JsonObject) -> Reach:
    shapes, *places = _find(*horizontal_of(data.dimensions), read_vectors(geometries))
    kept_rows, kept_columns = (np.array(kept, dtype=np.intp)[part] for kept, part in zip(places, (rows, columns), strict=True))
    own_rows, own_columns = _hull(kept_rows), _hull(kept_columns)

    def compute(cube: Cube) -> Cube:
        y, x = find_horizontal(cube.dimensions)
        kept = kept_rows - own_rows.start, kept_columns - own_columns.start
        # By the pixels of the whole: edges are bent, and the closest pixels found, as they are there.
        covered = find_covered(cube, read_pixels(data.dimensions), shapes, (own_rows, own_columns))
        return replace_pixels(cube.take(y, kept[0].tolist()).take(x, kept[1].tolist()), ~covered[np.ix_(*kept)], None)

    return Reach(rows=own_rows, columns=own_columns, compute=compute)


@lru_cache(maxsize=2)
def _find(y: Dimension, x: Dimension, vectors: Dimension) -> tuple[list[BaseGeometry], list[int], list[int]]:
    """Return the geometries in the CRS of the cube, and which rows and columns are kept."""
    pixels = read_pixels((y, x))
    shapes = list(chain(*parts_near(vectors, pixels.crs, within=pixels.outline)))
    return (shapes, *enclose(pixels, shapes))


def _hull(places: NDArray[np.intp]) -> slice:
    return slice(int(places[0]), int(places[-1]) + 1) if places.size else slice(0, 0)


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
    reach=_reach,
    keeps=Keeps(),
    labels_only=frozenset({"geometries"}),
)
