"""Images as cloud-optimized GeoTIFFs, one for each label in time, by GDAL's own driver for them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from xml.etree.ElementTree import Element, SubElement, tostring

import rasterio
import rasterio.shutil

from twinlake.core.documents import JsonObject
from twinlake.holdings.readers.crs import read_crs
from twinlake.holdings.readers.gdal import OPTIONS
from twinlake.processing.openeo.formats.blanks import blank
from twinlake.processing.openeo.formats.facts import WrittenFile
from twinlake.processing.openeo.formats.grids import Grid
from twinlake.processing.openeo.formats.images import Image, list_images
from twinlake.processing.openeo.formats.order import Order
from twinlake.processing.openeo.formats.spool import Spool
from twinlake.processing.openeo.formats.stac import describe_bands, describe_grid, describe_type, find_extent, find_instant
from twinlake.processing.openeo.formats.texts import without_controls

_TYPES = {"uint8": "Byte", "int8": "Int8"}


def write_geotiffs(spool: Spool, grid: Grid, order: Order) -> Iterator[WrittenFile]:
    """Write the images of *spool*, of which the dimensions are time, bands, y and x, as far as they are there."""
    nodata = blank(spool)
    bands = describe_bands(spool.dimensions)
    fields = describe_grid(grid) | describe_type(spool.dtype, nodata)
    if bands:
        fields["bands"] = bands
    for image in list_images(spool):
        path = order.path(image.label)
        source = order.scratch / "image.vrt"
        source.write_bytes(_describe(_Raster(spool=spool, grid=grid, nodata=nodata, bands=bands), image, _tags(image, order)))
        with rasterio.Env(**OPTIONS):
            rasterio.shutil.copy(source, path, driver="COG", **_creation(order.options))
        instant = find_instant(image.dimensions)
        known = fields if instant is None else {**fields, "datetime": instant}
        yield order.written(path, find_extent(image.dimensions), known, label=image.label)


def _creation(chosen: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of GDAL's driver."""
    options = {
        "COMPRESS": chosen["compress"],
        "BLOCKSIZE": chosen["blocksize"],
        "OVERVIEWS": "AUTO" if chosen["overviews"] else "NONE",
        "OVERVIEW_RESAMPLING": chosen["overview_resampling"].upper(),
        "BIGTIFF": "IF_SAFER",
        "NUM_THREADS": 1,
    }
    if chosen["compress"] != "NONE":
        options["PREDICTOR"] = "YES" if chosen["predictor"] else "NO"
    return options


@dataclass(frozen=True, slots=True, kw_only=True)
class _Raster:
    """What all images of a spool have in common."""

    spool: Spool
    grid: Grid
    nodata: float | None
    bands: list[JsonObject]
    """What is known of each; empty where the cube has no dimension of them."""


def _describe(raster: _Raster, image: Image, tags: Mapping[str, str]) -> bytes:
    """Return the cells of an image in the spool as a raster of GDAL, which reads them from there.

    Source: GDAL, "VRT -- GDAL Virtual Format", descriptions for raw files
    """
    grid, spool = raster.grid, raster.spool
    root = Element("VRTDataset", rasterXSize=str(grid.width), rasterYSize=str(grid.height))
    if grid.crs is not None:
        SubElement(root, "SRS", dataAxisToSRSAxisMapping=_axes(grid.crs)).text = read_crs(grid.crs).to_wkt()
    width, _, west, _, height, north = grid.transform
    SubElement(root, "GeoTransform").text = ",".join(map(repr, (west, width, 0.0, north, 0.0, height)))
    metadata = SubElement(root, "Metadata")
    for name, text in tags.items():
        SubElement(metadata, "MDI", key=name).text = text
    item = spool.dtype.itemsize
    kind = _TYPES.get(spool.dtype.name, spool.dtype.name.capitalize().replace("Uint", "UInt"))
    for number in range(image.bands):
        band = SubElement(root, "VRTRasterBand", dataType=kind, band=str(number + 1), subClass="VRTRawRasterBand")
        if raster.bands:
            SubElement(band, "Description").text = without_controls(raster.bands[number]["name"])
        if unit := raster.bands[number].get("unit") if raster.bands else None:
            SubElement(band, "UnitType").text = without_controls(unit)
        if raster.nodata is not None:
            SubElement(band, "NoDataValue").text = str(raster.nodata)
        SubElement(band, "SourceFilename", relativeToVRT="1").text = spool.cells.name
        SubElement(band, "ImageOffset").text = str((image.first + number * grid.width * grid.height) * item)
        SubElement(band, "PixelOffset").text = str(item)
        SubElement(band, "LineOffset").text = str(grid.width * item)
        SubElement(band, "ByteOrder").text = "LSB"
    return bytes(tostring(root, encoding="utf-8"))


def _tags(image: Image, order: Order) -> dict[str, str]:
    embedded = order.facts.embedded()
    tags = {"TIFFTAG_IMAGEDESCRIPTION": embedded.pop("title"), **embedded}
    if order.options["overviews"]:
        tags["overview_resampling"] = order.options["overview_resampling"]
    if image.label:
        tags["datetime"] = image.label
    if image.interval is not None:
        tags["interval"] = "/".join(image.interval)
    return {name: without_controls(text) for name, text in tags.items() if text}


def _axes(crs: int | str) -> str:
    """Return in which order the axes of a CRS are those of an image, which has its x first."""
    axes = read_crs(crs).axis_info
    return "2,1" if axes and axes[0].direction in {"north", "south"} and axes[1].direction in {"east", "west"} else "1,2"
