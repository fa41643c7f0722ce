"""`filter_bands`."""

from collections.abc import Sequence

from twinlake.processing.openeo.cubes import Cube
from twinlake.processing.openeo.json_schemas import BAND_NAME, BANDED, NUMBER
from twinlake.processing.openeo.process import Keeps, Opaque, Parameter, Process
from twinlake.processing.openeo.shapes.bands import find_bands, find_wavelengths
from twinlake.processing.openeo.shapes.dimensions import find_kind
from twinlake.standards.openeo.errors import ProcessError


def _filter(data: Cube, bands: Sequence[str] = (), wavelengths: Sequence[Sequence[float]] = ()) -> Cube:
    if not bands and not wavelengths:
        raise ProcessError("BandFilterParameterMissing", "Say which bands stay, in 'bands' or in 'wavelengths'.")
    numbers = find_kind(data.dimensions, "bands")
    if len(numbers) != 1:
        raise ProcessError("DimensionMissing", f"The cube has {len(numbers) or 'no'} dimensions of bands, and must have one.")
    own = data.dimensions[numbers[0]]
    named = [place for name in bands for place in find_bands(own, name)]
    ranged = [place for shortest, longest in wavelengths for place in find_wavelengths(own, shortest, longest)]
    # Each band once, where it is first asked for.
    return data.take(numbers[0], list(dict.fromkeys([*named, *ranged])))


PROCESS = Process(
    id="filter_bands",
    summary="Keeps bands by name or wavelength",
    description=(
        "Keeps the bands that are named, or whose wavelength is in one of the ranges, in the order in which they are asked for. A"
        " name is that of a band, or else a common name, such as `red`, which several bands may have. Names that no band has are"
        " passed over."
    ),
    categories=("cubes", "filter"),
    parameters=(
        Parameter("data", BANDED, "A cube with one dimension of bands."),
        Parameter("bands", {"type": "array", "items": BAND_NAME}, "Names of bands, or common names.", default=[], is_plain=True),
        Parameter(
            "wavelengths",
            {"type": "array", "items": {"type": "array", "minItems": 2, "maxItems": 2, "items": NUMBER}},
            "Ranges in micrometres: shortest and longest wavelength, between which the centre of a band lies.",
            default=[],
            is_plain=True,
        ),
    ),
    returns=BANDED,
    returned="The cube with these bands.",
    work=Opaque(),
    kernel=_filter,
    keeps=Keeps(),
    exceptions={
        "BandFilterParameterMissing": "It is not said which bands stay.",
        "DimensionMissing": "The cube has no dimension of bands, or several.",
    },
)
