"""The formats of files by the names that clients know, with their options. Imports nothing that reads or writes files.

Names and values of options are taken in any case; there are no aliases, as openEO wants it (API 1.2, ``/file_formats``).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal

import fastjsonschema

from twinlake.core.documents import JsonObject
from twinlake.processing.openeo.json_schemas import Schema
from twinlake.standards.openeo.errors import ProcessParameterInvalidError

Holding = Literal["raster", "vector", "table", "other"]
_OTHER_NAMES = {
    "geotiff": "GTiff", "tif": "GTiff", "tiff": "GTiff", "nc": "netCDF", "netcdf4": "netCDF", "geoparquet": "Parquet",
    "geo+json": "GeoJSON", "text/csv": "CSV", "zarr3": "Zarr",
}  # fmt: skip
"""What users may call a format otherwise: they are told how it is called here."""


Writing = Literal["packed", "digits", "rows"]
"""As they are in memory, packed; in digits; or so with their labels beside each."""
_WRITING: Mapping[str, Writing] = {".csv": "rows", ".geojson": "rows", ".json": "digits"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """One format."""

    name: str
    title: str
    description: str
    """How cubes become files."""
    holds: tuple[Holding, ...]
    options: Mapping[str, Schema] = field(default_factory=dict)
    """Of writing: JSON schemas by name, each with its default."""
    media_type: str
    suffix: str

    @property
    def writing(self) -> Writing:
        """How numbers are written."""
        return _WRITING.get(self.suffix, "packed")

    def count_outlines(self, values: int) -> int:
        """Return how often it writes a geometry that has so many *values*."""
        return {".csv": 0, ".geojson": values}.get(self.suffix, 1)

    def describe(self) -> JsonObject:
        """Return it as ``GET /file_formats`` lists it."""
        return {
            "title": self.title,
            "description": self.description,
            "gis_data_types": list(self.holds),
            "parameters": dict(self.options),
        }

    def read_options(self, given: Mapping[str, Any]) -> JsonObject:
        """Return all options, those that are not *given* as they are by default.

        Raises
        ------
        ProcessParameterInvalidError
            There is no such option, or its value is none.
        """
        own = {name.lower(): name for name in self.options}
        options = {name: schema["default"] for name, schema in self.options.items()}
        for key, value in given.items():
            name = own.get(key.lower())
            if name is None:
                there = ", ".join(self.options)
                raise ProcessParameterInvalidError(f"{self.name} has no option {key[:80]!r}; it has {there}.")
            options[name] = _read_option(self, name, value)
        return options


def find_format(name: str) -> Format:
    """Return the format called so, in whatever case.

    Raises
    ------
    ProcessParameterInvalidError
        There is none.
    """
    found = _FORMATS.get(name.lower())
    if found is None:
        right = _OTHER_NAMES.get(name.lower())
        remedy = f"It is called {right} here." if right else f"There is {', '.join(each.name for each in list_formats())}."
        raise ProcessParameterInvalidError(f"There is no format {name[:80]!r}. {remedy}")
    return found


def list_formats() -> Iterator[Format]:
    """Yield all formats in which results can be had."""
    yield from _FORMATS.values()


def _read_option(format_: Format, name: str, value: Any) -> Any:
    schema = format_.options[name]
    for allowed in schema.get("enum", ()):
        if isinstance(value, str) and isinstance(allowed, str) and value.lower() == allowed.lower():
            return allowed
    try:
        _checker(format_.name, name)(value)
    except fastjsonschema.JsonSchemaValueException as error:
        reason = str(error.message).replace("data", "it", 1)
        raise ProcessParameterInvalidError(f"The option '{name}' of {format_.name}: {reason}.") from None
    return value


@cache
def _checker(format_name: str, option: str) -> Any:
    schema = {key: value for key, value in find_format(format_name).options[option].items() if key != "default"}
    return fastjsonschema.compile(schema, use_formats=False)


_PREFIX: Schema = {
    "type": "string",
    "description": "What the names of files begin with; empty for the usual name.",
    "pattern": r"\A[A-Za-z0-9][A-Za-z0-9._-]{0,99}\Z|\A\Z",
    "default": "",
}
_TIFF_OPTIONS: Mapping[str, Schema] = {
    "compress": {
        "type": "string",
        "description": "How pixels are packed, always without loss.",
        "enum": ["DEFLATE", "ZSTD", "LZW", "NONE"],
        "default": "DEFLATE",
    },
    "predictor": {
        "type": "boolean",
        "description": "Whether pixels are packed as what they differ from their neighbours by.",
        "default": True,
    },
    "overviews": {"type": "boolean", "description": "Whether there are smaller versions of the image.", "default": True},
    "overview_resampling": {
        "type": "string",
        "description": "What a pixel of an overview is made of; `nearest` never makes a value that is not there.",
        "enum": ["nearest", "average", "bilinear", "cubic", "mode", "rms"],
        "default": "nearest",
    },
    "blocksize": {
        "type": "integer",
        "description": "Width and height of a block, in pixels.",
        "enum": [128, 256, 512, 1024],
        "default": 512,
    },
    "filename_prefix": _PREFIX,
}
_TIFF_LAYOUT = (
    "One file for each label in time, which stands in its name, with all bands. The grid must be regular. No data is NaN, or a"
    " number that is nowhere else; truths become 0 and 1."
)
_COLOUR = {"type": "string", "pattern": r"\A#(?:[0-9a-fA-F]{6}|[0-9a-fA-F]{8})\Z"}
_FORMATS: Mapping[str, Format] = {
    each.name.lower(): each
    for each in (
        Format(
            name="GTiff",
            title="GeoTIFF",
            description=f"{_TIFF_LAYOUT} Files are cloud-optimized.",
            holds=("raster",),
            options=_TIFF_OPTIONS,
            media_type="image/tiff; application=geotiff; profile=cloud-optimized",
            suffix=".tif",
        ),
        Format(
            name="COG",
            title="Cloud-optimized GeoTIFF",
            description=_TIFF_LAYOUT,
            holds=("raster",),
            options=_TIFF_OPTIONS,
            media_type="image/tiff; application=geotiff; profile=cloud-optimized",
            suffix=".tif",
        ),
        Format(
            name="netCDF",
            title="netCDF 4 (CF 1.11)",
            description=(
                "One file with a variable for each band, or one with a dimension of bands; times are in their calendar and have"
                " the bounds of the intervals that they stand for."
            ),
            holds=("raster", "vector", "table"),
            options={
                "bands": {
                    "type": "string",
                    "description": "Whether bands become variables or stay a dimension.",
                    "enum": ["variables", "dimension"],
                    "default": "variables",
                },
                "zlevel": {
                    "type": "integer",
                    "description": "How hard to pack with deflate; 0 for not at all.",
                    "minimum": 0,
                    "maximum": 9,
                    "default": 4,
                },
                "filename_prefix": _PREFIX,
            },
            media_type="application/x-netcdf",
            suffix=".nc",
        ),
        Format(
            name="Zarr",
            title="Zarr 3, sharded",
            description=(
                "One store with an array of all cells, one of what is valid where that is not told by NaN, and coordinates."
                " It keeps everything of a cube: what reads it gets the same cube."
            ),
            holds=("raster", "vector", "table", "other"),
            options={"filename_prefix": _PREFIX},
            media_type="application/vnd.zarr; version=3",
            suffix=".zarr",
        ),
        Format(
            name="Parquet",
            title="GeoParquet 1.1",
            description="One row for each geometry and label in time, with a column for each band or property.",
            holds=("vector", "table", "raster"),
            options={
                "compression": {
                    "type": "string",
                    "description": "How columns are packed.",
                    "enum": ["ZSTD", "SNAPPY", "GZIP", "NONE"],
                    "default": "ZSTD",
                },
                "filename_prefix": _PREFIX,
            },
            media_type="application/vnd.apache.parquet",
            suffix=".parquet",
        ),
        Format(
            name="GeoJSON",
            title="GeoJSON (RFC 7946)",
            description="One feature for each geometry and label in time, in WGS 84, with a property for each band or property.",
            holds=("vector",),
            options={
                "coordinate_precision": {
                    "type": "integer",
                    "description": "Decimals of degrees.",
                    "minimum": 0,
                    "maximum": 15,
                    "default": 7,
                },
                "filename_prefix": _PREFIX,
            },
            media_type="application/geo+json",
            suffix=".geojson",
        ),
        Format(
            name="CSV",
            title="Comma-separated values",
            description=(
                "One row for each label of all dimensions but bands or properties, which are columns: `date`, `feature_index`,"
                " ids and properties of the features, then the bands."
            ),
            holds=("vector", "table", "raster"),
            options={"filename_prefix": _PREFIX},
            media_type="text/csv; charset=utf-8; header=present",
            suffix=".csv",
        ),
        Format(
            name="JSON",
            title="JSON",
            description="One value or an array; a cube as an object of the type `datacube` with dimensions and nested lists.",
            holds=("raster", "vector", "table", "other"),
            options={"filename_prefix": _PREFIX},
            media_type="application/json",
            suffix=".json",
        ),
        Format(
            name="PNG",
            title="PNG",
            description=(
                "One picture for each label in time, of one band in grey or colours of a palette, or of three or four as red,"
                " green, blue and opacity; where there is no data it is transparent."
            ),
            holds=("raster",),
            options={
                "minimum": {
                    "type": ["number", "null"],
                    "description": "What is darkest; null for the 2nd percentile.",
                    "default": None,
                },
                "maximum": {
                    "type": ["number", "null"],
                    "description": "What is brightest; null for the 98th percentile.",
                    "default": None,
                },
                "palette": {
                    "type": ["array", "null"],
                    "description": "Colours from the minimum to the maximum, as `#rrggbb` or `#rrggbbaa`, for one band.",
                    "items": _COLOUR,
                    "minItems": 2,
                    "maxItems": 256,
                    "default": None,
                },
                "filename_prefix": _PREFIX,
            },
            media_type="image/png",
            suffix=".png",
        ),
    )
}
