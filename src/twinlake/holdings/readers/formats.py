"""Which format a file has, told by its content; the name only helps with texts."""

import gzip
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO, cast

from twinlake.holdings.readers.errors import ForeignReferenceError, UnreadableFileError
from twinlake.holdings.readers.json_stream import JsonStream, parse
from twinlake.holdings.readers.limits import MAX_DOCUMENT_BYTES

_HEAD_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class Format:
    """A format that readers take."""

    name: str
    media_type: str
    documents: bool = False
    """Whether the file holds STAC documents instead of data."""


GEOTIFF = Format("geotiff", "image/tiff; application=geotiff")
COG = Format("geotiff", "image/tiff; application=geotiff; profile=cloud-optimized")
NETCDF_CLASSIC = Format("netcdf-classic", "application/netcdf")
HDF5 = Format("hdf5", "application/netcdf")
ZARR_V2 = Format("zarr", "application/vnd.zarr; version=2")
ZARR_V3 = Format("zarr", "application/vnd.zarr; version=3")
GEOJSON = Format("geojson", "application/geo+json")
GEOJSON_LINES = Format("geojson-lines", "application/geo+json-seq")
PARQUET = Format("parquet", "application/vnd.apache.parquet")
CSV = Format("csv", "text/csv")
CSV_GZIP = Format("csv", "application/gzip")
STAC_ITEM = Format("stac-item", "application/geo+json", documents=True)
STAC_COLLECTION = Format("stac-collection", "application/json", documents=True)
STAC_ITEMS = Format("stac-items", "application/geo+json", documents=True)
STAC_LINES = Format("stac-lines", "application/x-ndjson", documents=True)
STAC_GEOPARQUET = Format("stac-geoparquet", "application/vnd.apache.parquet", documents=True)

READERS = ("geotiff", "netcdf", "zarr", "geojson", "parquet", "csv")
"""What a recipe may force with ``reader``."""

_SIGNATURES: tuple[tuple[bytes, Format], ...] = (
    (b"II*\x00", GEOTIFF),
    (b"MM\x00*", GEOTIFF),
    (b"II+\x00", GEOTIFF),
    (b"MM\x00+", GEOTIFF),
    (b"CDF\x01", NETCDF_CLASSIC),
    (b"CDF\x02", NETCDF_CLASSIC),
    (b"CDF\x05", NETCDF_CLASSIC),
    (b"\x89HDF\r\n\x1a\n", HDF5),
)

_CONVERT_RASTER = "Convert it to a cloud-optimized GeoTIFF: gdal_translate -of COG IN OUT.tif"
_CONVERT_VECTOR = "Convert it to GeoParquet or GeoJSON: ogr2ogr OUT.geojson IN"
_OTHERS: tuple[tuple[bytes, str, str], ...] = (
    (b"GRIB", "GRIB is not taken in yet", "Convert it to NetCDF: grib_to_netcdf -o OUT.nc IN"),
    (b"BUFR", "BUFR is not taken in yet", "Write its observations as CSV, Parquet or NetCDF."),
    (b"\x00\x00\x00\x0cjP", "JPEG 2000 is not taken in", _CONVERT_RASTER),
    (b"\xff\x4f\xff\x51", "JPEG 2000 is not taken in", _CONVERT_RASTER),
    (b"\x00\x00\x27\x0a", "Shapefiles are not taken in", _CONVERT_VECTOR),
    (b"SQLite format 3\x00", "GeoPackage and SQLite are not taken in", _CONVERT_VECTOR),
    (b"\x0e\x03\x13\x01", "HDF4 is not taken in", "Convert it to NetCDF or HDF5, for instance with h4toh5."),
    (b"PK\x03\x04", "Archives are not unpacked", "Unpack it and send the files in it."),
    (b"PK\x05\x06", "Archives are not unpacked", "Unpack it and send the files in it."),
    (b"7z\xbc\xaf", "Archives are not unpacked", "Unpack it and send the files in it."),
    (b"\xfd7zXZ", "Archives are not unpacked", "Unpack it and send the files in it."),
    (b"BZh", "Archives are not unpacked", "Unpack it and send the files in it."),
    (b"\x28\xb5\x2f\xfd", "Archives are not unpacked", "Unpack it and send the files in it."),
    (b"\x89PNG", "Pictures without a place on the Earth are not taken in", "Send a GeoTIFF."),
    (b"\xff\xd8\xff", "Pictures without a place on the Earth are not taken in", "Send a GeoTIFF."),
    (b"GIF8", "Pictures without a place on the Earth are not taken in", "Send a GeoTIFF."),
    (b"%PDF", "PDF holds no data that is taken in", "Send the data the document was made of."),
)
_BULLETINS = (b"GRIB", b"BUFR")
"""Signatures that may stand behind the heading of a WMO bulletin."""
_BULLETIN_BYTES = 100
_SUPPORTED = "Send GeoTIFF, NetCDF, Zarr, GeoJSON, GeoParquet, CSV or STAC documents."


def detect(path: Path) -> Format:
    """Tell the format of the file or directory at *path*.

    Raises
    ------
    UnreadableFileError
        It is empty, a link, a device, or of no format that is taken in.
    """
    if path.is_symlink():
        raise ForeignReferenceError("A symbolic link is not taken in.", "Send the file that it points to.")
    if path.is_dir():
        return _detect_directory(path)
    with open_regular(path) as file:
        head = file.read(_HEAD_BYTES)
        if not head:
            raise UnreadableFileError("The file is empty.", "Send it again whole.")
        for signature, found in _SIGNATURES:
            if head.startswith(signature):
                return found
        for signature, reason, remedy in _OTHERS:
            if head.startswith(signature) or (signature in _BULLETINS and signature in head[:_BULLETIN_BYTES]):
                raise UnreadableFileError(f"{reason}.", remedy)
        if head.startswith(b"PAR1"):
            return _detect_parquet(path)
        if head.startswith(b"\x1f\x8b"):
            return _detect_gzip(head)
        return _detect_text(file, head)


def open_regular(path: Path) -> BufferedReader:
    """Open the regular file at *path* for reading; the last part of the path must not be a link.

    Raises
    ------
    UnreadableFileError
        It is a link, a device, a socket or a directory.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise UnreadableFileError(f"The file cannot be opened: {error.strerror}.", "Send a regular file.") from None
    file = os.fdopen(descriptor, "rb")
    if not path.is_file():
        file.close()
        raise UnreadableFileError("This is not a regular file.", "Send a regular file.")
    return file


def _detect_directory(path: Path) -> Format:
    if (path / "zarr.json").is_file():
        return ZARR_V3
    if any((path / name).is_file() for name in (".zgroup", ".zarray", ".zmetadata")):
        return ZARR_V2
    raise UnreadableFileError("The directory is no Zarr store: it has neither zarr.json nor .zgroup.", _SUPPORTED)


_STAC_COLUMNS = frozenset({"type", "stac_version", "id", "geometry", "assets", "links"})
"""Columns by which a table is known as stac-geoparquet."""


def _detect_parquet(path: Path) -> Format:
    import pyarrow.parquet as pq
    from pyarrow import ArrowException

    try:
        names = set(pq.read_schema(path).names)
    except (ArrowException, OSError):
        return PARQUET
    return STAC_GEOPARQUET if names >= _STAC_COLUMNS else PARQUET


def _detect_gzip(head: bytes) -> Format:
    """Look at the first bytes inside: only delimited text is taken in compressed."""
    try:
        inner = zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(head, _HEAD_BYTES)
    except zlib.error as error:
        raise UnreadableFileError(f"The gzip file is damaged: {error}.", "Compress it again and send it whole.") from None
    if inner.lstrip()[:1] in {b"{", b"[", b"<"} or not _is_delimited(inner):
        raise UnreadableFileError("Only CSV is taken in compressed by gzip.", "Unpack it and send the file in it.")
    return CSV_GZIP


def _detect_text(file: BinaryIO, head: bytes) -> Format:
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if text.startswith(b"{"):
        file.seek(0)
        return _detect_json(file)
    if text.startswith(b"["):
        raise UnreadableFileError(
            "A JSON array is neither GeoJSON nor STAC.", "Write one document per line, or a FeatureCollection."
        )
    if text.startswith(b"<"):
        raise _markup_error(text[:2000])
    if _is_delimited(text):
        return CSV
    raise UnreadableFileError("This format is not taken in.", _SUPPORTED)


def _markup_error(text: bytes) -> UnreadableFileError:
    if b"<VRTDataset" in text or b"<OGRVRT" in text or b"<GDALTileIndex" in text or b"<WCS_GDAL" in text or b"<GDAL_WMS" in text:
        return ForeignReferenceError("The file is a virtual dataset that points at other files or URLs.")
    return UnreadableFileError("XML is not taken in.", _SUPPORTED)


def _is_delimited(head: bytes) -> bool:
    """Tell whether *head* begins a table: text, with the same delimiter in the first lines."""
    if b"\x00" in head:
        return False
    lines = [line for line in head.splitlines()[:50] if line.strip() and not line.startswith(b"#")]
    whole = len(lines) > 1 or (bool(lines) and len(head) > _HEAD_BYTES // 2)
    return whole and any(all(mark in line for line in lines[:2]) for mark in (b",", b";", b"\t", b"|"))


def _detect_json(file: BinaryIO) -> Format:
    """Tell GeoJSON from STAC by the members of the document, or of the first line where each line is one."""
    first = file.readline(MAX_DOCUMENT_BYTES)
    if first.strip().endswith(b"}") and file.read(_HEAD_BYTES).lstrip().startswith(b"{"):
        document = parse(first)
        return STAC_LINES if _is_stac_item(set(document), document.get("type")) else GEOJSON_LINES
    file.seek(0)
    return _classify(JsonStream(file))


def _is_stac_item(names: set[str], kind: object) -> bool:
    return kind == "Feature" and ("stac_version" in names or {"assets", "links", "id"} <= names)


def _classify(stream: JsonStream) -> Format:
    names: set[str] = set()
    kind: object = None
    stac_features = False
    for name, text in stream.members():
        names.add(name)
        if name == "type" and text is not None:
            kind = parse(text)
        elif name == "features" and text is None:
            stac_features = _first_feature_is_stac(stream)
    if kind == "FeatureCollection":
        return STAC_ITEMS if stac_features else GEOJSON
    if _is_stac_item(names, kind):
        return STAC_ITEM
    if kind == "Collection" or {"stac_version", "extent", "license"} <= names:
        return STAC_COLLECTION
    if kind in {"Feature", *_GEOMETRIES}:
        return GEOJSON
    raise _json_error(names, kind)


def _json_error(names: set[str], kind: object) -> UnreadableFileError:
    if {"refs", "version"} <= names:
        return ForeignReferenceError("The file is a kerchunk reference: it points at other files or URLs.")
    if kind == "Catalog" or ("stac_version" in names and kind is None):
        return UnreadableFileError("A STAC catalog holds no items of its own.", "Send its items and collections.")
    if kind == "Topology":
        return UnreadableFileError("TopoJSON is not taken in.", _CONVERT_VECTOR)
    return UnreadableFileError("The JSON is neither GeoJSON nor STAC.", _SUPPORTED)


_GEOMETRIES = {"Point", "MultiPoint", "LineString", "MultiLineString", "Polygon", "MultiPolygon", "GeometryCollection"}


def _first_feature_is_stac(stream: JsonStream) -> bool:
    found = False
    for index, text in enumerate(stream.elements()):
        if index == 0:
            feature = parse(text)
            found = isinstance(feature, dict) and _is_stac_item(set(feature), feature.get("type"))
    return found


@contextmanager
def open_text(path: Path) -> Iterator[BinaryIO]:
    """Open the CSV at *path*, unpacking gzip as it is read."""
    with open_regular(path) as file:
        packed = file.read(2) == b"\x1f\x8b"
        file.seek(0)
        if packed:
            with gzip.GzipFile(fileobj=file, mode="rb") as unpacked:
                yield cast("BinaryIO", unpacked)
        else:
            yield file
