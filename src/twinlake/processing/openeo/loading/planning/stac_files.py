"""Assets that lie beside each other, results of a job or what an item elsewhere has, as one load. Pure.

What is read of them, in this order: the one Zarr store, which restores a cube exactly; GeoTIFFs, as items with a time each, or
the one that has none; NetCDF; files of vectors and tables of one format.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import orjson

from twinlake.core.documents import JsonObject
from twinlake.processing.openeo.loading.formats import read_format
from twinlake.processing.openeo.loading.pins import ZARR, FilePins, KeptFile, Narrowing, PinnedFile, Pins
from twinlake.processing.openeo.loading.planning.items import Unloadable
from twinlake.processing.openeo.loading.planning.plans import plan_cube
from twinlake.processing.openeo.loading.requests import LoadRequest
from twinlake.standards.openeo.errors import ProcessError

_ZARR = ("application/vnd.zarr", "application/vnd+zarr")
_TIFF = "image/tiff"
_BAND = "B1"
"""What the only band of an image is called where nobody has named it; so `images` calls it, too."""
_FILES = {
    "netCDF": ("application/netcdf", "application/x-netcdf"),
    "Parquet": ("application/vnd.apache.parquet", "application/x-parquet"),
    "GeoJSON": ("application/geo+json",),
    "CSV": ("text/csv",),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundAsset:
    """One asset of which the bytes are at hand."""

    name: str
    document: JsonObject
    """Of STAC."""
    interval: tuple[str, str] | None
    """When its data are of; None where that is not told."""
    files: Mapping[str, KeptFile]
    """By path within the asset; the empty path alone is a file."""


def choose_assets(request: LoadRequest, assets: Sequence[FoundAsset]) -> tuple[str, list[FoundAsset]]:
    """Return the format that is read, and the assets of it; their files need not be known.

    Raises
    ------
    ProcessError
        ``NotLoadable``: there is nothing that could be loaded, or too much of it; ``PropertiesUnsupported``: conditions on
        properties of items are given, of which there are none.
    """
    if request.filter is not None:
        raise ProcessError("PropertiesUnsupported", "What the address leads to has no items with properties to search by.")
    stores = _of(assets, *_ZARR)
    if len(stores) > 1:
        raise Unloadable(f"There are {len(stores)} cubes, and one is loaded at a time: {_names(stores)}.")
    formats = {ZARR: stores, "GTiff": _of(assets, _TIFF)} | {name: _of(assets, *types) for name, types in _FILES.items()}
    for format_, found in formats.items():
        if found:
            return format_, found
    raise Unloadable(f"Nothing can be loaded of {_names(assets)}: save results as Zarr, which keeps all of a cube.")


def pin_assets(request: LoadRequest, format_: str, assets: Sequence[FoundAsset]) -> Pins | FilePins:
    """Return what *request* reads of *assets*, which were chosen; raises as `plan_cube` does."""
    if format_ == "GTiff" and all(each.interval is not None for each in assets):
        files = {(each.name, _BAND): _pin(each) for each in assets}
        return plan_cube(request, [orjson.dumps(_as_item(each)) for each in assets], b"{}").pin(files)
    kept = [
        KeptFile(name=path or each.name, sha256=file.sha256, size_bytes=file.size_bytes)
        for each in assets
        for path, file in sorted(each.files.items())
    ]
    options: JsonObject = {} if format_ == ZARR else read_format(format_, {})[1]
    narrowing = Narrowing(spatial_extent=request.spatial_extent, temporal_extent=request.temporal_extent, bands=request.bands)
    return FilePins(format=format_, options=options, kept=tuple(kept), narrowing=narrowing)


def _of(assets: Sequence[FoundAsset], *types: str) -> list[FoundAsset]:
    return [each for each in assets if str(each.document.get("type", "")).startswith(types)]


def _names(assets: Sequence[FoundAsset]) -> str:
    return ", ".join(each.name[:80] for each in assets[:5]) or "no asset"


def _pin(asset: FoundAsset) -> PinnedFile:
    file = asset.files[""]
    return PinnedFile(
        collection="", item=asset.name, asset=asset.name, size_bytes=file.size_bytes, sha256=file.sha256, filename=asset.name
    )


def _as_item(asset: FoundAsset) -> JsonObject:
    first, last = asset.interval or (None, None)
    instant = asset.document.get("datetime")
    times = {"datetime": first} if first == last else {"datetime": instant, "start_datetime": first, "end_datetime": last}
    return {"id": asset.name, "properties": times, "assets": {_BAND: asset.document}}
