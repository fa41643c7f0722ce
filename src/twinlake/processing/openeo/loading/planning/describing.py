"""What a collection says of the cube that would be loaded of it: dimensions and bands, told by one of its items. Pure."""

import math
from collections.abc import Iterable
from typing import Any

from twinlake.core.documents import JsonObject
from twinlake.core.errors import TwinlakeError
from twinlake.holdings.readers.crs import read_crs, to_degrees
from twinlake.holdings.readers.description import DATACUBE, EO
from twinlake.processing.openeo.loading.planning.cube_items import list_grids
from twinlake.processing.openeo.loading.planning.items import Band, list_rasters
from twinlake.processing.openeo.loading.planning.labels import list_declared_bands
from twinlake.processing.openeo.loading.planning.vectors import TableAsset, find_table
from twinlake.processing.openeo.shapes.dimensions import Dimension
from twinlake.processing.openeo.shapes.projecting import DEGREES, Crs
from twinlake.standards.openeo.errors import OpenEoError

Box = tuple[float, float, float, float]
_HORIZONTAL = frozenset({"x", "y"})


def describe_cube(collection: JsonObject, items: Iterable[JsonObject]) -> JsonObject:
    """Return *collection* with ``cube:dimensions`` and the bands in its ``summaries``, as far as it does not have them itself.

    Parameters
    ----------
    items
        Some of its items, of which the first that can be loaded counts.
    """
    looked_at = list(items)
    bands, others = _look_at(looked_at)
    declared = list_declared_bands(collection)
    bands.sort(key=lambda each: declared.index(each["name"]) if each["name"] in declared else len(declared))
    summaries = dict(collection.get("summaries") or {})
    if bands:
        summaries.setdefault("bands", bands)
    described = {**collection, "summaries": summaries}
    table = None if bands else next(filter(None, map(find_table, looked_at)), None)
    raster = {
        **_extents(collection, _find_crs(looked_at)),
        **{str(each.axis): _describe_axis(each) for each in others if each.axis in _HORIZONTAL},
        **{each.name: _describe(each) for each in others if each.axis not in _HORIZONTAL},
        **({"bands": {"type": "bands", "values": [each["name"] for each in bands]}} if bands else {}),
    }
    own = raster if table is None else _describe_table(table, collection)
    described["cube:dimensions"] = collection.get("cube:dimensions") or own
    is_colour = any(name.startswith("eo:") for each in bands for name in each)
    extensions = [*collection.get("stac_extensions", ()), DATACUBE, *([EO] if is_colour else [])]
    return {**described, "stac_extensions": list(dict.fromkeys(extensions))}


def _look_at(items: Iterable[JsonObject]) -> tuple[list[JsonObject], list[Dimension]]:
    """Return the bands of the first item that can be loaded, and dimensions that its cube has beside the usual ones.

    Among them are the axes of a grid in degrees, which may count longitudes otherwise than boxes do: from 0 to 360.
    """
    for item in items:
        try:
            rasters = {band.name: band for asset in list_rasters(item) for band in asset.bands}
            if rasters:
                return [_describe_band(each) for each in rasters.values()], []
            grids = list(list_grids(item))
            if grids:
                bands = {name: each.band for grid in grids for name, each in grid.variables.items()}
                axes = [each for each in (grids[0].y, grids[0].x) if not grids[0].is_curvilinear and each.crs == DEGREES]
                return [_describe_band(each) for each in bands.values()], [*axes, *grids[0].others.values()]
        except OpenEoError:  # its metadata do not say enough; loading it will tell
            continue
    return [], []


def _describe_band(band: Band) -> JsonObject:
    described: JsonObject = {"name": band.name}
    if band.common_name is not None:
        described["eo:common_name"] = band.common_name
    if band.wavelength is not None:
        described["eo:center_wavelength"] = band.wavelength
    if band.quantity is not None and band.quantity.unit is not None:
        described["unit"] = band.quantity.unit
    return described


def _describe_table(table: TableAsset, collection: JsonObject) -> JsonObject:
    rows = {"geometries": {"type": "geometry", "axes": ["x", "y"], "bbox": collection["extent"]["spatial"]["bbox"][0]}}
    columns = {"properties": {"type": "other", "values": list(table.columns)}}
    return {**(rows if table.has_places else {}), **(columns if table.columns else {})}


def _find_crs(items: Iterable[JsonObject]) -> Crs:
    """Return the CRS that all images of *items* have; degrees where they have several, or none."""
    try:
        found = {asset.crs for item in items for asset in list_rasters(item)}
    except OpenEoError:
        return DEGREES
    return found.pop() if len(found) == 1 else DEGREES


def _extents(collection: JsonObject, crs: Crs) -> JsonObject:
    west, south, *rest = collection["extent"]["spatial"]["bbox"][0]
    east, north = (rest[0], rest[1]) if len(rest) == 2 else (rest[1], rest[2])
    moved = _move((west, south, east, north), crs)
    (west, south, east, north), crs = ((west, south, east, north), DEGREES) if moved is None else (moved, crs)
    return {
        "x": {"type": "spatial", "axis": "x", "extent": [west, east], "reference_system": crs},
        "y": {"type": "spatial", "axis": "y", "extent": [south, north], "reference_system": crs},
        "t": {"type": "temporal", "extent": list(collection["extent"]["temporal"]["interval"][0])},
    }


def _move(box: Box, crs: Crs) -> Box | None:
    """Return the box in another CRS around one in degrees; None where there is none, or the CRS is not understood."""
    try:
        moved = to_degrees(read_crs(crs)).transform_bounds(*box, direction="INVERSE")
    except TwinlakeError:
        return None
    return moved if all(map(math.isfinite, moved)) else None


def _describe_axis(axis: Dimension) -> JsonObject:
    found = axis.coordinates()
    extent = [float(found.min()), float(found.max())]
    return {"type": axis.kind, "axis": axis.axis, "extent": extent, "reference_system": axis.crs}


def _describe(dimension: Dimension) -> JsonObject:
    described: dict[str, Any] = {"type": dimension.kind, "values": list(dimension.labels)}
    return described if dimension.axis is None else {**described, "axis": dimension.axis}
