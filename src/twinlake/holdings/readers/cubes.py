"""NetCDF, HDF5 and Zarr: from named arrays to a description with `cube:dimensions` and `cube:variables`."""

from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twinlake.core.documents import JsonObject
from twinlake.holdings.readers import file_times, footprints, hdf5, labels, netcdf_classic, slices, times, zarr_store
from twinlake.holdings.readers.arrays import ArrayFile, ArrayVariable
from twinlake.holdings.readers.attributes import number_of, text_of
from twinlake.holdings.readers.axes import bounds_of, data_variables, is_height, leading_variable, valid_times
from twinlake.holdings.readers.crs import projection_fields, reference_system
from twinlake.holdings.readers.description import DATACUBE, PROJECTION, Description, Footprint, Interval
from twinlake.holdings.readers.errors import RecipeNeededError, UnreadableFileError
from twinlake.holdings.readers.formats import HDF5, NETCDF_CLASSIC, Format
from twinlake.holdings.readers.hints import Hints
from twinlake.holdings.readers.layouts import AxisGrid, CellCloud, Layout, find_layout, step_of
from twinlake.holdings.readers.limits import MAX_LISTED_VALUES, MAX_POINTS
from twinlake.holdings.readers.memory import Memory
from twinlake.holdings.readers.statistics import statistics

_MAX_VARIABLES_SAMPLED = 16
_DATA_TYPES = {*(f"{kind}{bits}" for kind in ("int", "uint") for bits in (8, 16, 32, 64)), "float16", "float32", "float64"}
_PLACES = (
    ("geospatial_lon_min", "geospatial_lat_min", "geospatial_lon_max", "geospatial_lat_max"),
    ("site_longitude", "site_latitude"),
    ("station_longitude", "station_latitude"),
    ("longitude", "latitude"),
    ("lon", "lat"),
)


def open_arrays(path: Path, found: Format, memory: Memory | None = None) -> AbstractContextManager[ArrayFile]:
    """Open the arrays of the file at *path*, which has the format *found*; what is read may lie in *memory*."""
    if found is HDF5:
        return hdf5.open_arrays(path)
    return netcdf_classic.open_arrays(path) if found is NETCDF_CLASSIC else zarr_store.open_arrays(path, memory)


def describe(path: Path, found: Format, hints: Hints) -> Description:
    """Describe the NetCDF file or Zarr store at *path*."""
    with open_arrays(path, found) as file:
        variables = data_variables(file, hints.variables)
        if hints.variables and not variables:
            raise UnreadableFileError(f"None of the variables {list(hints.variables)} is in the file.", "Correct the recipe.")
        if not file.variables:
            raise UnreadableFileError("The file holds no variables.", "Write it again.")
        leading = leading_variable(variables)
        layout = find_layout(file, leading, hints)
        asset: JsonObject = {}
        extensions = {DATACUBE}
        if isinstance(layout, AxisGrid):
            asset |= _projection(file, layout)
            extensions.add(PROJECTION)
        dimensions = _dimensions(file, variables, layout)
        if dimensions:
            asset |= {"cube:dimensions": dimensions, "cube:variables": _variables(file, variables, layout)}
        return Description(
            format="zarr" if found.name == "zarr" else "netcdf",
            media_type=found.media_type,
            footprint=footprints.extent(*hints.bbox) if hints.bbox else _footprint(file, layout),
            time=_time(file),
            asset=asset,
            extensions=frozenset(extensions) if dimensions else frozenset(),
            title=text_of(dict(file.attributes), "title", "Title", "long_name"),
            members=zarr_store.manifest(path) if found.name == "zarr" else (),
        )


def _projection(file: ArrayFile, grid: AxisGrid) -> JsonObject:
    """Return ``proj:*`` of an evenly spaced grid as if it were a raster with the first row in the file's order."""
    fields: JsonObject = {**projection_fields(grid.crs), "proj:shape": [grid.y.size, grid.x.size]}
    x, y = grid.x_values(), grid.y_values()
    across, down = step_of(x), step_of(y)
    if across and down and x.size == grid.x.size and y.size == grid.y.size:
        fields["proj:transform"] = [across, 0.0, float(x[0] - across / 2), 0.0, down, float(y[0] - down / 2)]
    return fields | {"proj:bbox": [*grid.bounds(file)]}


def _footprint(file: ArrayFile, layout: Layout | None) -> Footprint | None:
    if isinstance(layout, AxisGrid):
        left, bottom, right, top = layout.bounds(file)
        if layout.is_geographic:
            return footprints.box(left, max(bottom, -90.0), right, min(top, 90.0))
        return footprints.outline(layout.crs, left, bottom, right, top)
    if isinstance(layout, CellCloud):
        return _cloud_footprint(layout)
    return _stated_footprint(file)


def _cloud_footprint(cloud: CellCloud) -> Footprint:
    longitude, latitude = cloud.longitude.values(), cloud.latitude.values()
    if cloud.is_curvilinear:
        return footprints.hull(longitude, latitude, (_ring(longitude), _ring(latitude)))
    if cloud.is_mesh or longitude.size > MAX_POINTS:
        return footprints.hull(longitude, latitude)
    return footprints.points(longitude, latitude)


def _ring(values: NDArray[Any]) -> NDArray[Any]:
    """Return the values around the edge of a 2-D grid, in order, the first not repeated."""
    return np.concatenate([values[0, :-1], values[:-1, -1], values[-1, :0:-1], values[:0:-1, 0]])


def _stated_footprint(file: ArrayFile) -> Footprint | None:
    """Return the place that attributes of the file state; None if there is none."""
    attributes = dict(file.attributes)
    for names in _PLACES:
        numbers = [number_of(attributes, name) for name in names]
        west, south, *others = numbers
        if west is None or south is None or None in others:
            continue
        east, north = (others[0], others[1]) if others else (west, south)
        if abs(south) <= 90 and abs(north or 0.0) <= 90 and any(numbers):
            return footprints.extent(west, south, east or 0.0, north or 0.0)
    return None


def _time(file: ArrayFile) -> Interval | None:
    """Return the interval of the file's times, with their bounds; failing that what its attributes state."""
    found: list[datetime] = []
    for variable in valid_times(file):
        bounds = bounds_of(file, variable)
        for values in (variable, bounds):
            if values is not None and values.size:
                found.extend(each for each in _decode(variable, values.values()) if each is not None)
    if found:
        return Interval(min(found), max(found))
    return file_times.from_attributes(dict(file.attributes))


def _decode(variable: ArrayVariable, values: NDArray[np.float64]) -> list[datetime | None]:
    """Decode the first and the last of *values* and what lies between, thinned: only the extremes matter."""
    finite = values[np.isfinite(values)]
    ends = np.array([finite.min(), finite.max()]) if finite.size else finite
    try:
        return list(file_times.decode(ends, variable.text("units"), variable.text("calendar")))
    except ValueError as error:
        raise RecipeNeededError(
            f"The times of {variable.name!r} cannot be decoded: {error}.",
            'State them in a recipe: datetime = "2020-01-01T00:00:00Z"',
        ) from None


def _dimensions(file: ArrayFile, variables: list[ArrayVariable], layout: Layout | None) -> JsonObject:
    used = dict.fromkeys(name for variable in variables for name in variable.dimensions)
    return {name: _dimension(file, name, layout) for name in used}


def _dimension(file: ArrayFile, name: str, layout: Layout | None) -> JsonObject:
    if isinstance(layout, AxisGrid):
        for axis, letter, values in ((layout.x, "x", layout.x_values()), (layout.y, "y", layout.y_values())):
            if axis.dimensions == (name,):
                return _horizontal(values, letter, layout)
    if isinstance(layout, CellCloud) and layout.is_curvilinear and name in layout.longitude.dimensions:
        return _curvilinear(name, layout)
    time = next((each for each in valid_times(file) if each.dimensions == (name,)), None)
    if time is not None:
        return _temporal(time) | _exactly(labels.describe_times(time, bounds_of(file, time)))
    axis_variable = file.variables.get(name)
    if axis_variable is not None and axis_variable.dimensions == (name,) and axis_variable.size:
        return _other(axis_variable)
    return {"type": "count", "extent": [0, max(file.dimensions.get(name, 1) - 1, 0)], "step": 1}


def _horizontal(values: NDArray[np.float64], letter: str, grid: AxisGrid) -> JsonObject:
    described: JsonObject = {
        "type": "spatial",
        "axis": letter,
        "extent": [float(np.nanmin(values)), float(np.nanmax(values))],
        "reference_system": reference_system(grid.crs),
    }
    if (step := step_of(values)) is not None:
        described["step"] = step
    elif values.size <= MAX_LISTED_VALUES:
        described["values"] = values.tolist()
    return described | _exactly(labels.describe_axis(values))


def _exactly(described: JsonObject | None) -> JsonObject:
    return {} if described is None else {labels.MEMBER: described}


def _curvilinear(name: str, cloud: CellCloud) -> JsonObject:
    """Describe one direction of a curvilinear grid: it has no values of its own, only the extent of the coordinates."""
    is_x_direction = name == cloud.longitude.dimensions[1]
    variable = cloud.longitude if is_x_direction else cloud.latitude
    values = variable.values()
    return {
        "type": "spatial",
        "axis": "x" if is_x_direction else "y",
        "extent": [float(np.nanmin(values)), float(np.nanmax(values))],
        "reference_system": 4326,
        "description": f"Curvilinear: the place of each cell stands in {cloud.longitude.name} and {cloud.latitude.name}.",
    } | _exactly(labels.describe_cells(cloud, along_x=is_x_direction))


def _temporal(variable: ArrayVariable) -> JsonObject:
    values = variable.values()
    ends = [each for each in _decode(variable, values) if each]
    if not ends:
        return {"type": "temporal", "extent": [None, None]}
    units, calendar = variable.text("units"), variable.text("calendar")
    decoded = [each for each in file_times.decode(values[:: max(1, values.size // MAX_LISTED_VALUES)], units, calendar) if each]
    described: JsonObject = {"type": "temporal", "extent": [times.to_text(min(ends)), times.to_text(max(ends))]}
    if len(decoded) == values.size and (step := _step(decoded)):
        described["step"] = step
    elif len(decoded) == values.size <= MAX_LISTED_VALUES:
        described["values"] = [times.to_text(each) for each in decoded]
    return described


def _step(instants: list[datetime]) -> str | None:
    """Return the one step between all *instants* as ISO 8601: years, months, days or seconds; None if there is none."""
    months = {12 * (later.year - earlier.year) + later.month - earlier.month for earlier, later in pairwise(instants)}
    lengths = {later - earlier for earlier, later in pairwise(instants)}
    if len(lengths) == 1 and (length := lengths.pop()) > timedelta(0):
        return f"P{length.days}D" if length % timedelta(days=1) == timedelta(0) else f"PT{length.total_seconds():g}S"
    same_day = len({(each.day, each.time()) for each in instants}) == 1
    if same_day and len(months) == 1 and (count := months.pop()) > 0:
        return f"P{count // 12}Y" if count % 12 == 0 else f"P{count}M"
    return None


def _other(axis: ArrayVariable) -> JsonObject:
    described: JsonObject = {"type": "other", "extent": [0, axis.size - 1]}
    values = axis.values() if axis.is_numeric else np.empty(0)
    finite = values[np.isfinite(values)]
    if finite.size:
        described = {"type": "spatial", "axis": "z"} if is_height(axis) else {"type": "other"}
        described["extent"] = [float(finite.min()), float(finite.max())]
        if finite.size <= MAX_LISTED_VALUES and finite.size == axis.size:
            described["values"] = finite.tolist()
    if unit := axis.text("units"):
        described["unit"] = unit
    if description := axis.text("long_name", "standard_name"):
        described["description"] = description
    return described


def _variables(file: ArrayFile, variables: list[ArrayVariable], layout: Layout | None) -> JsonObject:
    described = {variable.name: _variable(variable, "data") for variable in variables}
    for variable in [each for each in variables if each.is_numeric and each.size][:_MAX_VARIABLES_SAMPLED]:
        sample, complete = slices.sample(variable, layout)
        if found := statistics(sample, np.isfinite(sample)):
            described[variable.name]["statistics" if complete else "twinlake:sample_statistics"] = found
    auxiliary = [layout.longitude, layout.latitude] if isinstance(layout, CellCloud) else []
    for variable in auxiliary:
        if variable.name not in described and set(variable.dimensions) <= set(file.dimensions) and variable.dimensions:
            described[variable.name] = _variable(variable, "auxiliary")
    return described


def _variable(variable: ArrayVariable, kind: str) -> JsonObject:
    described: JsonObject = {"dimensions": list(variable.dimensions), "variable_type": kind, "shape": list(variable.shape)}
    if description := variable.text("long_name", "standard_name", "description"):
        described["description"] = description
    if unit := variable.text("units"):
        described["unit"] = unit
    if standard_name := variable.text("standard_name"):
        described["cf:standard_name"] = standard_name
    described["data_type"] = variable.value_dtype.name if variable.value_dtype.name in _DATA_TYPES else "other"
    for name, attribute in (("raster:scale", "scale_factor"), ("raster:offset", "add_offset")):
        if (number := number_of(dict(variable.attributes), attribute)) is not None:
            described[name] = number
    nodata = number_of(dict(variable.attributes), "_FillValue")
    if nodata is not None:
        described["nodata"] = nodata
    return described
