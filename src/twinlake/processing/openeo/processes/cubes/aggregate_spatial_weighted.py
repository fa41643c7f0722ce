"""`aggregate_spatial_weighted`."""

from collections.abc import Mapping
from typing import Any, get_args

from twinlake.core.documents import JsonObject
from twinlake.processing.openeo.cubes import Cube, read_vectors
from twinlake.processing.openeo.json_schemas import AREAS, GEOJSON, RASTER, TEXT_OR_NULL, VECTORS
from twinlake.processing.openeo.kernels.cells.numbers import require_numbers
from twinlake.processing.openeo.kernels.geometries.regions import cut, lay_along, layers_of, put_together, tell_of_outside
from twinlake.processing.openeo.kernels.geometries.zonal import Statistic, Weighting, find_window
from twinlake.processing.openeo.kernels.geometries.zones_in_parts import Weighted
from twinlake.processing.openeo.process import Keeps, Opaque, Parameter, Process
from twinlake.processing.openeo.shapes.dimensions import horizontal_of
from twinlake.processing.openeo.tools import Standing


def _aggregate(
    data: Cube,
    geometries: Cube | JsonObject,
    *,
    weights: Weighting,
    statistic: Statistic,
    target_dimension: str | None,
    standing: Standing,
) -> Cube:
    require_numbers("data", data.values)
    vectors = read_vectors(geometries)
    dimensions = tuple(lay_along(data.dimensions, vectors, target_dimension, ("value", "covered")))
    y, x = horizontal_of(data.dimensions)
    layers = layers_of(data)
    rows, columns = find_window(y, x, vectors, only_areas=True)  # refuses what cannot be aggregated
    tell_of_outside(standing.tools.report, (y, x), vectors)
    zones = Weighted(y=y, x=x, vectors=vectors, weighting=weights, statistic=statistic, tells_share=target_dimension is not None)
    if all(layers.data.shape[-2:]) and rows.stop and columns.stop:
        found = zones.finish(zones.begin(cut(layers, rows, columns), (rows, columns)))
    else:
        found = zones.nothing(layers.data.shape[:-2])
    return Cube(values=put_together(data.dimensions, *found), dimensions=dimensions)


def _keeps(given: Mapping[str, Any]) -> Keeps | None:
    """Tell that covered shares are of no quantity, and integrals of another one."""
    is_integral = given["statistic"] == "sum" and given["weights"] == "area"
    return None if given["target_dimension"] is not None or is_integral else Keeps(through="statistic", over="area")


PROCESS = Process(
    id="aggregate_spatial_weighted",
    version=3,
    summary="A statistic of polygons by covered shares",
    description=(
        "Makes one number of the pixels that a polygon covers, wholly or in part, in each layer of the other dimensions. A pixel"
        " counts by the share of it that is covered, or by that share times its area on the ellipsoid, so that the sum is an"
        " integral over square metres. Pixels without data do not count. Cells of a grid of degrees end at the poles, and"
        " polygons meet it wherever its longitudes begin. This process is one of Twinlake's own,"
        " which clients call by its name. For instance the means of countries, which are GeoJSON:"
        ' `process("aggregate_spatial_weighted", data=cube, geometries=countries, weights="area")`.'
    ),
    categories=("cubes", "aggregate"),
    parameters=(
        Parameter("data", RASTER, "A raster cube of numbers."),
        Parameter("geometries", [AREAS, GEOJSON], "Polygons: a vector cube, or GeoJSON.", is_plain=True),
        Parameter(
            "weights",
            {"type": "string", "enum": [each for each in get_args(Weighting) if each != "centres"]},
            "What a pixel counts: the covered share (`coverage`), or that times its area in square metres (`area`).",
            default="coverage",
            is_plain=True,
        ),
        Parameter(
            "statistic",
            {"type": "string", "enum": list(get_args(Statistic))},
            (
                "The weighted `sum` or `mean`; the `variance` around that mean, divided by the sum of weights; or the `min` or"
                " `max` of all pixels that are covered at all."
            ),
            default="mean",
            is_plain=True,
        ),
        Parameter(
            "target_dimension",
            TEXT_OR_NULL,
            (
                "A new dimension for the `value` and the share of the polygon that lies in pixels with data (`covered`, 0 to 1)."
                " What lies beyond the grid is not covered: it is a share of areas on the ellipsoid where these are the weights"
                " and the polygons are in degrees, else of those in the plane of their CRS."
            ),
            default=None,
            is_plain=True,
        ),
    ),
    returns=VECTORS,
    returned="A vector cube of 64-bit numbers: the polygons, with what their features say, are in the place of the pixels.",
    work=Opaque(),
    kernel=_aggregate,
    needs_standing=True,
    keeps=_keeps,
    exceptions={"TargetDimensionExists": "The cube has a dimension of this name already."},
    is_experimental=True,
)
