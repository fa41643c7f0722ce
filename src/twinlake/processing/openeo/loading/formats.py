"""The formats of files that people send or name, with their options. Imports nothing that reads files."""

from collections.abc import Mapping
from typing import Any

from twinlake.core.documents import JsonObject
from twinlake.processing.openeo.json_schemas import Schema
from twinlake.standards.openeo.errors import ProcessError, ProcessParameterInvalidError

_PROPERTIES: Schema = {
    "type": ["array", "null"],
    "items": {"type": "string"},
    "description": "Properties, or columns, that become values of the cube; null for all that have single values.",
    "default": None,
}
_CRS: Schema = {"type": "integer", "description": "EPSG code of the reference system of coordinates.", "default": 4326}
_FORMATS: Mapping[str, tuple[str, str, list[str], Mapping[str, Schema]]] = {
    "GeoJSON": (
        "GeoJSON (RFC 7946)",
        "Features become labels of the dimension `geometries`, their properties values along `properties`.",
        ["vector"],
        {"properties": _PROPERTIES},
    ),
    "Parquet": (
        "GeoParquet 1.1, or Parquet",
        "Rows become labels of `geometries`, or of `rows` where there is no geometry; columns are values along `properties`.",
        ["vector", "table"],
        {"properties": _PROPERTIES},
    ),
    "CSV": (
        "Comma-separated values",
        (
            "Rows become labels of `geometries` where a column `geometry` or `wkt` has WKT, or two have coordinates (`x` and `y`,"
            " `lon` and `lat`, `longitude` and `latitude`), else of `rows`; other columns are values along `properties`."
        ),
        ["vector", "table"],
        {"properties": _PROPERTIES, "crs": _CRS},
    ),
    "GTiff": (
        "GeoTIFF",
        "One file, whose bands become the dimension `bands`; numbers that stand for no data are none, scales are applied.",
        ["raster"],
        {},
    ),
    "netCDF": (
        "NetCDF-4, or classic",
        (
            "Variables on a grid become the dimension `bands`, with times, intervals and calendar by CF along `t`, and other"
            " dimensions under their own names. Several files are of one grid; without any time there is no `t`."
        ),
        ["raster"],
        {},
    ),
}


def describe_inputs() -> JsonObject:
    """Return the formats as ``GET /file_formats`` lists them."""
    return {
        name: {"title": title, "description": description, "gis_data_types": holds, "parameters": dict(options)}
        for name, (title, description, holds, options) in _FORMATS.items()
    }


def read_format(name: str, options: Mapping[str, Any]) -> tuple[str, JsonObject]:
    """Return the name of a format as it is listed, and all of its options.

    Raises
    ------
    ProcessError
        ``FormatUnsuitable``: files of this format are not read.
    ProcessParameterInvalidError
        There is no such option, or its value is none.
    """
    found = next((each for each in _FORMATS if each.lower() == name.lower()), None)
    if found is None:
        raise ProcessError("FormatUnsuitable", f"Files of the format {name[:80]!r} are not read; there is {', '.join(_FORMATS)}.")
    own = _FORMATS[found][3]
    known = {each.lower(): each for each in own}
    read = {each: schema["default"] for each, schema in own.items()}
    for key, value in options.items():
        option = known.get(key.lower())
        if option is None:
            raise ProcessParameterInvalidError(f"{found} has no option {key[:80]!r}; it has {', '.join(own) or 'none'}.")
        is_right = type(value) is int if option == "crs" else value is None or _are_texts(value)
        if not is_right:
            raise ProcessParameterInvalidError(
                f"The option '{option}' of {found} has a wrong value: {own[option]['description']}"
            )
        read[option] = value
    return found, read


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)
