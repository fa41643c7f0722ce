"""`resample_cube_spatial`."""

from twinlake.processing.openeo.cubes import Cube
from twinlake.processing.openeo.json_schemas import RASTER
from twinlake.processing.openeo.kernels.pixels.resampling import reach_of, resample
from twinlake.processing.openeo.process import Keeps, Opaque, Parameter, Process, Reach
from twinlake.processing.openeo.processes.cubes.resample_spatial import METHOD, METHODS
from twinlake.processing.openeo.shapes.grids import read_grid


def _resample(data: Cube, target: Cube, method: str = "near") -> Cube:
    return resample(data, read_grid(target.dimensions), method)


def _reach(rows: slice, columns: slice, data: Cube, target: Cube, method: str = "near") -> Reach:
    return reach_of(data, read_grid(target.dimensions), rows, columns, method)


PROCESS = Process(
    id="resample_cube_spatial",
    version=3,
    summary="The pixels of another cube",
    description=(
        "Gives a cube the pixels of another one, in the coordinate reference system of that. Places of pixels are exact to a"
        " millionth of one, and the result is the same wherever a cube is cut."
    ),
    categories=("cubes", "reproject"),
    parameters=(
        Parameter("data", RASTER, "A raster cube."),
        Parameter("target", RASTER, "The cube whose pixels are taken; what is in them does not matter."),
        Parameter("method", METHOD, METHODS, default="near", is_plain=True),
    ),
    returns=RASTER,
    returned="The cube with the new pixels; other dimensions, and the names of all, are as before.",
    work=Opaque(),
    kernel=_resample,
    keeps=Keeps(),
    labels_only=frozenset({"target"}),
    reach=_reach,
)
