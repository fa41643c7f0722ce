"""Tables as Parquet, those with geometries as GeoParquet.

Source: GeoParquet 1.1.0
"""

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import shapely

from twinlake.core.documents import JsonObject
from twinlake.holdings.readers.crs import projection_fields, read_crs
from twinlake.processing.openeo.cubes import Cube
from twinlake.processing.openeo.formats.csv_text import describe_columns, row_count
from twinlake.processing.openeo.formats.facts import WrittenFile
from twinlake.processing.openeo.formats.geometries import read_geometries
from twinlake.processing.openeo.formats.order import Order
from twinlake.processing.openeo.formats.stac import find_extent
from twinlake.processing.openeo.formats.tables import Column, to_table
from twinlake.processing.openeo.formats.texts import to_texts
from twinlake.processing.openeo.shapes.dimensions import Dimension
from twinlake.processing.openeo.shapes.projecting import DEGREES
from twinlake.processing.openeo.shapes.times import DAY, day_number, parse_time
from twinlake.standards.openeo.errors import ProcessParameterInvalidError

_VERSION = "1.1.0"
_EPOCH = day_number(1970, 1, 1) * DAY
_FIRST, _LAST = day_number(1, 1, 1) * DAY, day_number(10_000, 1, 1) * DAY
"""Times that Python, and so most programs, can tell."""


def write_parquet(cube: Cube, order: Order) -> Iterator[WrittenFile]:
    """Write a cube; geometries, in their own reference system, stand in the column ``geometry``."""
    table = to_table(cube)
    names = [each.name for each in table.columns]
    arrays = [_to_labels(each) for each in table.labels] + [_to_values(each) for each in (*table.properties, *table.values)]
    units = {each.name: each.unit for each in table.columns if each.unit is not None}
    metadata: JsonObject = order.facts.embedded()
    fields: JsonObject = {"table:columns": describe_columns(table), **row_count(table)}
    places = table.geometries
    if places is not None and places.dimension is not None:
        column = "geometry"
        while column in names:
            column += "_"
        shapes = np.array(read_geometries(places.dimension), dtype=object)
        binary = shapely.to_wkb(shapes)
        names.append(column)
        arrays.append(pa.array(binary[places.values], type=pa.binary()))
        metadata["geo"] = json.dumps(_describe(column, shapes, places.dimension))
        fields |= {"table:primary_geometry": column, **projection_fields(read_crs(_crs(places.dimension)))}
        fields["table:columns"].append({"name": column, "type": "binary"})
    path = order.path()
    fields_of = [
        pa.field(name, each.type, metadata=_tell_unit(units.get(name))) for name, each in zip(names, arrays, strict=True)
    ]
    schema = pa.schema(fields_of, metadata=metadata)
    pq.write_table(pa.Table.from_arrays(arrays, schema=schema), path, compression=order.options["compression"])
    yield order.written(path, find_extent(cube.dimensions), fields)


def _describe(column: str, shapes: "np.ndarray[Any, Any]", dimension: Dimension) -> JsonObject:
    kinds = {f"{each.geom_type}{' Z' if each.has_z else ''}" for each in shapes}
    described: JsonObject = {
        "encoding": "WKB",
        "geometry_types": sorted(kinds),
        "crs": read_crs(_crs(dimension)).to_json_dict(),
    }
    if shapes.size and np.isfinite(bounds := shapely.total_bounds(shapes)).all():
        described["bbox"] = bounds.tolist()
    return {"version": _VERSION, "primary_column": column, "columns": {column: described}}


def _tell_unit(unit: str | None) -> dict[str, str] | None:
    return None if unit is None else {"units": unit}


def _crs(dimension: Dimension) -> int | str:
    return dimension.crs if dimension.crs is not None else DEGREES


def _to_labels(column: Column) -> pa.Array:
    """Return labels: times as such where they are of the calendar that everybody has."""
    dimension = column.dimension
    if dimension is None or dimension.kind != "temporal":
        return _to_values(column)
    try:
        instants = {label: parse_time(label, dimension.calendar) for label in dimension.labels}
    except ProcessParameterInvalidError:
        return _to_values(column)
    if dimension.calendar != "standard" or not all(_FIRST <= each < _LAST for each in instants.values()):
        return _to_values(column)
    micros = np.array([instants[label] - _EPOCH for label in column.values], dtype=np.int64)
    return pa.array(micros, type=pa.timestamp("us", tz="UTC"))


def _to_values(column: Column) -> pa.Array:
    hidden = None if column.valid is None else ~column.valid
    if column.values.dtype != object:
        return pa.array(np.ascontiguousarray(column.values), mask=hidden, from_pandas=False)
    there = column.values if hidden is None else column.values[~hidden]
    kinds = {type(each) for each in there if each is not None}
    if kinds <= {int} and all(-(2**63) <= each < 2**63 for each in there if each is not None):
        kind = pa.int64()
    elif kinds <= {int, float}:
        kind = pa.float64()
    elif kinds <= {bool}:
        kind = pa.bool_()
    else:
        return pa.array(to_texts(column.values, None), type=pa.string(), mask=hidden)
    plain = [float(each) if kind == pa.float64() and each is not None else each for each in column.values.tolist()]
    return pa.array(plain, type=kind, mask=hidden)
