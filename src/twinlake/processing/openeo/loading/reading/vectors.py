"""Vector and table files, read whole into a cube, in a child."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from shapely.errors import ShapelyError
from shapely.geometry.base import BaseGeometry

from twinlake.core.documents import JsonObject
from twinlake.core.nesting import is_nested_deeper
from twinlake.holdings.readers.crs import reference_system
from twinlake.holdings.readers.errors import UnreadableFileError
from twinlake.processing.openeo.cubes import Cube, from_cells
from twinlake.processing.openeo.loading.source import Window
from twinlake.processing.openeo.shapes.dimensions import Dimension, enumerated
from twinlake.processing.openeo.shapes.geometries import MOST_GEOMETRIES, list_features, read_geojson, to_dimension
from twinlake.processing.openeo.shapes.projecting import Crs, describe_crs
from twinlake.processing.openeo.values import Values
from twinlake.standards.openeo.errors import OpenEoError, ProcessError, ProcessParameterInvalidError

_MOST_BYTES = 256 << 20
"""Of GeoJSON, which is many times as large in memory."""
_MOST_DEPTH = 64
_MOST_CELLS = 20_000_000
_PLACES = (("x", "y"), ("lon", "lat"), ("longitude", "latitude"))
_SHAPES = frozenset({"geometry", "wkt"})


@dataclass(frozen=True, slots=True)
class _Table:
    columns: dict[str, list[Any]]
    """Of single values; None for no data."""
    rows: int
    vectors: Dimension | None
    """The geometries of the rows."""


class WholeSource:
    """A cube that is in memory as a whole."""

    def __init__(self, cube: Cube) -> None:
        self._cube = cube

    @property
    def hollow(self) -> Cube:
        """The cube itself: it has no pixels."""
        return self._cube

    @property
    def chunks(self) -> Mapping[str, int]:
        """It does not matter how much is read together."""
        return {each.name: 1 for each in self._cube.dimensions}

    def close(self) -> None:
        """Do nothing: nothing is open."""

    def read(self, window: Window) -> Cube:
        """Return a part, with its labels."""
        cube = self._cube
        for number, each in enumerate(cube.dimensions):
            if each.name in window:
                cube = cube.take(number, range(len(each.labels))[window[each.name]])
        return cube


def read_vectors(format_: str, files: Sequence[tuple[str, Path]], options: JsonObject) -> Cube:
    """Return the cube of files, told by name and path, whose rows follow each other.

    Raises
    ------
    ProcessError
        ``FormatUnsuitable``: a file is of another format, is damaged, or is too large; or rows have places in some of the files
        alone, or in several reference systems.
    ProcessParameterInvalidError
        There is no such property.
    """
    tables = []
    for name, path in files:
        with _explained(name):
            tables.append(_READERS[format_](path, options))
    wanted = options.get("properties")
    names = list(dict.fromkeys(column for table in tables for column in table.columns)) if wanted is None else list(wanted)
    for name in names:
        if all(name not in table.columns for table in tables):
            raise ProcessParameterInvalidError(f"No file has a property {name[:80]!r} of single values.")
    rows = sum(table.rows for table in tables)
    if rows > MOST_GEOMETRIES * 10 or rows * len(names) > _MOST_CELLS:
        raise ProcessError(
            "FormatUnsuitable", f"The files have {rows} rows of {len(names)} values, which is too much for a cube."
        )
    first = _joined(tables, rows)
    if not names:
        return Cube(values=Values(data=np.full(rows, np.nan), nan_is_nodata=True), dimensions=(first,))
    cells = np.full((rows, len(names)), None, dtype=object)
    for place, name in enumerate(names):
        column = [value for table in tables for value in table.columns.get(name, [None] * table.rows)]
        cells[:, place] = column
    return Cube(values=from_cells(cells), dimensions=(first, Dimension(name="properties", labels=tuple(names))))


def _joined(tables: Sequence[_Table], rows: int) -> Dimension:
    vectors = [table.vectors for table in tables if table.vectors is not None]
    if not vectors:
        return enumerated("rows", rows)
    if len(vectors) < len(tables) or len({each.crs for each in vectors}) > 1:
        raise ProcessError("FormatUnsuitable", "Not all files have places, or they have them in several reference systems.")
    first = vectors[0]
    features = [feature for each in vectors for feature in each.features or [None] * len(each.labels)]
    labels = tuple([label for each in vectors for label in each.labels])
    kept = tuple(features) if any(features) else None
    return Dimension(name=first.name, kind="geometry", crs=first.crs, labels=labels, features=kept)


def _read_geojson(path: Path, options: JsonObject) -> _Table:
    _ = options
    if path.stat().st_size > _MOST_BYTES:
        raise UnreadableFileError(f"It is larger than {_MOST_BYTES >> 20} MiB.", "Write it as GeoParquet.")
    text = path.read_bytes()
    if is_nested_deeper(text, _MOST_DEPTH):
        raise UnreadableFileError("It is nested too deeply, or is no JSON.", "Write it again.")
    document = json.loads(text)
    vectors = read_geojson(document)
    told = [each.get("properties") or {} for each in list_features(document)]
    names = dict.fromkeys(name for each in told for name in each)
    nested = {name for each in told for name, value in each.items() if isinstance(value, list | dict)}
    columns = {name: [each.get(name) for each in told] for name in names if name not in nested}
    return _Table(columns, len(told), vectors)


def _read_parquet(path: Path, options: JsonObject) -> _Table:
    import pyarrow as pa

    from twinlake.holdings.readers.parquet import find_geometry, open_parquet, read_wkb

    _ = options
    with open_parquet(path) as file:
        schema, rows = file.schema_arrow, file.metadata.num_rows
        geometry = find_geometry(schema)
        plain = [each.name for each in schema if not (pa.types.is_nested(each.type) or pa.types.is_binary(each.type))]
        if rows * max(len(plain), 1) > _MOST_CELLS:
            raise UnreadableFileError(f"It has {rows} rows of {len(plain)} values, which is too much for a cube.", "Take fewer.")
        shapes: list[BaseGeometry | None] = []
        columns: dict[str, list[Any]] = {name: [] for name in plain}
        for batch in file.iter_batches(columns=plain if geometry is None else [*plain, geometry.name]):
            for name in plain:
                columns[name].extend(map(_as_json, batch.column(name).to_pylist()))
            if geometry is not None:
                shapes.extend(read_wkb(batch.column(geometry.name)))
    crs = None if geometry is None else describe_crs(reference_system(geometry.crs))
    return _Table(columns, rows, None if crs is None else _to_vectors(shapes, crs, columns))


def _read_csv(path: Path, options: JsonObject) -> _Table:
    import pyarrow as pa

    from twinlake.holdings.readers.csv_table import open_csv

    with open_csv(path) as (names, batches):
        columns: dict[str, list[Any]] = {name: [] for name in names}
        rows = 0
        for batch in batches:
            rows += batch.num_rows
            if rows * len(names) > _MOST_CELLS:
                raise UnreadableFileError("It has too many values for a cube.", "Take fewer.")
            for name in names:
                columns[name].extend(batch.column(name).to_pylist())
    typed = {name: _typed(values, pa) for name, values in columns.items()}
    shape = next((name for name in typed if name.lower() in _SHAPES), None)
    if shape is not None:
        shapes = shapely.from_wkt([None if each is None else str(each) for each in typed.pop(shape)]).tolist()
        return _Table(typed, rows, _to_vectors(shapes, options["crs"], typed))
    lower = {name.lower(): name for name in typed}
    pair = next(((lower[x], lower[y]) for x, y in _PLACES if x in lower and y in lower), None)
    if pair is None:
        return _Table(typed, rows, None)
    x, y = (typed.pop(name) for name in pair)
    if not all(isinstance(each, int | float | None) for each in (*x, *y)):
        raise UnreadableFileError(
            f"The columns {pair[0]} and {pair[1]} have something other than numbers.", "Name them otherwise."
        )
    points = [None if one is None or other is None else shapely.Point(one, other) for one, other in zip(x, y, strict=True)]
    return _Table(typed, rows, _to_vectors(points, options["crs"], typed))


_READERS = {"GeoJSON": _read_geojson, "Parquet": _read_parquet, "CSV": _read_csv}


def _to_vectors(shapes: Sequence[BaseGeometry | None], crs: Crs, columns: Mapping[str, list[Any]]) -> Dimension:
    """Return the dimension of rows, which keep their values as properties in exports."""
    there = [shapely.GeometryCollection() if each is None else each for each in shapes]
    names = list(columns)
    rows = zip(*columns.values(), strict=True) if names else iter([()] * len(there))
    features = [json.dumps({"properties": dict(zip(names, row, strict=True))}, separators=(",", ":")) for row in rows]
    return to_dimension(there, crs, features=features if names else None)


def _typed(values: list[str | None], pa: Any) -> list[Any]:
    """Return a column of texts as integers or other numbers, if all of it are; nothing is no data."""
    array = pa.array([value or None for value in values], type=pa.string())
    for kind in (pa.int64(), pa.float64()):
        try:
            return array.cast(kind).to_pylist()  # type: ignore[no-any-return]
        except pa.ArrowInvalid:
            continue
    return array.to_pylist()  # type: ignore[no-any-return]


def _as_json(value: Any) -> Any:
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return float(value)
    return value if isinstance(value, str | int | float | bool | None) else str(value)


@contextmanager
def _explained(name: str) -> Iterator[None]:
    """Tell which file cannot be read."""
    try:
        yield
    except ProcessError:
        raise
    except (OpenEoError, UnreadableFileError) as error:
        raise ProcessError("FormatUnsuitable", f"{name[:200]!r} cannot be loaded: {error.message}") from error
    except (ValueError, ShapelyError, RecursionError) as error:
        raise ProcessError("FormatUnsuitable", f"{name[:200]!r} is not of this format: {str(error)[:200]}.") from error
