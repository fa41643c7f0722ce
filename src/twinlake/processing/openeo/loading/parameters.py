"""What the processes that load by search have in common: their parameters, and that they are no computation."""

from typing import Any, NoReturn

from twinlake.processing.openeo.json_schemas import (
    ANYTHING,
    BAND_NAME,
    BOX,
    CUBE,
    DATE,
    DATE_TIME,
    GEOJSON,
    TRUTH,
    Schema,
    interval,
)
from twinlake.processing.openeo.process import REQUIRED, Parameter
from twinlake.standards.openeo.errors import ProcessError

_NONE: Schema = {"type": "null"}
_VECTORS: Schema = {**CUBE, "dimensions": [{"type": "geometry"}]}
_CONDITION: Schema = {
    "type": "object",
    "subtype": "process-graph",
    "parameters": [{"name": "value", "description": "What an item has there.", "schema": ANYTHING}],
    "returns": {"description": "Whether the item counts.", "schema": TRUTH},
}
_FILTERS: Schema = {"type": "object", "subtype": "metadata-filter", "additionalProperties": _CONDITION}
_BANDS: Schema = {"type": "array", "minItems": 1, "items": BAND_NAME}


def extents(*, default: Any, is_geojson_deprecated: bool) -> tuple[Parameter, Parameter]:
    """Return where and when data are wanted of.

    Parameters
    ----------
    default
        Of both; `REQUIRED` where they must be given.
    """
    geojson = GEOJSON if is_geojson_deprecated else {name: each for name, each in GEOJSON.items() if name != "deprecated"}
    return (
        Parameter(
            "spatial_extent",
            [BOX, geojson, _VECTORS, _NONE],
            "A box: pixels whose centre lies in it, or on its edge, are loaded. Or polygons, in GeoJSON: the cube is that of the"
            " box around them, and what lies in none of them has no data. null is everywhere.",
            default=default,
            is_plain=True,
        ),
        Parameter(
            "temporal_extent",
            [interval(DATE_TIME, DATE, uniqueItems=True), _NONE],
            "Start and end of an interval to which its start belongs and its end does not; one of them may be null. Times are"
            " those of the calendar of the data. null is always.",
            default=default,
            is_plain=True,
        ),
    )


BANDS = Parameter(
    "bands",
    [_BANDS, _NONE],
    "Names of bands, or common names such as `red`, in the order in which they are wanted. null is all.",
    default=None,
    is_plain=True,
)
PROPERTIES = Parameter(
    "properties",
    [_FILTERS, _NONE],
    "Conditions on the properties of items, such as `eo:cloud_cover`: all of them must be met. They are searched by, so they may"
    " use comparisons with constants, `and`, `or`, `not`, `array_contains` and the tests of texts. null is none.",
    default=None,
    is_plain=True,
)
EXTENTS = extents(default=None, is_geojson_deprecated=False)
REQUIRED_EXTENTS = extents(default=REQUIRED, is_geojson_deprecated=True)


def refuse_to_compute(**_: Any) -> NoReturn:
    """Say that nothing was loaded.

    Raises
    ------
    ProcessError
        Always: what is loaded is known before a graph is computed, by its node.
    """
    raise ProcessError(
        "NotLoaded", "Data are not loaded here: not within a callback, and not where a result is computed without them."
    )


OPTIONS = Parameter(
    "options", {"type": "object", "subtype": "input-format-options"}, "Options of the format.", default={}, is_plain=True
)


def format_of(what: str) -> Parameter:
    """Return the parameter that names the format of *what*."""
    return Parameter(
        "format", {"type": "string", "subtype": "input-format"}, f"Format of {what}, in whatever case.", is_plain=True
    )
