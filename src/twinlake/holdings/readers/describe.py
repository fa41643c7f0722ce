"""From a file to its description, and to its picture: the one place that knows which reader reads what."""

import hashlib
from dataclasses import replace
from pathlib import Path

import orjson
import shapely

from twinlake.core.documents import JsonObject
from twinlake.holdings.readers import csv_table, cube_pictures, cubes, geojson, geotiff, parquet
from twinlake.holdings.readers.description import FILE, Description
from twinlake.holdings.readers.errors import UnreadableFileError
from twinlake.holdings.readers.formats import CSV, CSV_GZIP, HDF5, NETCDF_CLASSIC, Format, detect, open_regular
from twinlake.holdings.readers.hints import NO_HINTS, Hints
from twinlake.holdings.readers.pictures import Canvas, Layer, outline_picture

_SHA256_MULTIHASH = "1220"
"""Prefix of a SHA-256 as a multihash: code 0x12, 0x20 bytes (https://multiformats.io/multihash)."""


def describe(path: Path, *, hints: Hints = NO_HINTS) -> Description:
    """Read the data file or Zarr store at *path*, as far as needed to say what it holds.

    Raises
    ------
    UnreadableFileError
        It is damaged, lies about itself, points elsewhere, is too large to read, or of no format that is taken in.
    RecipeNeededError
        It lacks something that a recipe can state.
    """
    found = read_format(path, hints)
    match found.name:
        case "geotiff":
            geotiff.check_whole(path)
            described = geotiff.describe(path, hints)
        case "netcdf-classic" | "hdf5" | "zarr":
            described = cubes.describe(path, found, hints)
        case "geojson" | "geojson-lines":
            described = geojson.describe(path, found, hints)
        case "parquet":
            described = parquet.describe(path, hints)
        case "csv":
            described = csv_table.describe(path, found, hints)
        case _:
            raise UnreadableFileError("This is a STAC document, not data.", "Send it as a document, without a reader.")
    return _with_file_fields(path, described)


def read_format(path: Path, hints: Hints) -> Format:
    """Return the format at *path*, or the one that a recipe forces.

    Raises
    ------
    UnreadableFileError
        The recipe's reader cannot read what is there.
    """
    if hints.reader == "csv":
        with open_regular(path) as file:
            return CSV_GZIP if file.read(2) == b"\x1f\x8b" else CSV
    found = detect(path)
    if hints.reader is None:
        return found
    if hints.reader == "parquet" and found.name == "stac-geoparquet":
        return Format("parquet", found.media_type)
    if hints.reader == "geojson" and found.name in {"stac-item", "stac-items", "stac-lines"}:
        return Format("geojson-lines" if found.name == "stac-lines" else "geojson", "application/geo+json")
    if hints.reader == "netcdf" and found in {NETCDF_CLASSIC, HDF5}:
        return found
    if hints.reader != found.name.removesuffix("-lines"):
        raise UnreadableFileError(f"The recipe says {hints.reader!r}, but the file is {found.name!r}.", "Correct the recipe.")
    return found


def _with_file_fields(path: Path, described: Description) -> Description:
    """Add ``file:size`` and ``file:checksum``; those of a directory are its manifest's."""
    fields = manifest_fields(described.members) if described.members else file_fields(path)
    return replace(described, asset={**described.asset, **fields}, extensions=described.extensions | {FILE})


def file_fields(path: Path) -> JsonObject:
    """Return ``file:size`` and ``file:checksum`` (file extension 2.1.0) of the file at *path*."""
    with open_regular(path) as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return {"file:size": file.tell(), "file:checksum": _SHA256_MULTIHASH + digest}


def manifest_fields(members: tuple[JsonObject, ...]) -> JsonObject:
    """Return ``file:size`` of all *members* together, and ``file:checksum`` of the manifest as `write_manifest` writes it."""
    digest = hashlib.sha256(write_manifest(members)).hexdigest()
    return {"file:size": sum(each["size"] for each in members), "file:checksum": _SHA256_MULTIHASH + digest}


def write_manifest(members: tuple[JsonObject, ...]) -> bytes:
    """Write the manifest of a directory asset: JSON, ``{"members": [{"path", "sha256", "size"}, …]}``, sorted by path."""
    return orjson.dumps({"members": list(members)}, option=orjson.OPT_SORT_KEYS)


def thumbnail(path: Path, described: Description, *, hints: Hints = NO_HINTS) -> bytes | None:
    """Draw the file at *path* as WebP of at most 256 pixels: every grid, and places as outlines; None without a place.

    Raises
    ------
    UnreadableFileError
        As `describe`.
    """
    canvas = _draw(path, read_format(path, hints), hints)
    if canvas is None and described.footprint is not None and described.footprint.geometry["type"] == "MultiPoint":
        canvas = outline_picture(shapely.geometry.shape(described.footprint.geometry))
    return canvas.to_webp() if canvas is not None else None


def _draw(path: Path, found: Format, hints: Hints) -> Canvas | None:
    match found.name:
        case "geotiff":
            return geotiff.picture(path, hints)
        case "netcdf-classic" | "hdf5" | "zarr":
            return cube_pictures.picture(path, found, hints)
        case "geojson" | "geojson-lines":
            return _outline(geojson.geometries(path, found, hints))
        case "parquet":
            return _outline(parquet.geometries(path))
        case _:
            return None


def _outline(geometries: list[shapely.Geometry]) -> Canvas | None:
    return outline_picture(shapely.GeometryCollection(geometries)) if geometries else None


def read_layer(path: Path, *, hints: Hints = NO_HINTS) -> Layer | None:
    """Return a thinned layer of the grid at *path*, north up, and where it is valid; None if it is no grid on axes.

    Raises
    ------
    UnreadableFileError
        As `describe`.
    """
    found = read_format(path, hints)
    if found.name == "geotiff":
        return geotiff.read_layer(path, hints)
    if found.name in {"netcdf-classic", "hdf5", "zarr"}:
        return cube_pictures.read_layer(path, found, hints)
    return None
