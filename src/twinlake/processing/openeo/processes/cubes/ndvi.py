"""`ndvi`."""

from dataclasses import replace

import msgspec
import numpy as np

from twinlake.processing.openeo.cubes import Cube
from twinlake.processing.openeo.json_schemas import BAND_NAME, BANDED, RASTER, Schema
from twinlake.processing.openeo.kernels.cells.assembling import assemble
from twinlake.processing.openeo.kernels.cells.numbers import as_float, pointwise, require_numbers
from twinlake.processing.openeo.process import Keeps, Opaque, Parameter, Process
from twinlake.processing.openeo.shapes.bands import find_bands
from twinlake.processing.openeo.shapes.dimensions import Dimension, find_kind
from twinlake.processing.openeo.shapes.quantities import Quantity
from twinlake.processing.openeo.values import Values
from twinlake.standards.openeo.errors import ProcessError

_PIXELS: Schema = {**RASTER, "dimensions": [*RASTER["dimensions"], *BANDED["dimensions"]]}
_NDVI = Quantity(unit="1", standard_name="normalized_difference_vegetation_index")
_difference = pointwise(lambda nir, red: (nir - red) / (nir + red))


def _ndvi(data: Cube, nir: str = "nir", red: str = "red", target_band: str | None = None) -> Cube:
    numbers = find_kind(data.dimensions, "bands")
    if len(numbers) != 1:
        raise ProcessError("DimensionAmbiguous", f"The cube has {len(numbers) or 'no'} dimensions of bands, and must have one.")
    number = numbers[0]
    own, bands = data.dimensions[number], data.array_along(number)
    require_numbers("data", data.values)
    places = (_find(own, nir, "NirBandAmbiguous"), _find(own, red, "RedBandAmbiguous"))
    values = _difference(**dict(zip(("nir", "red"), [_as_float(bands.element(place)) for place in places], strict=True)))
    if target_band is None:
        return Cube(values=values, dimensions=data.without(number))
    if target_band in own.labels:
        raise ProcessError("BandExists", f"There is a band {target_band!r} already.")
    count, index = len(own.labels), (slice(None),) * number
    shape = [count + 1 if axis == number else size for axis, size in enumerate(data.values.data.shape)]
    parts = [((*index, slice(0, count)), data.values), ((*index, count), values)]
    return Cube(values=assemble(tuple(shape), parts), dimensions=data.with_dimension(number, _with_band(own, target_band)))


def _find(bands: Dimension, name: str, reason: str) -> int:
    found = find_bands(bands, name)
    if len(found) != 1:
        raise ProcessError(
            reason, f"{len(found) or 'No'} bands are called {name!r}; there is: {', '.join(map(str, bands.labels))}."
        )
    return found[0]


def _as_float(values: Values) -> Values:
    """Return numbers as floats, which the difference of unsigned integers needs."""
    return replace(values, data=as_float(np.atleast_1d(values.data)).reshape(values.data.shape))


def _with_band(bands: Dimension, name: str) -> Dimension:
    return msgspec.structs.replace(
        bands,
        labels=(*bands.labels, name),
        common_names=None if bands.common_names is None else (*bands.common_names, None),
        wavelengths=None if bands.wavelengths is None else (*bands.wavelengths, None),
        quantities=(*(bands.quantities or [None] * len(bands.labels)), _NDVI),
        is_enumerated=False,
    )


PROCESS = Process(
    id="ndvi",
    summary="Normalized difference vegetation index",
    description=(
        "The index `(nir - red) / (nir + red)` of near infrared and red: high over green plants. The dimension of bands is gone"
        " afterwards, unless the index becomes a band of its own."
    ),
    categories=("cubes", "math > indices", "vegetation indices"),
    parameters=(
        Parameter("data", _PIXELS, "A raster cube with one dimension of bands."),
        Parameter("nir", BAND_NAME, "The band of near infrared: its name, or a common name.", default="nir", is_plain=True),
        Parameter("red", BAND_NAME, "The band of red: its name, or a common name.", default="red", is_plain=True),
        Parameter(
            "target_band",
            [{"type": "string", "pattern": r"^\w+$"}, {"type": "null"}],
            "What the band of the index is called, which is added to the others; null leaves the index alone.",
            default=None,
            is_plain=True,
        ),
    ),
    returns=RASTER,
    returned="The cube with the index.",
    work=Opaque(),
    kernel=_ndvi,
    keeps=lambda given: None if given["target_band"] is None else Keeps(),
    exceptions={
        "NirBandAmbiguous": "There is no band of near infrared, or several.",
        "RedBandAmbiguous": "There is no band of red, or several.",
        "DimensionAmbiguous": "The cube has no dimension of bands, or several.",
        "BandExists": "There is a band of this name already.",
    },
)
