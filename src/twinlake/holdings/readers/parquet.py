"""Parquet and GeoParquet, read in batches; row groups are judged by their metadata first."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import shapely
from shapely.errors import ShapelyError

from twinlake.core.documents import JsonObject
from twinlake.holdings.readers import footprints
from twinlake.holdings.readers.crs import code_of, projection_fields, read_crs, to_degrees
from twinlake.holdings.readers.description import PROJECTION, TABLE, Description, Footprint
from twinlake.holdings.readers.errors import ForeignReferenceError, TooLargeToReadError, UnreadableFileError
from twinlake.holdings.readers.formats import PARQUET
from twinlake.holdings.readers.hints import Hints
from twinlake.holdings.readers.json_stream import parse
from twinlake.holdings.readers.limits import MAX_HEADER_BYTES
from twinlake.holdings.readers.tables import Extents, check_columns, describe_columns

_BATCH_ROWS = 16_384
_MAX_ROW_GROUP_BYTES = 4 * 2**30
_MAX_DRAWN = 20_000
_REMEDY = "Write it again, for instance with geopandas or DuckDB, and send it whole."


@contextmanager
def open_parquet(path: Path) -> Iterator[pq.ParquetFile]:
    """Open the Parquet file at *path*; errors of Arrow while it is used are raised as `UnreadableFileError`.

    Raises
    ------
    UnreadableFileError
        It is damaged, encrypted, points at other files, or has row groups that are too large.
    """
    try:
        with pq.ParquetFile(
            path,
            thrift_string_size_limit=MAX_HEADER_BYTES,
            thrift_container_size_limit=10_000_000,
            page_checksum_verification=True,
            pre_buffer=False,
        ) as file:
            _check(file.metadata)
            yield file
    except (pa.ArrowException, OSError) as error:
        raise UnreadableFileError(f"The Parquet file cannot be read: {str(error)[:200]}.", _REMEDY) from error


def _check(metadata: Any) -> None:
    check_columns(metadata.num_columns)
    if metadata.serialized_size > MAX_HEADER_BYTES:
        raise TooLargeToReadError("The metadata of the Parquet file is too large.", "Write it with larger row groups.")
    for index in range(metadata.num_row_groups):
        group = metadata.row_group(index)
        if group.total_byte_size > _MAX_ROW_GROUP_BYTES:
            raise TooLargeToReadError(
                f"A row group unfolds to more than {_MAX_ROW_GROUP_BYTES // 2**30} GiB.", "Write it with smaller row groups."
            )
        if any(group.column(column).file_path for column in range(group.num_columns)):
            raise ForeignReferenceError("The Parquet file keeps its columns in other files.")


def describe(path: Path, hints: Hints) -> Description:
    """Describe the Parquet or GeoParquet file at *path*."""
    with open_parquet(path) as file:
        geo = find_geometry(file.schema_arrow)
        extents = Extents.of(_plain_columns(file.schema_arrow), hints)
        bounds = _Bounds()
        wanted = _wanted(extents, geo)
        for batch in file.iter_batches(_BATCH_ROWS, columns=wanted) if wanted else ():
            extents.add(batch)
            if geo is not None:
                bounds.add(batch.column(geo.name))
        asset: JsonObject = {**describe_columns(file.schema_arrow), "table:row_count": file.metadata.num_rows}
        extensions = {TABLE}
        if geo is not None:
            asset |= {"table:primary_geometry": geo.name, **projection_fields(geo.crs)}
            extensions.add(PROJECTION)
        return Description(
            format="parquet",
            media_type=PARQUET.media_type,
            footprint=_footprint(bounds, geo, extents),
            time=extents.time(),
            asset=asset,
            extensions=frozenset(extensions),
        )


class GeoColumn:
    """The primary geometry of a GeoParquet file (specification 1.1)."""

    def __init__(self, name: str, definition: JsonObject) -> None:
        self.name = name
        if str(definition.get("encoding", "WKB")).upper() != "WKB":
            raise UnreadableFileError("The geometry of the GeoParquet file is not encoded as WKB.", "Write it with encoding WKB.")
        self.crs = read_crs(definition["crs"]) if definition.get("crs") else read_crs("OGC:CRS84")


def find_geometry(schema: pa.Schema) -> GeoColumn | None:
    """Return the primary geometry of a schema; None of a plain table.

    Raises
    ------
    UnreadableFileError
        The metadata contradict the columns, or the geometry has another encoding than WKB.
    """
    raw = (schema.metadata or {}).get(b"geo")
    if raw is None:
        return None
    document = parse(raw)
    name = document.get("primary_column") if isinstance(document, dict) else None
    columns = document.get("columns") if isinstance(document, dict) else None
    if not isinstance(name, str) or not isinstance(columns, dict) or name not in schema.names:
        raise UnreadableFileError("The GeoParquet metadata contradicts the columns.", _REMEDY)
    definition = columns.get(name)
    return GeoColumn(name, definition if isinstance(definition, dict) else {})


def _plain_columns(schema: pa.Schema) -> list[str]:
    """Return the columns of single values, by which rows may have a place and a time."""
    return [each.name for each in schema if not (pa.types.is_nested(each.type) or pa.types.is_binary(each.type))]


def _wanted(extents: Extents, geo: GeoColumn | None) -> list[str]:
    if geo is not None:
        extents.longitude = extents.latitude = None
    names = [*extents.time_columns, extents.longitude, extents.latitude, geo.name if geo is not None else None]
    return [name for name in dict.fromkeys(names) if name is not None]


class _Bounds:
    """The extent of geometries seen so far."""

    def __init__(self) -> None:
        self.known: tuple[float, float, float, float] | None = None

    def add(self, column: pa.Array) -> None:
        """Take in a batch of WKB."""
        bounds = shapely.total_bounds(read_wkb(column))
        if not np.isfinite(bounds).all():
            return
        west, south, east, north = (float(each) for each in bounds)
        if self.known is not None:
            west, south = min(west, self.known[0]), min(south, self.known[1])
            east, north = max(east, self.known[2]), max(north, self.known[3])
        self.known = (west, south, east, north)


def read_wkb(column: pa.Array) -> Any:
    """Return the shapely geometries of a column of WKB; missing ones are None."""
    try:
        return shapely.from_wkb(column.to_numpy(zero_copy_only=False))
    except (ShapelyError, TypeError) as error:
        raise UnreadableFileError(f"A geometry of the GeoParquet file is broken: {str(error)[:100]}.", _REMEDY) from None


def _footprint(bounds: _Bounds, geo: GeoColumn | None, extents: Extents) -> Footprint | None:
    if geo is None or bounds.known is None or extents.hints.bbox:
        return extents.footprint()
    if code_of(geo.crs) in {"OGC:CRS84", "EPSG:4326"}:
        return footprints.extent(*bounds.known)
    return footprints.extent(*to_degrees(geo.crs).transform_bounds(*bounds.known, densify_pts=21))


def geometries(path: Path) -> list[Any]:
    """Return the first geometries of the GeoParquet file at *path*, in degrees, to be drawn; none of a plain table."""
    with open_parquet(path) as file:
        geo = find_geometry(file.schema_arrow)
        if geo is None:
            return []
        drawn: list[Any] = []
        for batch in file.iter_batches(_BATCH_ROWS, columns=[geo.name]):
            drawn.extend(each for each in read_wkb(batch.column(0)) if each is not None)
            if len(drawn) >= _MAX_DRAWN:
                break
    if geo.crs.is_geographic:
        return drawn
    transform = to_degrees(geo.crs).transform
    return [shapely.transform(each, lambda xy: np.column_stack(transform(xy[:, 0], xy[:, 1]))) for each in drawn]
