"""Which arrays of a file are coordinates: longitude and latitude, projected axes, height and time (CF, chapters 4 and 5)."""

import re

from twinlake.holdings.readers.arrays import ArrayFile, ArrayVariable

_LONGITUDE_UNITS = {"degrees_east", "degree_east", "degree_e", "degrees_e", "degreee", "degreese"}
_LATITUDE_UNITS = {"degrees_north", "degree_north", "degree_n", "degrees_n", "degreen", "degreesn"}
_LONGITUDE_NAMES = {"lon", "longitude", "nav_lon", "xlong", "long", "lons", "glamt"}
_LATITUDE_NAMES = {"lat", "latitude", "nav_lat", "xlat", "lats", "gphit"}
_X_NAMES = {"projection_x_coordinate", "grid_longitude", "projection_x_angular_coordinate"}
_Y_NAMES = {"projection_y_coordinate", "grid_latitude", "projection_y_angular_coordinate"}
_HEIGHT_NAMES = {"height", "altitude", "depth", "air_pressure", "level", "lev", "plev", "z", "pressure", "model_level_number"}
_PRESSURE_UNITS = {"pa", "hpa", "mbar", "millibar", "millibars", "bar", "dbar", "decibar"}
_SINCE = re.compile(r"^\s*\w+ since ", re.IGNORECASE)
_REFERENCES = ("bounds", "climatology", "grid_mapping", "coordinates", "ancillary_variables", "formula_terms", "cell_measures")
_LINKS = ("bounds", "climatology", "mesh", "edge_coordinates", "face_coordinates", "node_coordinates")


def is_longitude(variable: ArrayVariable) -> bool:
    """Tell whether *variable* holds true longitudes."""
    return _is_degrees(variable, "longitude", _LONGITUDE_UNITS, _LONGITUDE_NAMES)


def is_latitude(variable: ArrayVariable) -> bool:
    """Tell whether *variable* holds true latitudes."""
    return _is_degrees(variable, "latitude", _LATITUDE_UNITS, _LATITUDE_NAMES)


def _is_degrees(variable: ArrayVariable, standard_name: str, units: set[str], names: set[str]) -> bool:
    if not variable.is_numeric:
        return False
    stated = variable.text("standard_name").lower()
    if stated:
        return stated == standard_name
    if variable.text("units").lower() in units:
        return True
    return variable.short_name.lower() in names and variable.text("units").lower() in {"", "degrees", "degree"}


def is_x(variable: ArrayVariable) -> bool:
    """Tell whether *variable* is the first axis of a projected or rotated grid."""
    return _is_projected(variable, _X_NAMES, "X", {"x", "rlon", "xc", "easting"})


def is_y(variable: ArrayVariable) -> bool:
    """Tell whether *variable* is the second axis of a projected or rotated grid."""
    return _is_projected(variable, _Y_NAMES, "Y", {"y", "rlat", "yc", "northing"})


def _is_projected(variable: ArrayVariable, standard_names: set[str], axis: str, names: set[str]) -> bool:
    if not variable.is_numeric or len(variable.dimensions) != 1:
        return False
    stated = variable.text("standard_name").lower()
    if stated:
        return stated in standard_names
    return variable.short_name.lower() in names or variable.text("axis").upper() == axis


def is_height(variable: ArrayVariable) -> bool:
    """Tell whether *variable* is a vertical axis."""
    if not variable.is_numeric or len(variable.dimensions) != 1:
        return False
    return (
        variable.text("axis").upper() == "Z"
        or variable.text("positive").lower() in {"up", "down"}
        or variable.text("units").lower() in _PRESSURE_UNITS
        or variable.text("standard_name").lower() in _HEIGHT_NAMES
        or variable.short_name.lower() in _HEIGHT_NAMES
    )


def is_time(variable: ArrayVariable) -> bool:
    """Tell whether *variable* holds times that can be decoded."""
    return variable.is_numeric and bool(_SINCE.match(variable.text("units")))


def valid_times(file: ArrayFile) -> list[ArrayVariable]:
    """Return the variables of the time for which the data hold: never the time at which a forecast began."""
    candidates = [each for each in file.variables.values() if is_time(each)]
    stated = [each for each in candidates if each.text("standard_name") == "time"]
    named = [each for each in candidates if re.match(r"(time|t|date|juld|valid_time)$", each.short_name, re.IGNORECASE)]
    axes = [each for each in candidates if each.text("axis").upper() == "T" or each.dimensions == (each.name,)]
    reference = ("forecast_reference_time", "reference", "creation")
    return stated or named or axes or [each for each in candidates if not each.text("standard_name").startswith(reference)]


def bounds_of(file: ArrayFile, variable: ArrayVariable) -> ArrayVariable | None:
    """Return the cell bounds of a coordinate, shape ``(*variable.shape, n)``."""
    name = variable.text("bounds", "climatology")
    found = file.find(name, variable) if name else None
    return found if found is not None and found.shape[:-1] == variable.shape and found.is_numeric else None


def data_variables(file: ArrayFile, wanted: tuple[str, ...]) -> list[ArrayVariable]:
    """Return the variables that are data, in the order of *wanted* or of the file; coordinates and the like are none."""
    if wanted:
        return [found for name in wanted if (found := file.find(name)) is not None]
    helpers = _referred(file)
    data = [
        each
        for each in file.variables.values()
        if each.dimensions
        and each.name not in helpers
        and each.dimensions != (each.name,)
        and not (is_longitude(each) or is_latitude(each) or is_time(each))
        and not each.text("cf_role", "grid_mapping_name")
    ]
    return [each for each in data if each.is_numeric] or data


def _referred(file: ArrayFile) -> set[str]:
    """Return the names of variables that others name as their bounds, mesh, grid mapping or coordinates."""
    names: set[str] = set()
    for variable in file.variables.values():
        for attribute in (*_REFERENCES, *_LINKS):
            for word in variable.text(attribute).replace(":", " ").split():
                if found := file.find(word, variable):
                    names.add(found.name)
    return names


def leading_variable(variables: list[ArrayVariable]) -> ArrayVariable | None:
    """Return the variable that shows best what a file holds: the first numeric one of the most dimensions."""
    numeric = [each for each in variables if each.is_numeric and each.size]
    return max(numeric, key=lambda each: min(len(each.dimensions), 3), default=None)
