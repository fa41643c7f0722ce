"""Extents of loads as searches of the catalogue have them: a little wider, for what exactly belongs to a cube is told later."""

from typing import Final

import numpy as np
import shapely

from twinlake.core.documents import JsonObject
from twinlake.core.errors import TwinlakeError
from twinlake.holdings.catalogue.interfaces import BBox
from twinlake.holdings.readers.crs import read_crs, to_degrees
from twinlake.processing.openeo.loading.requests import LoadRequest
from twinlake.processing.openeo.shapes.geometries import read_areas
from twinlake.processing.openeo.shapes.projecting import CRS_FORMS, DEGREES, Crs, is_in_degrees
from twinlake.processing.openeo.shapes.times import DAY, Interval, day_number, parse_interval, parse_time
from twinlake.standards.openeo.errors import OpenEoError, ProcessParameterInvalidError

_MARGIN = 1e-3
"""Degrees: footprints of items are rounded, and bent otherwise than the edges of a box."""
_LATTICE = 33
_WORLD = shapely.box(-720.0, -90.0, 720.0, 90.0)
_EPOCH: Final = day_number(1970, 1, 1) * DAY
_DAYS, _MONTH = 3 * DAY, 32 * DAY
"""Other calendars have days that the catalogue, which has none of them, keeps as their neighbours."""
_LENIENT = "360_day"
"""Knows the 30th of February, and is asked for the 31st of any month that has one."""


def find_bbox(request: LoadRequest) -> BBox | None:
    """Return the box, in degrees, that holds the spatial extent of a request.

    Raises
    ------
    ProcessParameterInvalidError
        The extent is none.
    """
    if request.box is not None:
        return _normalise(*_box_in_degrees(request.box))
    if request.area is not None:
        polygons = read_areas(request.area, DEGREES, within=_WORLD)
        return _normalise(*shapely.total_bounds(polygons).tolist())
    return None


def write_extent(collection: JsonObject) -> str:
    """Return in words where and when a collection has data, as far as it says so."""
    extent = collection["extent"]
    box, (start, end) = extent["spatial"]["bbox"][0], extent["temporal"]["interval"][0]
    west, south, east, north = box[:2] + box[len(box) // 2 :][:2]
    return (
        f"Collection {collection['id']!r} has data from {start or 'any time'} to {end or 'now'}, of longitudes from {west:g} to"
        f" {east:g} and latitudes from {south:g} to {north:g} degrees."
    )


def is_probably_in_degrees(box: JsonObject | None) -> bool:
    """Tell whether a box that is said to be in lengths is likely one of longitudes and latitudes."""
    if box is None or is_in_degrees(box.get("crs") or DEGREES):
        return False
    return all(abs(box[side]) <= most for side, most in (("west", 360), ("east", 360), ("south", 90), ("north", 90)))


def _box_in_degrees(box: JsonObject) -> tuple[float, float, float, float]:
    try:
        west, south, east, north = (float(box[side]) for side in ("west", "south", "east", "north"))
    except (KeyError, TypeError, ValueError):
        raise ProcessParameterInvalidError("A box has four numbers: west, south, east, north.") from None
    if not np.isfinite([west, south, east, north]).all():
        raise ProcessParameterInvalidError("A box has finite numbers.")
    crs: Crs = box.get("crs") or DEGREES
    if crs == DEGREES:
        if south > _WORLD.bounds[3] or north < _WORLD.bounds[1]:
            raise ProcessParameterInvalidError(
                f"The latitudes of the box, {south:g} to {north:g}, are none: a box without a 'crs' is one of degrees.",
                remedy="Give it the CRS of its numbers, such as 'crs': 32631.",
            )
        return west, south, east + 360 if west > east else east, north
    is_in_degrees(crs)  # refuses what is none
    x, y = np.meshgrid(np.linspace(west, east, _LATTICE), np.linspace(south, north, _LATTICE))
    try:
        longitude, latitude = map(np.asarray, to_degrees(read_crs(crs)).transform(x, y))
    except TwinlakeError as error:
        raise ProcessParameterInvalidError(f"The CRS of the box is not understood: {error.message}", remedy=CRS_FORMS) from error
    if not (np.isfinite(longitude).all() and np.isfinite(latitude).all()):
        return -180.0, -90.0, 180.0, 90.0
    longitude = np.unwrap(np.unwrap(longitude, axis=0, period=360.0), axis=1, period=360.0)
    margin = _MARGIN + max(np.ptp(longitude), np.ptp(latitude)) / _LATTICE
    west, east = float(longitude.min()) - margin, float(longitude.max()) + margin
    return west, float(latitude.min()) - margin, east, float(latitude.max()) + margin


def _normalise(west: float, south: float, east: float, north: float) -> BBox:
    """Return a box of longitudes between -180 and 180, which may cross the antimeridian."""
    south, north = max(min(south, north) - _MARGIN, -90.0), min(max(south, north) + _MARGIN, 90.0)
    south, north = min(south, 90.0), max(north, -90.0)
    west, east = west - _MARGIN, east + _MARGIN
    if east - west >= 360:
        return -180.0, south, 180.0, north
    west, east = ((each + 180) % 360 - 180 for each in (west, east))
    return west, south, east, north


def find_times(extent: Interval | None) -> tuple[int | None, int | None]:
    """Return the microseconds since 1970 between which, both included, an interval of any calendar lies.

    Raises
    ------
    ProcessError
        ``TemporalExtentEmpty``.
    ProcessParameterInvalidError
        One is no time.
    """
    if extent is None:
        return None, None
    parse_interval(*extent, _LENIENT)
    start, end = (None if each is None else _search_instant(each) for each in extent)
    return None if start is None else start[0], None if end is None else end[1]


def _search_instant(text: str) -> tuple[int, int]:
    try:
        instant = parse_time(text) - _EPOCH
    except OpenEoError:
        instant = parse_time(text[: text.index("-", 1) + 3]) - _EPOCH
        return instant - _MONTH, instant + _MONTH
    return instant - _DAYS, instant + _DAYS
