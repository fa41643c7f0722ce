"""`create_data_cube`."""

from twinlake.processing.openeo.cubes import empty_cube
from twinlake.processing.openeo.json_schemas import CUBE
from twinlake.processing.openeo.process import Opaque, Process

PROCESS = Process(
    id="create_data_cube",
    summary="A cube without dimensions",
    description="Makes a cube without any dimension. Dimensions are added with `add_dimension`; its value is no-data.",
    categories=("cubes",),
    parameters=(),
    returns=CUBE,
    returned="The empty cube.",
    work=Opaque(),
    kernel=empty_cube,
)
