"""Bands of an asset, whatever version of STAC and its extensions describes them."""

from twinlake.core.documents import JsonObject

_LISTS = ("eo:bands", "raster:bands", "bands")


def list_bands(asset: JsonObject) -> list[JsonObject]:
    """Return what is said of each band; before STAC 1.1 each extension had a list of its own. Members that are null are left out.

    Sources: STAC 1.1.0 (common metadata, bands), extensions eo 1.1.0 and raster 1.1.0
    """
    lists = [asset[name] for name in _LISTS if isinstance(asset.get(name), list)]
    merged: list[JsonObject] = [{} for _ in range(max(map(len, lists), default=0))]
    for bands in lists:
        for place, band in enumerate(bands):
            if isinstance(band, dict):
                merged[place] |= {name: value for name, value in band.items() if value is not None}
    return merged
