"""What the items of a collection say of their assets: rasters with their bands, and cubes of arrays. Pure.

Sources: STAC 1.1.0 (bands), extensions projection 2.0.0, raster 2.0.0, eo 2.0.0, datacube 2.2.0; 1.x of them where they differ.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from twinlake.core.documents import JsonObject
from twinlake.processing.openeo.shapes.projecting import Crs
from twinlake.processing.openeo.shapes.quantities import Quantity
from twinlake.processing.openeo.shapes.times import parse_time, write_time
from twinlake.standards.datalake import single_assets
from twinlake.standards.openeo.errors import ProcessError
from twinlake.standards.stac.bands import list_bands, shared_fields

_PICTURES = frozenset({"thumbnail", "overview", "metadata", "visual"})
"""Roles of assets that are no data."""
_EPSG = "EPSG:"
_TIFF = "image/tiff"
_ARRAYS = ("application/netcdf", "application/x-netcdf", "application/x-hdf5", "application/vnd+zarr", "application/vnd.zarr")
NUMBER_TYPES = frozenset(
    {"int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float16", "float32", "float64"}
)
MAX_CELLS_ALONG = 1 << 22
"""Labels of one spatial dimension, of a file or a cube."""


class Unloadable(ProcessError):
    """The site has an asset of which its metadata do not say enough, or nothing that can be loaded."""

    def __init__(self, message: str) -> None:
        super().__init__("NotLoadable", message)


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """What a band is called, and what it is of."""

    name: str
    common_name: str | None = None
    wavelength: float | None = None
    """Micrometres."""
    quantity: Quantity | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BandEntry(Band):
    """One band of a raster asset."""

    number: int
    """In the file, from 1."""
    dtype: str
    nodata: float | None
    scale: float
    offset: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RasterAsset:
    """One asset that is a raster."""

    key: str
    crs: Crs
    transform: tuple[float, float, float, float, float, float]
    shape: tuple[int, int]
    bands: tuple[BandEntry, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CubeAsset:
    """One asset that holds arrays."""

    key: str
    dimensions: Mapping[str, JsonObject]
    variables: Mapping[str, JsonObject]
    bands: Sequence[JsonObject]
    """What the item says of each, if anything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemTime:
    """When the data of an item were taken."""

    start: int
    """Microseconds, as `parse_time` counts them."""
    label: str
    interval: tuple[str, str] | None
    """Where the item says both ends."""


def read_time(item: JsonObject) -> ItemTime:
    """Return the time of an item: its instant, or the start of its interval."""
    properties = item["properties"]
    first, last = properties.get("start_datetime"), properties.get("end_datetime")
    instant = properties.get("datetime") or first
    interval = (normalise(first), normalise(last)) if first and last else None
    start = first if interval is not None else instant
    return ItemTime(start=parse_time(start), label=normalise(instant), interval=interval)


def normalise(text: str) -> str:
    """Return an instant of RFC 3339 in UTC, without fractions that are zero."""
    return write_instant(parse_time(text))


def list_rasters(item: JsonObject) -> Iterator[RasterAsset]:
    """Yield the raster assets of an item that are data, in its order.

    Raises
    ------
    Unloadable
        One lacks what a reader must know.
    """
    for key, asset in single_assets(item).items():
        if is_data(asset, _TIFF):
            yield _read_raster(key, asset, item)


def list_cubes(item: JsonObject) -> Iterator[CubeAsset]:
    """Yield the assets of an item that hold arrays with a place, in its order."""
    for key, asset in single_assets(item).items():
        if is_data(asset, _ARRAYS):
            described = Fields(asset, item["properties"])
            dimensions, variables = described.get("cube:dimensions"), described.get("cube:variables")
            if isinstance(dimensions, dict) and isinstance(variables, dict):
                yield CubeAsset(key=key, dimensions=dimensions, variables=variables, bands=list_bands(asset))


def read_band(described: JsonObject, *, name: str) -> Band:
    """Return what a band is called; *name* is for where it is not said."""
    return Band(name=_first_text(described, "name") or name, quantity=read_quantity(described), **_read_colour(described))


def read_quantity(described: JsonObject) -> Quantity | None:
    """Return what the numbers of a band, or of a variable of a cube, are of; None where nothing is said of it."""
    found = Quantity(
        unit=_first_text(described, "unit"),
        standard_name=_first_text(described, "cf:standard_name", "standard_name"),
        long_name=_first_text(described, "description"),
    )
    return None if found == Quantity() else found


def _read_colour(band: JsonObject) -> dict[str, Any]:
    return {
        "common_name": _first_text(band, "eo:common_name"),
        "wavelength": _find_number(band, "eo:center_wavelength", None),
    }


def is_data(asset: JsonObject, types: str | tuple[str, ...]) -> bool:
    """Whether an asset is data of one of some media types."""
    return _PICTURES.isdisjoint(asset.get("roles") or ()) and str(asset.get("type", "")).startswith(types)


@dataclass(frozen=True, slots=True)
class Fields:
    """Fields of an asset, which may stand at its item for all of them."""

    asset: JsonObject
    properties: JsonObject

    def get(self, name: str) -> Any:
        """Return a field; None where neither has it."""
        return self.asset[name] if name in self.asset else self.properties.get(name)


def _read_raster(key: str, asset: JsonObject, item: JsonObject) -> RasterAsset:
    fields = Fields(asset, item["properties"])
    transform, shape = fields.get("proj:transform"), fields.get("proj:shape")
    crs = _read_crs(fields)
    if crs is None or not _are_numbers(transform, (6, 9)) or not _are_numbers(shape, (2,)):
        raise _missing(key, item, "where its pixels lie (proj:code, proj:transform, proj:shape)")
    rows, columns = (int(each) for each in shape)
    determinant = transform[0] * transform[4] - transform[1] * transform[3]
    if not 0 < rows <= MAX_CELLS_ALONG or not 0 < columns <= MAX_CELLS_ALONG or not math.isfinite(determinant) or not determinant:
        raise Unloadable(f"Asset {key!r} of item {item['id']!r} says that it has {columns} x {rows} pixels of no possible size.")
    a, b, c, d, e, f = (float(each) for each in transform[:6])
    return RasterAsset(
        key=key, crs=crs, transform=(a, b, c, d, e, f), shape=(rows, columns), bands=tuple(_list_bands(key, fields, item))
    )


def _read_crs(fields: Fields) -> Crs | None:
    code, epsg, wkt = fields.get("proj:code"), fields.get("proj:epsg"), fields.get("proj:wkt2")
    if isinstance(code, str) and code:
        return int(code[len(_EPSG) :]) if code.startswith(_EPSG) and code[len(_EPSG) :].isdigit() else code
    if isinstance(epsg, int):
        return epsg
    return wkt if isinstance(wkt, str) and wkt else None


def _are_numbers(value: Any, lengths: tuple[int, ...]) -> bool:
    if not isinstance(value, list) or len(value) not in lengths:
        return False
    return all(isinstance(each, int | float) and math.isfinite(each) for each in value)


def _list_bands(key: str, fields: Fields, item: JsonObject) -> Iterator[BandEntry]:
    described = list_bands(fields.asset) or [{}]
    shared = shared_fields(fields.asset, fields.properties)
    for number, own in enumerate(described, start=1):
        band = {**shared, **own}
        name = band.get("name") or (key if len(described) == 1 else f"{key}_{number}")
        dtype = band.get("data_type")
        if dtype not in NUMBER_TYPES:
            if dtype is not None:
                raise Unloadable(
                    f"Band {name!r} of asset {key!r}, item {item['id']!r}, is of the type {dtype!r}: no real numbers."
                )
            raise _missing(key, item, "of which type its numbers are (data_type)")
        yield BandEntry(
            name=str(name),
            number=number,
            dtype=dtype,
            nodata=_read_number(band.get("nodata")),
            scale=_find_number(band, "raster:scale", 1.0),
            offset=_find_number(band, "raster:offset", 0.0),
            quantity=read_quantity(band),
            **_read_colour(band),
        )


def _read_number(value: Any) -> float | None:
    if isinstance(value, str):
        return {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}.get(value.lower())
    return value if isinstance(value, int | float) else None


def _find_number(band: JsonObject, name: str, default: float | None) -> Any:
    found = band.get(name)
    return float(found) if isinstance(found, int | float) and math.isfinite(found) else default


def _first_text(band: JsonObject, *names: str) -> str | None:
    return next((band[name] for name in names if isinstance(band.get(name), str)), None)


def _missing(key: str, item: JsonObject, what: str) -> Unloadable:
    return Unloadable(f"The metadata of asset {key!r} of item {item['id']!r} do not say {what}: ingest it again.")


def write_instant(instant: int, calendar: str = "standard") -> str:
    """Return the text of an instant, with fractions of a second where it has some."""
    text, fraction = write_time(instant, calendar), instant % 1_000_000
    return text if not fraction else f"{text[:-1]}.{f'{fraction:06d}'.rstrip('0')}Z"
