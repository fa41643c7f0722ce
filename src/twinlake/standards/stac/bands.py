"""Bands of an asset, whatever version of STAC and its extensions describes them."""

from collections.abc import Sequence

from twinlake.core.documents import JsonObject

COLOURS = ("red", "green", "blue")
"""Common names of the bands of which a picture in natural colours is made."""
_LISTS = ("eo:bands", "raster:bands", "bands")
_NEWER = {
    "common_name": "eo:common_name",
    "center_wavelength": "eo:center_wavelength",
    "scale": "raster:scale",
    "offset": "raster:offset",
}
"""What fields of bands have been called since STAC 1.1."""
_SHARED = frozenset(
    {"data_type", "nodata", "unit", "raster:scale", "raster:offset", "eo:common_name", "eo:center_wavelength", "cf:standard_name"}
)


def list_bands(asset: JsonObject) -> list[JsonObject]:
    """Return what is said of each band; before STAC 1.1 each extension had a list of its own.

    Fields have the names of STAC 1.1. Those that are null are left out.

    Sources: STAC 1.1.0 (common metadata, bands), extensions eo 1.1.0 and raster 1.1.0
    """
    lists = [asset[name] for name in _LISTS if isinstance(asset.get(name), list)]
    merged: list[JsonObject] = [{} for _ in range(max(map(len, lists), default=0))]
    for bands in lists:
        for place, band in enumerate(bands):
            if isinstance(band, dict):
                told = {name: value for name, value in band.items() if value is not None}
                merged[place] |= {_NEWER[name]: told.pop(name) for name in _NEWER if name in told} | told
    return merged


def find_colours(bands: Sequence[JsonObject]) -> tuple[int, ...]:
    """Return the places of the bands of red, green and blue light, in that order; nothing where one of them is not there.

    Parameters
    ----------
    bands
        As `list_bands` returns them.
    """
    names = [band.get("eo:common_name") for band in bands]
    return tuple(names.index(colour) for colour in COLOURS) if all(colour in names for colour in COLOURS) else ()


def shared_fields(asset: JsonObject, properties: JsonObject) -> JsonObject:
    """Return what an asset, or else its item, says of all bands that do not say it themselves.

    Others of its fields, such as a description, are of the asset and of no band.
    Sources: STAC 1.1.0 (common metadata, bands), extension raster 2.0.0
    """
    return {name: value for name, value in {**properties, **asset}.items() if name in _SHARED}
