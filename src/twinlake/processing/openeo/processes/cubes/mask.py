"""`mask`."""

from typing import Any

import numpy as np

from twinlake.processing.openeo.cubes import Cube
from twinlake.processing.openeo.json_schemas import RASTER
from twinlake.processing.openeo.kernels.cells.assembling import put
from twinlake.processing.openeo.process import Keeps, Opaque, Parameter, Process
from twinlake.standards.openeo.errors import ProcessError, ProcessParameterInvalidError


def _mask(data: Cube, mask: Cube, replacement: Any = None) -> Cube:
    if mask.values.data.dtype.kind not in "biuf":
        raise ProcessParameterInvalidError("The mask has something other than numbers and truths.")
    try:
        laid = mask.aligned_with(data.dimensions).laid_along(data.dimensions)
    except ProcessParameterInvalidError as error:
        raise ProcessError("IncompatibleDataCubes", f"{error.message} Filter or resample the cube or the mask before.") from error
    # Where the mask has no data, nothing is masked.
    is_masked = (laid.data != 0) & laid.where()
    if data.values.data.size == 0:
        is_masked = np.zeros((1,) * len(data.dimensions), dtype=bool)
    return Cube(values=put(data.values, is_masked, replacement), dimensions=data.dimensions)


PROCESS = Process(
    id="mask",
    summary="Replaces what a mask says",
    description=(
        "Replaces the values where a mask is true, or a number other than zero. Where the mask has no data, the values stay. A"
        " mask may lack dimensions of the cube, and counts for each of their labels then."
    ),
    categories=("cubes", "masks"),
    parameters=(
        Parameter("data", RASTER, "A raster cube."),
        Parameter(
            "mask",
            RASTER,
            "A cube of truths or numbers with the labels of the first cube; it may have more pixels, and fewer dimensions.",
        ),
        Parameter(
            "replacement",
            {"type": ["number", "boolean", "string", "null"]},
            "What is put in place; null is no-data.",
            default=None,
            is_plain=True,
        ),
    ),
    returns=RASTER,
    returned="The cube with the replaced values; its dimensions are as before.",
    work=Opaque(),
    kernel=_mask,
    keeps=Keeps(),
    exceptions={"IncompatibleDataCubes": "The mask has a dimension, or labels, that the cube does not have."},
)
