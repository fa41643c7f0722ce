"""`resample_spatial`."""

import math
from collections.abc import Sequence
from typing import Any

from twinlake.processing.openeo.cubes import Cube
from twinlake.processing.openeo.json_schemas import RASTER, Schema
from twinlake.processing.openeo.kernels.pixels.resampling import reach_of, resample
from twinlake.processing.openeo.process import Keeps, Opaque, Parameter, Process, Reach
from twinlake.processing.openeo.shapes.grids import Corner, Grid, lay_grid, read_grid
from twinlake.processing.openeo.shapes.projecting import describe_crs
from twinlake.standards.openeo.errors import ProcessParameterInvalidError

METHOD: Schema = {
    "type": "string",
    "enum": [
        "average",
        "bilinear",
        "cubic",
        "cubicspline",
        "lanczos",
        "max",
        "med",
        "min",
        "mode",
        "near",
        "q1",
        "q3",
        "rms",
        "sum",
    ],
}
CORNER: Schema = {"type": "string", "enum": ["lower-left", "upper-left", "lower-right", "upper-right"]}
METHODS = (
    "How pixels are made: the nearest one (`near`); a filter on the centre (`bilinear`, `cubic`, `cubicspline`, `lanczos`), wider"
    " where pixels become larger; of the pixels that lie in one, by the share of each, the mean (`average`), the root of the mean"
    " of squares (`rms`) or the `sum`; or one of these pixels: the least (`min`), the greatest (`max`), the median (`med`), the"
    " first and third quartile (`q1`, `q3`), and the one that covers most (`mode`). Pixels without data do not count."
)
"""Of both processes that resample."""


def _resample(data: Cube, *, method: str = "near", **options: Any) -> Cube:
    return resample(data, _target(data, **options), method)


def _reach(rows: slice, columns: slice, data: Cube, *, method: str = "near", **options: Any) -> Reach:
    return reach_of(data, _target(data, **options), rows, columns, method)


def _target(
    data: Cube,
    resolution: float | Sequence[float] = 0,
    projection: int | str | None = None,
    align: Corner = "upper-left",
) -> Grid:
    across, along = (resolution, resolution) if isinstance(resolution, int | float) else resolution
    if projection is None and not across and not along:
        raise ProcessParameterInvalidError("Give 'resolution' or 'projection', at least one.")
    if not (0 <= across < math.inf and 0 <= along < math.inf):
        raise ProcessParameterInvalidError("'resolution' is no finite number, or below 0.")
    source = read_grid(data.dimensions)
    crs = source.crs if projection is None else describe_crs(projection)
    return lay_grid(source, resolution=(across, along), crs=crs, align=align)


PROCESS = Process(
    id="resample_spatial",
    version=3,
    summary="Pixels of another size or projection",
    description=(
        "Gives a cube pixels of another size, or in another coordinate reference system. They begin in a corner of the box around"
        " the cube, and there are as many rows and columns as have their centre in it. Places of pixels are exact to a millionth"
        " of one, and the result is the same wherever a cube is cut. At least one of `resolution` and `projection` must be given."
    ),
    categories=("cubes", "reproject"),
    parameters=(
        Parameter("data", RASTER, "A raster cube."),
        Parameter(
            "resolution",
            [
                {"description": "Along x and y.", "type": "number", "minimum": 0},
                {
                    "description": "Along x, then along y.",
                    "type": "array",
                    "minItems": 2,
                    "maxItems": 2,
                    "items": {"type": "number", "minimum": 0},
                },
            ],
            (
                "The size of a pixel, in the unit of the target. 0 leaves it as it is; in another projection pixels become"
                " squares of the area that the one in the middle of the cube has there."
            ),
            default=0,
            is_plain=True,
        ),
        Parameter(
            "projection",
            [
                {"title": "EPSG code", "type": "integer", "subtype": "epsg-code", "minimum": 1000},
                {"title": "WKT2", "type": "string", "subtype": "wkt2-definition"},
                {"title": "As it is", "type": "null"},
            ],
            "The coordinate reference system of the result; null leaves it as it is.",
            default=None,
            is_plain=True,
        ),
        Parameter("method", METHOD, METHODS, default="near", is_plain=True),
        Parameter("align", CORNER, "The corner of the box in which pixels begin.", default="upper-left", is_plain=True),
    ),
    returns=RASTER,
    returned="The cube with the new pixels; other dimensions, and the names of all, are as before.",
    work=Opaque(),
    kernel=_resample,
    reach=_reach,
    keeps=Keeps(),
)
