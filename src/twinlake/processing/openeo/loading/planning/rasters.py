"""From the items of a collection to a cube of images: which bands of which files stand where. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from twinlake.core.documents import JsonObject
from twinlake.processing.openeo.loading.pins import Image, ImageBand, PinnedFile, RasterPins
from twinlake.processing.openeo.loading.planning.grids import Footing, Grid, axes_of, choose_grid, cut, limit, read_declared
from twinlake.processing.openeo.loading.planning.items import BandEntry, ItemTime, RasterAsset, list_rasters, read_time
from twinlake.processing.openeo.loading.planning.labels import (
    Moment,
    choose_bands,
    find_left_out,
    keep_bands,
    list_declared_bands,
    name_bands,
    no_data,
    no_time,
    order_times,
)
from twinlake.processing.openeo.loading.planning.value_types import join_types
from twinlake.processing.openeo.loading.requests import LoadRequest
from twinlake.processing.openeo.shapes.areas import take_columns
from twinlake.processing.openeo.shapes.dimensions import Dimension
from twinlake.processing.openeo.shapes.projecting import is_in_degrees
from twinlake.processing.openeo.shapes.times import Bounded, find_within
from twinlake.standards.openeo.errors import ProcessGraphComplexityError

_MAX_PARTS = 200_000


@dataclass(frozen=True, slots=True, kw_only=True)
class _Layer:
    """One band of one item."""

    item: str
    time: ItemTime
    asset: RasterAsset
    band: BandEntry

    @property
    def footing(self) -> Footing:
        return Footing(crs=self.asset.crs, transform=self.asset.transform, shape=self.asset.shape)


@dataclass(frozen=True, slots=True, kw_only=True)
class RasterPlan:
    """A cube of images of which the files are known by name."""

    dimensions: tuple[Dimension, ...]
    dtype: str
    area: JsonObject | None
    left_out: tuple[Bounded, ...]
    images: tuple[tuple[str, RasterAsset], ...]
    """Item and asset of each."""
    parts: tuple[ImageBand, ...]

    @property
    def assets(self) -> list[tuple[str, str]]:
        """Item and asset key of each file."""
        return [(item, asset.key) for item, asset in self.images]

    def pin(self, files: Mapping[tuple[str, str], PinnedFile]) -> RasterPins:
        """Return it with the files of `assets`."""
        images = [
            Image(file=files[item, asset.key], crs=asset.crs, transform=asset.transform, shape=asset.shape)
            for item, asset in self.images
        ]
        return RasterPins(
            dimensions=self.dimensions,
            dtype=self.dtype,
            area=self.area,
            left_out=self.left_out,
            images=tuple(images),
            parts=self.parts,
        )


def plan_rasters(request: LoadRequest, items: Sequence[JsonObject], collection: JsonObject) -> RasterPlan | None:
    """Return what *request* asks for of the raster assets of *items*; None where they have none.

    Raises
    ------
    ProcessError
        ``NoDataAvailable``, ``TemporalExtentEmpty``; ``NotLoadable``: metadata are missing.
    ProcessParameterInvalidError
        There is no such band, or the spatial extent is none.
    ProcessGraphComplexityError
        There is too much.
    """
    layers = [each for item in items for each in _list_layers(item)]
    if not layers:
        return None
    every = name_bands((each.band for each in layers), declared=list_declared_bands(collection))
    wanted = choose_bands(every, request.bands)
    of_bands = [each for each in layers if each.band.name in wanted.labels]
    if not of_bands:
        raise no_data("of these bands within the extents")
    layers = [of_bands[place] for place in find_within([each.time.start for each in of_bands], request.temporal_extent)]
    if not layers:
        raise no_time(each.time.label for each in of_bands)
    y, x = axes_of(_choose_grid(request, layers, collection))
    rows, columns = limit(y, x, box=request.box, area=request.area)
    y, x = y.take(rows), take_columns(x, columns)
    layers = _near(layers, y, x)
    if not layers:
        raise no_data("within the spatial extent")
    kept = keep_bands(wanted, request.kept_bands)
    left_out = find_left_out((_moment(each) for each in of_bands), request.temporal_extent)
    t, places = order_times(map(_moment, layers))
    images, parts = _arrange([each for each in layers if each.band.name in kept.labels], kept, places)
    return RasterPlan(
        dimensions=(t, kept, y, x),
        dtype=join_types((each.band.dtype, each.band.scale, each.band.offset) for each in layers),
        area=request.area,
        left_out=left_out,
        images=images,
        parts=parts,
    )


def _moment(layer: _Layer) -> Moment:
    return Moment(start=layer.time.start, label=layer.time.label, interval=layer.time.interval)


def _list_layers(item: JsonObject) -> list[_Layer]:
    """Return the bands of an item; where several of its assets have a band of one name that of the finest pixels."""
    time = read_time(item)
    finest: dict[str, _Layer] = {}
    for asset in list_rasters(item):
        for band in asset.bands:
            layer = _Layer(item=item["id"], time=time, asset=asset, band=band)
            known = finest.get(band.name)
            if known is None or _pixel_area(asset) < _pixel_area(known.asset):
                finest[band.name] = layer
    return list(finest.values())


def _pixel_area(asset: RasterAsset) -> float:
    a, b, _, d, e, _ = asset.transform
    return abs(a * e - b * d)


def _choose_grid(request: LoadRequest, layers: Sequence[_Layer], collection: JsonObject) -> Grid:
    grid = choose_grid([each.footing for each in layers], declared=read_declared(collection))
    return grid if request.box is None else cut(grid, request.box)


def _near(layers: Sequence[_Layer], y: Dimension, x: Dimension) -> list[_Layer]:
    """Return the layers that may have a pixel in the cube."""
    crs = x.crs
    assert crs is not None
    ys, xs = y.coordinates(), x.coordinates()
    turns = is_in_degrees(crs)
    boxes = {footing: footing.bounds(crs) for footing in {each.footing for each in layers}}

    def is_near(footing: Footing) -> bool:
        box = boxes[footing]
        if box is None:
            return True
        left, bottom, right, top = box
        return bool(((ys >= bottom) & (ys <= top)).any() and (turns or ((xs >= left) & (xs <= right)).any()))

    near = {footing: is_near(footing) for footing in boxes}
    return [each for each in layers if near[each.footing]]


def _arrange(
    layers: Sequence[_Layer], bands: Dimension, places: Mapping[int, int]
) -> tuple[tuple[tuple[str, RasterAsset], ...], tuple[ImageBand, ...]]:
    if len(layers) > _MAX_PARTS:
        raise ProcessGraphComplexityError(
            f"What is asked for consists of {len(layers)} images.", remedy="Give a shorter temporal_extent, or fewer bands."
        )
    images: dict[tuple[str, str], int] = {}
    assets: list[tuple[str, RasterAsset]] = []
    parts = []
    for each in sorted(layers, key=lambda layer: (layer.time.start, layer.item)):
        key = (each.item, each.asset.key)
        if key not in images:
            images[key] = len(assets)
            assets.append((each.item, each.asset))
        band = each.band
        part = ImageBand(
            image=images[key],
            number=band.number,
            t=places[each.time.start],
            band=bands.place(band.name),
            dtype=band.dtype,
            nodata=band.nodata,
            scale=band.scale,
            offset=band.offset,
        )
        parts.append(part)
    return tuple(assets), tuple(parts)
