"""Where data lies: boxes, outlines and hulls on the sphere, cut at the antimeridian, closed over the poles.

Longitudes and latitudes are degrees, WGS 84.
"""

from typing import Any

import numpy as np
import pyproj
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from twinlake.core.documents import JsonObject
from twinlake.holdings.readers.crs import to_degrees
from twinlake.holdings.readers.description import BBox, Footprint
from twinlake.holdings.readers.errors import UnreadableFileError
from twinlake.holdings.readers.limits import MAX_POINTS

Degrees = NDArray[np.float64]
_DECIMALS = 7
_EDGE_POINTS = 21
_BISECTIONS = 24
_FULL_CIRCLE_SLACK = 1e-3
"""Degrees that rounding of 32-bit axes takes from a full circle."""
_SIMPLIFICATION = 1e-4
"""Of a footprint's extent: how far its outline may be from the points it was made of."""
_FULL_CIRCLE_GAP = 12.0
"""Degrees of longitude that may be missing from a ring around the Earth, between neighbours of a coarse grid."""


def box(west: float, south: float, east: float, north: float) -> Footprint:
    """Return the box between two meridians and parallels; *east* may be past 180, *west* below -180.

    A box of no width or height becomes a point or a line.

    Raises
    ------
    UnreadableFileError
        The latitudes are not on the Earth, or a value is not finite.
    """
    if not np.isfinite([west, south, east, north]).all() or south < -90.001 or north > 90.001 or south > north or east < west:
        raise UnreadableFileError(
            f"The extent [{west}, {south}, {east}, {north}] does not lie on the Earth.",
            "Correct the coordinates, or state the place in a recipe: bbox = [west, south, east, north]",
        )
    south, north = max(south, -90.0), min(north, 90.0)
    if east - west >= 360.0 - _FULL_CIRCLE_SLACK:
        west, east = -180.0, 180.0
    return _footprint(_flat_box(west, south, east, north))


def _flat_box(west: float, south: float, east: float, north: float) -> BaseGeometry:
    if west == east and south == north:
        return shapely.Point(west, south)
    if west == east or south == north:
        return shapely.LineString([(west, south), (east, north)])
    return shapely.box(west, south, east, north)


def outline(crs: pyproj.CRS, left: float, bottom: float, right: float, top: float) -> Footprint:
    """Return the outline of a rectangle in *crs*, its edges followed with points between the corners.

    Points that see no Earth (the corners of a geostationary disk) are pulled in towards the middle.
    """
    if crs.is_geographic and crs.prime_meridian is not None and crs.prime_meridian.longitude == 0 and not crs.is_derived:
        return box(left, bottom, right, top)
    x, y = _edge(left, bottom, right, top)
    longitude, latitude = _project_edge(crs, x, y, ((left + right) / 2, (bottom + top) / 2))
    poles = [pole for pole in (90.0, -90.0) if _holds_pole(crs, pole, (left, bottom, right, top))]
    return _footprint(_close_ring(longitude, latitude, poles))


def _edge(left: float, bottom: float, right: float, top: float) -> tuple[Degrees, Degrees]:
    """Walk around a rectangle, counter-clockwise, without repeating the first point."""
    across, up = np.linspace(left, right, _EDGE_POINTS), np.linspace(bottom, top, _EDGE_POINTS)
    x = np.concatenate([across[:-1], np.full(_EDGE_POINTS - 1, right), across[:0:-1], np.full(_EDGE_POINTS - 1, left)])
    y = np.concatenate([np.full(_EDGE_POINTS - 1, bottom), up[:-1], np.full(_EDGE_POINTS - 1, top), up[:0:-1]])
    return x, y


def _project_edge(crs: pyproj.CRS, x: Degrees, y: Degrees, middle: tuple[float, float]) -> tuple[Degrees, Degrees]:
    """Transform edge points; each that fails is moved towards *middle* until it is on the Earth."""
    transform = to_degrees(crs).transform
    longitude, latitude = transform(x, y)
    lost = ~(np.isfinite(longitude) & np.isfinite(latitude))
    if lost.any():
        if not np.isfinite(transform(*middle)).all():
            raise UnreadableFileError(
                "The raster's middle has no place on the Earth in its CRS.", "Check its CRS and geotransform."
            )
        seen, unseen = np.zeros(lost.sum()), np.ones(lost.sum())
        edge_x, edge_y = x[lost] - middle[0], y[lost] - middle[1]
        for _ in range(_BISECTIONS):
            half = (seen + unseen) / 2
            found = np.isfinite(transform(middle[0] + half * edge_x, middle[1] + half * edge_y)).all(axis=0)
            seen, unseen = np.where(found, half, seen), np.where(found, unseen, half)
        longitude, latitude = np.array(longitude), np.array(latitude)
        longitude[lost], latitude[lost] = transform(middle[0] + seen * edge_x, middle[1] + seen * edge_y)
    return np.asarray(longitude), np.asarray(latitude)


def _holds_pole(crs: pyproj.CRS, pole: float, bounds: tuple[float, float, float, float]) -> bool:
    """Tell whether the rectangle *bounds* contains *pole*, which must come back where it was."""
    left, bottom, right, top = bounds
    x, y = to_degrees(crs).transform(0.0, pole, direction="INVERSE")
    if not (np.isfinite([x, y]).all() and left < x < right and bottom < y < top):
        return False
    latitude = to_degrees(crs).transform(x, y)[1]
    return bool(abs(latitude - pole) < 1e-6)


def _close_ring(longitude: Degrees, latitude: Degrees, poles: list[float]) -> BaseGeometry:
    """Make the polygon that a ring of points bounds; *poles* are those inside it."""
    unwrapped = np.unwrap(np.append(longitude, longitude[0]), period=360.0)
    ring_latitude = np.append(latitude, latitude[0])
    if abs(unwrapped[-1] - unwrapped[0]) < 180.0:
        return shapely.make_valid(shapely.Polygon(np.column_stack([unwrapped, ring_latitude])))
    pole = poles[0] if poles else (90.0 if latitude.mean() > 0 else -90.0)
    around = np.column_stack([unwrapped, ring_latitude])
    closing = [(unwrapped[-1], pole), (unwrapped[0], pole)]
    return shapely.make_valid(shapely.Polygon(np.concatenate([around, closing])))


def hull(longitude: Degrees, latitude: Degrees, ring: tuple[Degrees, Degrees] | None = None) -> Footprint:
    """Return the place of scattered cells.

    Parameters
    ----------
    longitude, latitude
        Cell centres, any shape, degrees; not finite where a cell has no place.
    ring
        The cells around the edge of the grid, in order, where there is such an edge.
    """
    lon, lat = _valid(longitude, latitude)
    if _goes_round(lon):
        return box(-180.0, float(lat.min()), 180.0, float(lat.max()))
    if ring is not None and len(_valid(*ring)[0]) == ring[0].size:
        polygon = _close_ring(ring[0].ravel(), ring[1].ravel(), [])
        if polygon.is_valid and polygon.area > 0 and _holds(polygon, lon, lat):
            return _footprint(polygon)
    unwrapped = unwrap_cloud(lon)
    return _footprint(shapely.MultiPoint(np.column_stack([unwrapped, lat])).convex_hull)


def _holds(polygon: BaseGeometry, lon: Degrees, lat: Degrees) -> bool:
    """Tell whether *polygon* holds nearly all the cells: an edge that folds over itself does not."""
    west = polygon.bounds[0]
    x = west + np.mod(lon - west, 360.0)
    return bool(shapely.contains_xy(polygon.buffer(1e-3), x, lat).mean() > 0.9)


def points(longitude: Degrees, latitude: Degrees) -> Footprint:
    """Return a point, the distinct places as a MultiPoint if they are few, otherwise their box."""
    lon, lat = _valid(longitude, latitude)
    places = np.unique(np.round(np.column_stack([unwrap_cloud(lon), lat]), _DECIMALS), axis=0)
    if len(places) == 1:
        return _footprint(shapely.Point(places[0]))
    if len(places) <= MAX_POINTS:
        return _footprint(shapely.MultiPoint(places))
    (west, south), (east, north) = places.min(axis=0), places.max(axis=0)
    return box(west, south, east, north)


def extent(west: float, south: float, east: float, north: float) -> Footprint:
    """Return the box of a vector's bounds; west > east crosses the antimeridian."""
    return box(west, south, east + 360.0 if east < west else east, north)


def cover(places: list[Footprint]) -> Footprint | None:
    """Return what *places* cover together; None if there are none."""
    distinct = {(each.bbox, str(each.geometry)): each for each in places}
    if len(distinct) < 2 or _nearly_equal([each.bbox for each in distinct.values()]):
        return places[0] if places else None
    together = shapely.union_all([shapely.geometry.shape(each.geometry) for each in distinct.values()])
    parts = _of_highest_dimension([together])
    middles = np.array([part.centroid.x for part in parts])
    shifted = unwrap_cloud(middles)
    return _footprint(shapely.union_all([_move(part, by) for part, by in zip(parts, shifted - middles, strict=True)]))


def _move(geometry: BaseGeometry, degrees: float) -> BaseGeometry:
    """Return *geometry* moved to the east."""
    return shapely.transform(geometry, lambda xy: xy + np.array([degrees, 0.0]))


def _nearly_equal(boxes: list[BBox]) -> bool:
    """Tell whether boxes differ by less than a thousandth of their size: bands of one scene in several resolutions."""
    first = np.array(boxes[0])
    size = max(first[2] - first[0], first[3] - first[1], 1e-9)
    return bool(np.all(np.abs(np.array(boxes) - first) < size * 1e-3))


def _valid(longitude: Degrees, latitude: Degrees) -> tuple[Degrees, Degrees]:
    lon, lat = np.asarray(longitude, np.float64).ravel(), np.asarray(latitude, np.float64).ravel()
    good = np.isfinite(lon) & np.isfinite(lat) & (np.abs(lat) <= 90.001) & (np.abs(lon) <= 720.0)
    if not good.any():
        raise UnreadableFileError(
            "None of the coordinates lies on the Earth.",
            "Correct longitude and latitude, or state the place in a recipe: bbox = [west, south, east, north]",
        )
    return lon[good], np.clip(lat[good], -90.0, 90.0)


def _largest_gap(longitude: Degrees) -> tuple[float, float]:
    """Return the widest empty arc between longitudes, and the longitude at which it ends."""
    around = np.unique(np.mod(longitude, 360.0))
    gaps = np.diff(np.append(around, around[0] + 360.0))
    widest = int(np.argmax(gaps))
    return float(gaps[widest]), float(around[(widest + 1) % len(around)])


def _goes_round(longitude: Degrees) -> bool:
    return longitude.size > 30 and _largest_gap(longitude)[0] < _FULL_CIRCLE_GAP


def unwrap_cloud(longitude: Degrees) -> Degrees:
    """Shift *longitude* (1-D) by full circles so that it lies close together, beginning after the widest gap."""
    start = _largest_gap(longitude)[1]
    shifted = start + np.mod(longitude - start, 360.0)
    return shifted - 360.0 if start >= 180.0 else shifted


def _footprint(geometry: BaseGeometry) -> Footprint:
    """Cut *geometry*, whose longitudes may run past 180, at the antimeridian; round to about a centimetre."""
    west, south, east, north = geometry.bounds
    if shapely.get_dimensions(geometry) == 2:
        geometry = shapely.simplify(geometry, max(east - west, north - south) * _SIMPLIFICATION)
    shift = 360.0 * np.floor((west + 180.0) / 360.0)
    if shift and not (west == east == 180.0):
        geometry = _move(geometry, -shift)
        west, east = west - shift, east - shift
    if east - west >= 360.0:
        return _rounded(_wrap(geometry), (-180.0, south, 180.0, north))
    if east > 180.0:
        return _rounded(_wrap(geometry), (west, south, east - 360.0, north))
    return _rounded(geometry, (west, south, east, north))


def _wrap(geometry: BaseGeometry) -> BaseGeometry:
    """Cut what lies beyond 180 degrees and put it on the other side."""
    parts: list[BaseGeometry] = []
    for turn in range(-2, 3):
        band = shapely.box(-180.0 + 360.0 * turn, -90.0, 180.0 + 360.0 * turn, 90.0)
        piece = shapely.intersection(geometry, band)
        if not piece.is_empty:
            parts.append(_move(piece, -360.0 * turn))
    return shapely.union_all(_of_highest_dimension(parts))


def _of_highest_dimension(parts: list[BaseGeometry]) -> list[BaseGeometry]:
    """Drop the slivers (points, lines) that a cut leaves of areas."""
    pieces = [piece for part in parts for piece in shapely.get_parts(part)]
    highest = max(shapely.get_dimensions(piece) for piece in pieces)
    return [piece for piece in pieces if shapely.get_dimensions(piece) == highest]


def _rounded(geometry: BaseGeometry, bbox: BBox) -> Footprint:
    clipped = shapely.transform(geometry, lambda xy: np.round(np.clip(xy, (-180.0, -90.0), (180.0, 90.0)), _DECIMALS))
    if shapely.get_dimensions(clipped) == 2:
        clipped = shapely.orient_polygons(shapely.make_valid(clipped))
    west, south, east, north = (round(float(value), _DECIMALS) for value in bbox)
    return Footprint(_geojson(clipped), (max(west, -180.0), max(south, -90.0), min(east, 180.0), min(north, 90.0)))


def _geojson(geometry: BaseGeometry) -> JsonObject:
    mapping: Any = shapely.geometry.mapping(geometry)
    return {"type": mapping["type"], "coordinates": _lists(mapping["coordinates"])}


def _lists(coordinates: Any) -> Any:
    """Turn nested tuples into lists, as JSON has them."""
    return [_lists(part) for part in coordinates] if isinstance(coordinates, tuple | list) else coordinates
