"""How the cells of a variable lie on the Earth: on axes, on a curvilinear grid, on a mesh, or scattered."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyproj
from numpy.typing import NDArray

from twinlake.holdings.readers.arrays import ArrayFile, ArrayVariable
from twinlake.holdings.readers.attributes import definition_of
from twinlake.holdings.readers.axes import bounds_of, is_latitude, is_longitude, is_x, is_y
from twinlake.holdings.readers.crs import WGS84, read_crs
from twinlake.holdings.readers.errors import RecipeNeededError, UnreadableFileError
from twinlake.holdings.readers.hints import Hints

_CRS_ATTRIBUTES = ("crs_wkt", "spatial_ref", "proj4", "proj4text", "proj4_params", "crs")


@dataclass(frozen=True, slots=True)
class AxisGrid:
    """A grid with one axis per direction, in degrees or in a CRS."""

    x: ArrayVariable
    y: ArrayVariable
    crs: pyproj.CRS
    factor: float = 1.0
    """Multiplies coordinate values (geostationary angles in radians become metres)."""

    @property
    def is_geographic(self) -> bool:
        """Whether the axes are longitude and latitude."""
        return bool(self.crs.is_geographic and not self.crs.is_derived)

    def x_values(self) -> NDArray[np.float64]:
        """Return the first axis in the CRS's unit; longitudes that jump over a meridian are brought together."""
        values = self.x.values() * self.factor
        return np.unwrap(values, period=360.0) if self.is_geographic and np.isfinite(values).all() else values

    def y_values(self) -> NDArray[np.float64]:
        """Return the second axis in the CRS's unit."""
        return self.y.values() * self.factor

    def bounds(self, file: ArrayFile) -> tuple[float, float, float, float]:
        """Return left, bottom, right, top of the outermost cells, in the CRS's unit."""
        left, right = _edges(file, self.x, self.x_values(), self.factor)
        bottom, top = _edges(file, self.y, self.y_values(), self.factor)
        return left, bottom, right, top


@dataclass(frozen=True, slots=True)
class CellCloud:
    """Cells with a longitude and a latitude each: curvilinear grids (2-D), meshes and stations (1-D or scalar)."""

    longitude: ArrayVariable
    latitude: ArrayVariable
    is_mesh: bool = False
    """Whether the cells cover an area (UGRID) rather than being places of measurement."""

    @property
    def is_curvilinear(self) -> bool:
        """Whether the cells have neighbours in two directions."""
        return len(self.longitude.dimensions) == 2


Layout = AxisGrid | CellCloud


def find_layout(file: ArrayFile, variable: ArrayVariable | None, hints: Hints) -> Layout | None:
    """Return how the cells of *variable* lie; None where the file names no place for them.

    Raises
    ------
    RecipeNeededError
        There are projected axes, but no CRS.
    """
    if variable is None:
        return _cloud([each for each in file.variables.values() if each.is_numeric], None)
    near = _coordinates(file, variable)
    if grid := _degree_axes(near, variable):
        return grid
    projected = _projected_axes(near, variable)
    crs = _crs(file, variable, hints) if projected else None
    if projected and crs is not None:
        return AxisGrid(*projected, crs, _angle_factor(projected[0], crs))
    if cloud := _mesh(file, variable) or _cloud(near, variable):
        return cloud
    if projected and _is_metric(projected[0]):
        raise RecipeNeededError("The grid has projected axes but states no CRS.", 'State it in a recipe: crs = "EPSG:32633"')
    return _cloud([each for each in file.variables.values() if each.is_numeric], None)


def _is_metric(x: ArrayVariable) -> bool:
    """Tell a projected axis from one that only counts cells: it says so, or its numbers are far from counting."""
    return bool(x.text("standard_name", "units")) or (x.size > 1 and abs(float(x.values()[-1])) > 10 * x.size)


def _coordinates(file: ArrayFile, variable: ArrayVariable) -> list[ArrayVariable]:
    """Return coordinate variables that fit *variable*: named by it, on its axes, or lying on its dimensions."""
    named = [found for word in variable.text("coordinates").split() if (found := file.find(word, variable))]
    axes = [found for name in variable.dimensions if (found := file.variables.get(name))]
    others = [
        each
        for each in file.variables.values()
        if each.dimensions and set(each.dimensions) <= set(variable.dimensions) and (is_longitude(each) or is_latitude(each))
    ]
    chosen = {each.name: each for each in (*named, *axes, *others) if each.is_numeric and each is not variable}
    return list(chosen.values())


def _degree_axes(near: list[ArrayVariable], variable: ArrayVariable) -> AxisGrid | None:
    longitudes = [each for each in near if is_longitude(each) and len(each.dimensions) == 1]
    latitudes = [each for each in near if is_latitude(each) and len(each.dimensions) == 1]
    for x in longitudes:
        for y in latitudes:
            if x.dimensions != y.dimensions and {*x.dimensions, *y.dimensions} <= set(variable.dimensions):
                return AxisGrid(x, y, WGS84)
    return None


def _projected_axes(near: list[ArrayVariable], variable: ArrayVariable) -> tuple[ArrayVariable, ArrayVariable] | None:
    fitting = [each for each in near if len(each.dimensions) == 1 and set(each.dimensions) <= set(variable.dimensions)]
    x = next((each for each in fitting if is_x(each)), None)
    y = next((each for each in fitting if is_y(each)), None)
    return (x, y) if x is not None and y is not None and x.dimensions != y.dimensions else None


def _crs(file: ArrayFile, variable: ArrayVariable, hints: Hints) -> pyproj.CRS | None:
    """Return the CRS of the variable's projected axes: the recipe's, the grid mapping's, or one in odd attributes."""
    if hints.crs:
        return read_crs(hints.crs)
    mapping = file.find(variable.text("grid_mapping").split(":")[0].strip() or "\x00", variable)
    for owner in (mapping, variable):
        if owner is not None and (definition := definition_of(dict(owner.attributes), *_CRS_ATTRIBUTES)):
            return read_crs(definition.removeprefix("+init="))
    if mapping is not None and mapping.text("grid_mapping_name"):
        return read_crs({name: value for name, value in mapping.attributes.items() if value is not None})
    general = definition_of(dict(file.attributes), *_CRS_ATTRIBUTES)
    return read_crs(general) if general else None


def _angle_factor(x: ArrayVariable, crs: pyproj.CRS) -> float:
    """Return what turns axis values into the CRS's metres: CF's geostationary axes are angles in radians."""
    if x.text("units").lower() not in {"rad", "radian", "radians", "1"} or "Geostationary" not in crs.to_wkt():
        return {"km": 1000.0, "kilometer": 1000.0, "kilometre": 1000.0}.get(x.text("units").lower(), 1.0)
    operation = crs.coordinate_operation
    height = next((each.value for each in operation.params if "height" in each.name.lower()), None) if operation else None
    if height is None:
        raise UnreadableFileError("The geostationary CRS states no height.", 'State the CRS in a recipe: crs = "…"')
    return float(height)


def _mesh(file: ArrayFile, variable: ArrayVariable) -> CellCloud | None:
    """Return the cells of a UGRID mesh: its faces, edges or nodes, whichever *variable* lies on."""
    topology = file.find(variable.text("mesh") or "\x00", variable)
    if topology is None:
        return None
    location = variable.text("location") or "node"
    for attribute in (f"{location}_coordinates", "node_coordinates"):
        found = [each for word in topology.text(attribute).split() if (each := file.find(word, topology))]
        longitude = next((each for each in found if is_longitude(each)), None)
        latitude = next((each for each in found if is_latitude(each)), None)
        if longitude is not None and latitude is not None and longitude.shape == latitude.shape:
            return CellCloud(longitude, latitude, is_mesh=True)
    return None


def _cloud(near: list[ArrayVariable], variable: ArrayVariable | None) -> CellCloud | None:
    """Return longitude and latitude on the same dimensions: of the grid first, then of stations or profiles."""
    longitudes = [each for each in near if is_longitude(each)]
    latitudes = [each for each in near if is_latitude(each)]
    allowed = {name for each in (near if variable is None else [variable]) for name in each.dimensions}
    pairs = [
        CellCloud(x, y)
        for x in longitudes
        for y in latitudes
        if x.dimensions == y.dimensions and len(x.dimensions) <= 2 and set(x.dimensions) <= allowed
    ]
    return max(pairs, key=lambda each: len(each.longitude.dimensions), default=None)


def _edges(file: ArrayFile, axis: ArrayVariable, values: NDArray[np.float64], factor: float) -> tuple[float, float]:
    """Return the outer edges of an axis: of its bounds where it has some, otherwise half a step beyond its ends."""
    bounds = bounds_of(file, axis)
    values = values[np.isfinite(values)]
    if not values.size:
        raise UnreadableFileError(f"The axis {axis.name!r} has no values.", "Write the file again.")
    low, high = float(values.min()), float(values.max())
    if bounds is not None and bounds.size:
        limits = bounds.values() * factor
        limits = limits[np.isfinite(limits)]
        if limits.size and float(limits.min()) <= low and float(limits.max()) >= high:
            return float(limits.min()), float(limits.max())
    if values.size < 2:
        return low, high
    step = (high - low) / (values.size - 1)
    return low - step / 2, high + step / 2


def step_of(values: NDArray[Any]) -> float | None:
    """Return the step of an evenly spaced axis; None if it is not even."""
    if values.size < 2:
        return None
    steps = np.diff(values)
    return float(steps.mean()) if np.allclose(steps, steps[0], rtol=1e-3, atol=1e-9) else None
