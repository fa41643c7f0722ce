"""Cubes in the words of STAC: where and when they are, their dimensions, bands and projection.

Source: STAC 1.1.0, extensions datacube 2.3.0, projection 2.0.0, eo 2.0.0, raster 2.0.0
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import shapely

from twinlake.core.documents import JsonObject
from twinlake.core.errors import TwinlakeError
from twinlake.holdings.readers.crs import projection_fields, read_crs, to_degrees
from twinlake.processing.openeo.formats.grids import Grid, read_grid
from twinlake.processing.openeo.shapes.dimensions import Dimension, find_kind
from twinlake.processing.openeo.shapes.projecting import DEGREES
from twinlake.processing.openeo.shapes.quantities import Quantity
from twinlake.processing.openeo.shapes.times import DAY, day_number, parse_time, split_day, write_time
from twinlake.standards.openeo.errors import ProcessParameterInvalidError

Bbox = tuple[float, float, float, float]
_MAX_VALUES = 1000
"""Of labels of a spatial dimension that are listed."""
_TURN: Final = 359.99
"""Degrees: so much is all around; rounded pixels may be a bit less in sum."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Extent:
    """Where and when data are; None where that is not known."""

    start: str | None
    end: str | None
    bbox: Bbox | None


def find_extent(dimensions: Sequence[Dimension]) -> Extent:
    """Return where and when the cube with *dimensions* is."""
    start, end = _find_interval(dimensions)
    return Extent(start=start, end=end, bbox=_find_bbox(dimensions))


def describe_cube(dimensions: Sequence[Dimension], variables: Mapping[str, Quantity | None]) -> JsonObject:
    """Return ``cube:dimensions``, and ``cube:variables`` with what is known of each of *variables*, which lie along them all."""
    along = [each.name for each in dimensions]
    return {
        "cube:dimensions": {each.name: _describe(each) for each in dimensions},
        "cube:variables": {
            name: {"dimensions": along, "type": "data", **_describe_quantity(quantity)} for name, quantity in variables.items()
        },
    }


def _describe_quantity(quantity: Quantity | None) -> JsonObject:
    if quantity is None:
        return {}
    fields = {"unit": quantity.unit, "cf:standard_name": quantity.standard_name, "description": quantity.long_name}
    return {name: value for name, value in fields.items() if value is not None}


def describe_bands(dimensions: Sequence[Dimension]) -> list[JsonObject]:
    """Return ``bands``: what is known of each; empty where there is no dimension of bands."""
    found = find_kind(dimensions, "bands")
    if not found:
        return []
    bands = dimensions[found[0]]
    described: list[JsonObject] = [{"name": str(label)} for label in bands.labels]
    units = None if bands.quantities is None else [None if each is None else each.unit for each in bands.quantities]
    for name, values in (("eo:common_name", bands.common_names), ("eo:center_wavelength", bands.wavelengths), ("unit", units)):
        for band, value in zip(described, values or (), strict=False):
            if value is not None:
                band[name] = value
    return described


def describe_grid(grid: Grid) -> JsonObject:
    """Return the fields of the projection extension."""
    fields: JsonObject = {
        "proj:shape": [grid.height, grid.width],
        "proj:transform": list(grid.transform),
        "proj:bbox": list(grid.bounds),
    }
    if grid.crs is not None:
        fields |= projection_fields(read_crs(grid.crs))
    if grid.transform[0] == -grid.transform[4]:
        fields["raster:spatial_resolution"] = grid.transform[0]
    return fields


def describe_place(dimensions: Sequence[Dimension]) -> JsonObject:
    """Return the fields of the projection extension of arrays; the grid where it is regular and its rows go to the south."""
    crs = next((each.crs for each in dimensions if each.axis in {"x", "y"} and each.crs is not None), None)
    outline, _ = _outline(dimensions) if {"x", "y"} <= {each.axis for each in dimensions} else (None, None)
    if outline is None:
        return {}
    grid = read_grid(dimensions)
    if grid is not None and not grid.flips_y and not grid.flips_x:
        return describe_grid(grid)
    return {"proj:bbox": list(map(float, outline)), **({} if crs is None else projection_fields(read_crs(crs)))}


def describe_type(dtype: "np.dtype[Any]", nodata: float | None) -> JsonObject:
    """Return ``data_type`` and, where there is one, ``nodata``."""
    name = {"bool": "uint8", "object": "other", "str": "other"}.get(dtype.name, dtype.name)
    fields: JsonObject = {"data_type": name}
    if nodata is not None:
        fields["nodata"] = "nan" if isinstance(nodata, float) and math.isnan(nodata) else nodata
    return fields


def to_standard(text: str, calendar: str) -> str:
    """Return the time of RFC 3339 that *text* of a calendar tells; the last day of a month for one that it does not have."""
    instant = parse_time(text, calendar)
    year, month, day = split_day(instant // DAY, calendar)
    if month == 2:
        day = min(day, day_number(year, 3, 1) - day_number(year, 2, 1))
    written = write_time(day_number(year, month, day) * DAY + instant % DAY)
    fraction = instant % 1_000_000
    return f"{written[:-1]}.{fraction:06d}Z" if fraction else written


def find_instant(dimensions: Sequence[Dimension]) -> str | None:
    """Return what the label of the one time of a cube tells beside its bounds, of the standard calendar; None where nothing."""
    for number in find_kind(dimensions, "temporal"):
        each = dimensions[number]
        if each.intervals is not None and len(each.labels) == 1:
            try:
                return to_standard(str(each.labels[0]), each.calendar)
            except ProcessParameterInvalidError:  # a name
                return None
    return None


def _find_interval(dimensions: Sequence[Dimension]) -> tuple[str | None, str | None]:
    starts, ends = [], []
    for number in find_kind(dimensions, "temporal"):
        each = dimensions[number]
        try:
            pairs = each.intervals or [(str(label), str(label)) for label in each.labels]
            starts += [to_standard(start, each.calendar) for start, _ in pairs]
            ends += [to_standard(end, each.calendar) for _, end in pairs]
        except ProcessParameterInvalidError:  # labels that are no times
            continue
    return (min(starts), max(ends)) if starts else (None, None)


def _find_bbox(dimensions: Sequence[Dimension]) -> Bbox | None:
    bounds, crs = None, None
    for each in dimensions:
        if each.kind == "geometry" and each.labels:
            bounds, crs = tuple(shapely.total_bounds(shapely.from_wkt([str(label) for label in each.labels]))), each.crs
    if bounds is None and {"x", "y"} <= {each.axis for each in dimensions if each.kind == "spatial"}:
        bounds, crs = _outline(dimensions)
    if bounds is None or not np.isfinite(bounds).all():
        return None
    try:
        corners = to_degrees(read_crs(crs if crs is not None else DEGREES)).transform_bounds(*bounds)
    except TwinlakeError:
        return None
    return _as_degrees(*corners)


def _outline(dimensions: Sequence[Dimension]) -> tuple[Bbox | None, int | str | None]:
    """Return the edges of regular pixels, or the outermost centres of others."""
    along = {each.axis: each for each in dimensions if each.kind == "spatial"}
    x, y = along["x"], along["y"]
    crs = x.crs if x.crs is not None else y.crs
    try:
        grid = read_grid(dimensions) if x.labels and y.labels else None
        columns, rows = x.coordinates(), y.coordinates()
    except ProcessParameterInvalidError:  # labels that are no coordinates
        return None, crs
    if grid is not None:
        return grid.bounds, crs
    if not columns.size or not rows.size:
        return None, crs
    return (columns.min(), rows.min(), columns.max(), rows.max()), crs


def _as_degrees(west: float, south: float, east: float, north: float) -> Bbox | None:
    if not all(map(math.isfinite, (west, south, east, north))) or south < -90.000001 or north > 90.000001:
        return None
    south, north = max(south, -90.0), min(north, 90.0)
    if east - west >= _TURN:
        return -180.0, south, 180.0, north
    if west < -180 or east > 180:
        west, east = (west + 180) % 360 - 180, (east + 180) % 360 - 180
    return float(west), float(south), float(east), float(north)


def _describe(dimension: Dimension) -> JsonObject:
    described: JsonObject = {"type": dimension.kind}
    match dimension.kind:
        case "spatial":
            described |= _describe_spatial(dimension)
        case "temporal":
            described["values"] = list(dimension.labels)
            start, end = _find_interval([dimension])
            described["extent"] = [start, end]
        case "geometry":
            shapes = shapely.from_wkt([str(label) for label in dimension.labels])
            described |= {"axes": ["x", "y"], "geometry_types": sorted({each.geom_type for each in shapes})}
            if dimension.labels:
                described["bbox"] = [float(each) for each in shapely.total_bounds(shapes)]
            described["reference_system"] = _system(dimension)
        case _:
            described["values"] = list(dimension.labels)
    return described


def _describe_spatial(dimension: Dimension) -> JsonObject:
    described: JsonObject = {"reference_system": _system(dimension)}
    if dimension.axis is not None:
        described["axis"] = dimension.axis
    labels = dimension.labels
    if all(isinstance(each, int | float) for each in labels) and labels:
        numbers = [float(each) for each in labels]
        described["extent"] = [min(numbers), max(numbers)]
    if len(labels) <= _MAX_VALUES:
        described["values"] = list(labels)
    elif "extent" in described:
        described["step"] = (described["extent"][1] - described["extent"][0]) / (len(labels) - 1)
    return described


def _system(dimension: Dimension) -> int | str:
    return dimension.crs if dimension.crs is not None else DEGREES
