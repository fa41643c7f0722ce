"""Dimensions, reference systems and quantities in the words of CF, for netCDF and Zarr.

Source: CF Conventions 1.11, sections 3 (quantities), 4 (coordinates), 5.6 (grid mappings), 7.1 (bounds), 7.3 (cell methods)
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twinlake.core.documents import JsonObject
from twinlake.holdings.readers.crs import read_crs
from twinlake.processing.openeo.formats.grids import Grid, read_grid
from twinlake.processing.openeo.shapes.dimensions import Dimension, find_kind
from twinlake.processing.openeo.shapes.projecting import is_in_degrees
from twinlake.processing.openeo.shapes.quantities import Quantity
from twinlake.processing.openeo.shapes.times import DAY, HOUR, day_number, parse_time
from twinlake.standards.openeo.errors import ProcessParameterInvalidError

CONVENTIONS = "CF-1.11"
_UNITS = {"days": DAY, "hours": HOUR, "minutes": HOUR // 60, "seconds": HOUR // 3600, "milliseconds": 1000, "microseconds": 1}
_MOST_CHARACTERS = 1000
"""Of an attribute of a quantity: HDF5 has no place for 64 kB, and people may describe a band at any length."""
_REFORM = day_number(1582, 10, 15) * DAY
"""Before it the standard calendar of CF is the Julian one; labels here never are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Coordinate:
    """The labels of a dimension, as a variable of one dimension."""

    values: NDArray[Any]
    """Numbers, or Python texts."""
    attributes: JsonObject = field(default_factory=dict)
    bounds: NDArray[Any] | None = None
    """Of shape (labels, 2), as *values*."""
    texts: tuple[str, ...] | None = None
    """The labels, where *values* are something else that they stand for."""


def to_coordinate(dimension: Dimension) -> Coordinate:
    """Return the labels of *dimension* as a variable."""
    match dimension.kind:
        case "spatial":
            return _spatial(dimension)
        case "temporal":
            return _temporal(dimension)
        case _:
            return Coordinate(values=_plain(dimension.labels))


def describe_quantity(quantity: Quantity | None) -> JsonObject:
    """Return the attributes of a variable of cells: ``units``, names and ``cell_methods``, as far as they are known."""
    if quantity is None:
        return {}
    attributes = {
        "units": quantity.unit,
        "standard_name": quantity.standard_name,
        "long_name": quantity.long_name,
        "cell_methods": " ".join(f"{over}: {method}" for over, method in quantity.cell_methods),
    }
    return {name: value[:_MOST_CHARACTERS] for name, value in attributes.items() if value}


def find_crs(dimensions: Sequence[Dimension]) -> int | str | None:
    """Return the reference system of the horizontal dimensions, or of geometries."""
    found = (each.crs for each in dimensions if each.axis in {"x", "y"} or each.kind == "geometry")
    return next((crs for crs in found if crs is not None), None)


def grid_mapping(dimensions: Sequence[Dimension]) -> JsonObject | None:
    """Return the attributes of the variable of the reference system; None where there is none.

    ``GeoTransform`` is GDAL's own.
    """
    crs = find_crs(dimensions)
    if crs is None:
        return None
    attributes = {name: value for name, value in read_crs(crs).to_cf().items() if value is not None}
    if (grid := _find_grid(dimensions)) is not None:
        width, _, west, _, height, north = grid.transform
        rows = (-height, grid.bounds[1]) if grid.flips_y else (height, north)
        attributes["GeoTransform"] = " ".join(map(repr, (west, width, 0.0, rows[1], 0.0, rows[0])))
    return attributes


def _find_grid(dimensions: Sequence[Dimension]) -> Grid | None:
    if not {"x", "y"} <= {each.axis for each in dimensions if each.labels}:
        return None
    try:
        grid = read_grid(dimensions)
    except ProcessParameterInvalidError:  # labels that are no coordinates
        return None
    return None if grid is None or grid.flips_x else grid


def _spatial(dimension: Dimension) -> Coordinate:
    if any(isinstance(each, str) for each in dimension.labels):
        return Coordinate(values=_plain(dimension.labels))
    attributes: JsonObject = {}
    if dimension.axis is not None:
        attributes["axis"] = dimension.axis.upper()
    if dimension.crs is not None and dimension.axis in {"x", "y"}:
        if is_in_degrees(dimension.crs):
            name, unit = ("longitude", "degrees_east") if dimension.axis == "x" else ("latitude", "degrees_north")
        else:
            axes = read_crs(dimension.crs).axis_info
            name, unit = f"projection_{dimension.axis}_coordinate", axes[0].unit_name if axes else "metre"
        attributes |= {"standard_name": name, "units": {"metre": "m"}.get(unit, unit)}
    return Coordinate(values=dimension.coordinates(), attributes=attributes)


def _temporal(dimension: Dimension) -> Coordinate:
    calendar = dimension.calendar
    pairs = dimension.intervals or ()
    try:
        bounds = [(parse_time(start, calendar), parse_time(end, calendar)) for start, end in pairs]
    except ProcessParameterInvalidError:
        return Coordinate(values=_plain(dimension.labels))
    texts = None
    try:
        instants = [parse_time(each, calendar) for each in dimension.labels]
    except ProcessParameterInvalidError:
        if not bounds:
            return Coordinate(values=_plain(dimension.labels))
        instants, texts = [start for start, _ in bounds], tuple(map(str, dimension.labels))
    every = [*instants, *(each for pair in bounds for each in pair)]
    epoch = day_number(1970, 1, 1, calendar) * DAY
    unit = next(name for name, size in _UNITS.items() if all((each - epoch) % size == 0 for each in every))
    if calendar == "standard" and min(every, default=epoch) < _REFORM:
        calendar = "proleptic_gregorian"

    def count(values: list[Any]) -> NDArray[np.int64]:
        return (np.array(values, dtype=np.int64) - epoch) // _UNITS[unit]

    return Coordinate(
        values=count(instants),
        attributes={
            "axis": "T", "standard_name": "time", "units": f"{unit} since 1970-01-01 00:00:00", "calendar": calendar,
        },
        bounds=count(bounds).reshape(-1, 2) if bounds else None,
        texts=texts,
    )  # fmt: skip


def _plain(labels: Sequence[Any]) -> NDArray[Any]:
    if labels and all(isinstance(each, int) for each in labels):
        return np.array(labels, dtype=np.int64)
    if labels and all(isinstance(each, int | float) for each in labels):
        return np.array(labels, dtype=np.float64)
    values = np.empty(len(labels), dtype=object)
    values[:] = [str(each) for each in labels]
    return values


def has_bands(dimensions: Sequence[Dimension]) -> bool:
    """Whether there is a dimension of bands."""
    return bool(find_kind(dimensions, "bands"))
