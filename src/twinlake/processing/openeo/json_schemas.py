"""JSON schemas that many processes share."""

from typing import Any

Schema = dict[str, Any]

ANYTHING: Schema = {"description": "Any data type is allowed."}
NUMBER: Schema = {"type": "number"}
NUMBER_OR_NULL: Schema = {"type": ["number", "null"]}
INTEGER: Schema = {"type": "integer"}
TRUTH: Schema = {"type": "boolean"}
TRUTH_OR_NULL: Schema = {"type": ["boolean", "null"]}
TEXT: Schema = {"type": "string"}
TEXT_OR_NULL: Schema = {"type": ["string", "null"]}
SCALAR_OR_NULL: Schema = {"type": ["number", "boolean", "string", "null"]}
DATE: Schema = {"type": "string", "format": "date", "subtype": "date"}
DATE_TIME: Schema = {"type": "string", "format": "date-time", "subtype": "date-time"}
TIME: Schema = {"type": "string", "subtype": "time", "pattern": r"^\d{2}:\d{2}:\d{2}$"}
UNIT: Schema = {"type": "string", "enum": ["millisecond", "second", "minute", "hour", "day", "week", "month", "year"]}
PLACE: Schema = {"type": "integer", "minimum": 0}
NUMBERS: Schema = {"type": "array", "items": NUMBER_OR_NULL}
TRUTHS: Schema = {"type": "array", "items": TRUTH_OR_NULL}
LABEL: list[Schema] = [NUMBER, TEXT]
LABEL_OR_NULL: list[Schema] = [NUMBER, TEXT, {"type": "null"}]
CUBE: Schema = {"type": "object", "subtype": "datacube"}
RASTER: Schema = {**CUBE, "dimensions": [{"type": "spatial", "axis": ["x", "y"]}]}
TIMED: Schema = {**CUBE, "dimensions": [{"type": "temporal"}]}
BANDED: Schema = {**CUBE, "dimensions": [{"type": "bands"}]}
VECTORS: Schema = {**CUBE, "dimensions": [{"type": "geometry"}]}
AREAS: Schema = {**CUBE, "dimensions": [{"type": "geometry", "geometry_type": ["Polygon", "MultiPolygon"]}]}
POINTS: Schema = {**CUBE, "dimensions": [{"type": "geometry", "geometry_type": ["Point", "MultiPoint"]}]}
RASTER_OR_VECTORS: list[Schema] = [RASTER, VECTORS]
BAND_NAME: Schema = {"type": "string", "subtype": "band-name"}
LABELED: Schema = {"type": "array", "subtype": "labeled-array", "items": ANYTHING}
ARRAY: Schema = {"type": "array", "items": ANYTHING}
SORTABLE: Schema = {"type": "array", "items": {"anyOf": [NUMBER, {"type": "null"}, DATE_TIME, DATE]}}
GEOJSON: Schema = {"type": "object", "subtype": "geojson", "deprecated": True}
_HEIGHT: Schema = {"type": ["number", "null"], "default": None}
BOX: Schema = {
    "type": "object",
    "subtype": "bounding-box",
    "required": ["west", "south", "east", "north"],
    "properties": {
        "west": NUMBER,
        "south": NUMBER,
        "east": NUMBER,
        "north": NUMBER,
        "base": _HEIGHT,
        "height": _HEIGHT,
        "crs": {
            "anyOf": [
                {"type": "integer", "subtype": "epsg-code", "minimum": 1000},
                {"type": "string", "subtype": "wkt2-definition"},
            ],
            "default": 4326,
        },
    },
}


def callback(*parameters: dict[str, Any], returns: Schema | list[Schema]) -> Schema:
    """Return the schema of a process graph that is given *parameters* and returns what *returns* describes."""
    return {
        "type": "object",
        "subtype": "process-graph",
        "parameters": list(parameters),
        "returns": {"description": "What takes its place.", "schema": returns},
    }


def interval(*bounds: Schema, **more: Any) -> Schema:
    """Return the schema of an interval of time between two of *bounds*; null is without end."""
    bound = {"anyOf": [*bounds, {"type": "null"}]}
    return {"type": "array", "subtype": "temporal-interval", **more, "minItems": 2, "maxItems": 2, "items": bound}


def passed(name: str, description: str, schema: Schema | list[Schema] = ANYTHING, **default: Any) -> dict[str, Any]:
    """Return a parameter of a callback; with a *default* it need not be used."""
    given: dict[str, Any] = {"optional": True, **default} if default else {}
    return {"name": name, "description": description, "schema": schema, **given}
