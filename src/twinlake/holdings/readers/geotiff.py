"""GeoTIFF and COG: described by rasterio, never read whole."""

from pathlib import Path
from typing import Any

import numpy as np
import pyproj
from numpy.typing import NDArray
from rasterio.enums import ColorInterp, Resampling

from twinlake.core.documents import JsonObject
from twinlake.holdings.readers import file_times, footprints, times
from twinlake.holdings.readers.attributes import clean_text, text_of
from twinlake.holdings.readers.crs import projection_fields, read_crs, to_degrees
from twinlake.holdings.readers.description import PROJECTION, RASTER, Description, Footprint, Interval
from twinlake.holdings.readers.errors import RecipeNeededError, UnreadableFileError
from twinlake.holdings.readers.formats import COG, GEOTIFF
from twinlake.holdings.readers.gdal import open_raster
from twinlake.holdings.readers.hints import Hints
from twinlake.holdings.readers.limits import MAX_SAMPLE
from twinlake.holdings.readers.pictures import Canvas, Layer, colour_picture, palette_picture, rgb_picture
from twinlake.holdings.readers.statistics import statistics

_MAX_BANDS_SAMPLED = 64
_COG_TILE = 512
"""Rasters up to this size need neither tiles nor overviews to be cloud-optimized (as rio-cogeo judges)."""
_STAC_TYPES = {"complex_int16": "cint16", "complex64": "cfloat32", "complex128": "cfloat64", "bool": "uint8"}
_RGB = (ColorInterp.red, ColorInterp.green, ColorInterp.blue)


def describe(path: Path, hints: Hints) -> Description:
    """Describe the GeoTIFF at *path*."""
    with open_raster(path) as dataset:
        tags = {clean_text(name): clean_text(value) for name, value in dataset.tags().items()}
        crs = _crs(dataset, hints)
        asset: JsonObject = {"bands": [_band(dataset, index, hints) for index in dataset.indexes]}
        asset |= _grid(dataset, crs)
        if step := _decimation(dataset):
            asset["twinlake:statistics_decimation"] = step
        return Description(
            format=GEOTIFF.name,
            media_type=(COG if _is_cog(dataset) else GEOTIFF).media_type,
            footprint=footprints.extent(*hints.bbox) if hints.bbox else _footprint(dataset, crs),
            time=_time(dataset, tags),
            asset=asset,
            extensions=frozenset({PROJECTION, RASTER}),
            title=text_of(tags, "title", "TIFFTAG_IMAGEDESCRIPTION"),
        )


def _crs(dataset: Any, hints: Hints) -> pyproj.CRS | None:
    if hints.crs:
        return read_crs(hints.crs)
    found = dataset.crs or (dataset.gcps[1] if dataset.gcps[0] else None)
    return read_crs(found.to_wkt()) if found else None


def _is_cog(dataset: Any) -> bool:
    """Tell whether the file says, and looks, that it is cloud-optimized."""
    if max(dataset.shape) <= _COG_TILE:
        return True
    says = dataset.tags(ns="IMAGE_STRUCTURE").get("LAYOUT") == "COG"
    return bool(dataset.profile.get("tiled")) and (says or bool(dataset.overviews(1)))


def _has_transform(dataset: Any) -> bool:
    return not dataset.transform.is_identity


def _grid(dataset: Any, crs: pyproj.CRS | None) -> JsonObject:
    fields: JsonObject = {"proj:shape": [dataset.height, dataset.width]}
    if crs is not None:
        fields |= projection_fields(crs)
    if _has_transform(dataset):
        fields["proj:transform"] = [*dataset.transform]
        fields["proj:bbox"] = _sorted_bounds(dataset)
    return fields


def _sorted_bounds(dataset: Any) -> list[float]:
    """Return left, bottom, right, top, whichever way the axes run and however the grid is turned."""
    corners = [dataset.transform @ corner for corner in _corners(dataset)]
    x, y = zip(*corners, strict=True)
    return [min(x), min(y), max(x), max(y)]


def _corners(dataset: Any) -> list[tuple[float, float]]:
    return [(0, 0), (dataset.width, 0), (dataset.width, dataset.height), (0, dataset.height)]


def _footprint(dataset: Any, crs: pyproj.CRS | None) -> Footprint:
    if crs is None:
        raise RecipeNeededError("The GeoTIFF states no CRS.", 'State it in a recipe: crs = "EPSG:4326"')
    if _has_transform(dataset):
        return footprints.outline(crs, *_sorted_bounds(dataset))
    gcps = dataset.gcps[0]
    if not gcps:
        raise RecipeNeededError(
            "The GeoTIFF does not state where it lies.", "State it in a recipe: bbox = [west, south, east, north]"
        )
    longitude, latitude = to_degrees(crs).transform([gcp.x for gcp in gcps], [gcp.y for gcp in gcps])
    return footprints.hull(np.asarray(longitude), np.asarray(latitude))


def _time(dataset: Any, tags: JsonObject) -> Interval | None:
    """Return the time that the tags state, also those that GDAL leaves of a NetCDF it has translated."""
    if stated := file_times.from_attributes(tags):
        return stated
    found = []
    for index in dataset.indexes:
        for name, value in dataset.tags(index).items():
            units = tags.get(f"{name.removeprefix('NETCDF_DIM_')}#units", "")
            if name.startswith("NETCDF_DIM_") and " since " in units:
                found.extend(_decode_dimension(name, value, units, tags))
    return times.union(Interval(instant, instant) for instant in found)


def _decode_dimension(name: str, value: str, units: str, tags: JsonObject) -> list[Any]:
    calendar = tags.get(f"{name.removeprefix('NETCDF_DIM_')}#calendar", "standard")
    try:
        decoded = file_times.decode(np.array([float(value)]), units, calendar)
    except ValueError:
        return []
    return [instant for instant in decoded if instant is not None]


def _band(dataset: Any, index: int, hints: Hints) -> JsonObject:
    tags = dataset.tags(index)
    at = index - 1
    name = dataset.descriptions[at] or tags.get("DESCRIPTION") or tags.get("NETCDF_VARNAME")
    band: JsonObject = {"name": clean_text(name) if name else f"band{index}", "data_type": _stac_type(dataset.dtypes[at])}
    nodata = hints.nodata if hints.nodata is not None else dataset.nodatavals[at]
    if nodata is not None:
        band["nodata"] = "nan" if np.isnan(nodata) else _plain(nodata, dataset.dtypes[at])
    if unit := dataset.units[at] or tags.get("units"):
        band["unit"] = clean_text(unit)
    if (dataset.scales[at], dataset.offsets[at]) != (1.0, 0.0):
        band |= {"raster:scale": dataset.scales[at], "raster:offset": dataset.offsets[at]}
    if index <= _MAX_BANDS_SAMPLED:
        values, valid = _sample(dataset, index, hints, MAX_SAMPLE)
        if found := statistics(values, valid):
            band["statistics"] = found
    return band | _sampling(dataset)


def _sampling(dataset: Any) -> JsonObject:
    fields: JsonObject = {}
    if (kind := dataset.tags().get("AREA_OR_POINT", "").lower()) in {"area", "point"}:
        fields["raster:sampling"] = kind
    if _has_transform(dataset) and dataset.crs is not None and dataset.crs.is_projected:
        fields["raster:spatial_resolution"] = abs(dataset.transform.a) or abs(dataset.transform.b)
    return fields


def _plain(nodata: float, dtype: str) -> float | int | str:
    if np.isinf(nodata):
        return "inf" if nodata > 0 else "-inf"
    return int(nodata) if "int" in dtype and float(nodata).is_integer() else nodata


def _stac_type(dtype: str) -> str:
    return _STAC_TYPES.get(dtype, dtype)


def _decimation(dataset: Any) -> int:
    """Return how many rows stand behind one of the sample; 0 if every cell was read."""
    longest = max(dataset.shape)
    return -(-longest // MAX_SAMPLE) if longest > MAX_SAMPLE else 0


def _sample(dataset: Any, index: int, hints: Hints, size: int) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Read one band with at most *size* rows and columns, from an overview where there is one, and what is valid of it."""
    scale = min(1.0, size / max(dataset.shape))
    shape = (max(1, round(dataset.height * scale)), max(1, round(dataset.width * scale)))
    values = dataset.read(index, out_shape=shape, resampling=Resampling.nearest)
    if np.iscomplexobj(values):
        values = np.abs(values)
    mask = dataset.read_masks(index, out_shape=shape, resampling=Resampling.nearest)
    valid = mask.astype(bool) & np.isfinite(values)
    return values, valid if hints.nodata is None else valid & (values != hints.nodata)


def picture(path: Path, hints: Hints) -> Canvas:
    """Draw the GeoTIFF at *path*: its RGB bands, its palette, or its first band in colours; north is up."""
    with open_raster(path) as dataset:
        rgb = _rgb_indexes(dataset)
        if rgb:
            layers = [_sample(dataset, index, hints, Canvas.SIZE) for index in rgb]
            drawn = rgb_picture([values for values, _ in layers], np.logical_and.reduce([valid for _, valid in layers]))
        else:
            values, valid = _sample(dataset, 1, hints, Canvas.SIZE)
            if dataset.colorinterp[0] == ColorInterp.palette and values.dtype == np.uint8:
                drawn = palette_picture(values, valid, dataset.colormap(1))
            else:
                drawn = colour_picture(values, valid)
        if _has_transform(dataset) and dataset.transform.e > 0:
            drawn = drawn.flipped()
        return drawn


def read_layer(path: Path, hints: Hints) -> Layer:
    """Return the first band of the GeoTIFF at *path*, thinned for a picture."""
    with open_raster(path) as dataset:
        values, valid = _sample(dataset, 1, hints, Canvas.SIZE)
        turned = _has_transform(dataset) and dataset.transform.e > 0
        return (values[::-1], valid[::-1]) if turned else (values, valid)


def _rgb_indexes(dataset: Any) -> list[int]:
    kinds = dataset.colorinterp
    if all(kind in kinds for kind in _RGB):
        return [kinds.index(kind) + 1 for kind in _RGB]
    names = [str(name or "").lower() for name in dataset.descriptions]
    for wanted in (("red", "green", "blue"), ("b04", "b03", "b02"), ("b4", "b3", "b2")):
        if all(name in names for name in wanted):
            return [names.index(name) + 1 for name in wanted]
    return []


def check_whole(path: Path) -> None:
    """Read the last block of the last band: a file that was cut off fails here.

    Raises
    ------
    UnreadableFileError
        The block cannot be read.
    """
    with open_raster(path) as dataset:
        rows, columns = dataset.block_shapes[-1]
        row, column = (dataset.height - 1) // rows, (dataset.width - 1) // columns
        window = dataset.block_window(dataset.count, row, column)
        if not dataset.read(dataset.count, window=window).size:
            raise UnreadableFileError("The GeoTIFF holds no cells.", "Write it again.")
