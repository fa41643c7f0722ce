"""Images as pictures of eight bits, one for each label in time, all with one stretch."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twinlake.processing.openeo.formats.facts import WrittenFile
from twinlake.processing.openeo.formats.grids import Grid
from twinlake.processing.openeo.formats.images import Image, list_images
from twinlake.processing.openeo.formats.order import Order
from twinlake.processing.openeo.formats.png_stream import GREY, GREY_ALPHA, PALETTE, RGB, RGBA, Strip, write_png
from twinlake.processing.openeo.formats.spool import Spool
from twinlake.processing.openeo.formats.stac import describe_bands, describe_grid, find_extent

_SAMPLE = 1 << 20
"""Values of which percentiles are taken, evenly from all."""
_STRIP = 1 << 20
"""Cells of a strip."""
_TEXTS = {"title": "Title"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """From which values to which brightness goes."""

    lowest: float
    highest: float
    has_gaps: bool


def write_pngs(spool: Spool, grid: Grid, order: Order) -> Iterator[WrittenFile]:
    """Write the images of *spool*, of which the dimensions are time, bands, y and x, as far as they are there."""
    stretch = _find_stretch(spool, order.options)
    fields = describe_grid(grid) | {"data_type": "uint8"}
    if bands := describe_bands(spool.dimensions):
        fields["bands"] = bands
    fields["twinlake:stretch"] = [stretch.lowest, stretch.highest]
    texts = {_TEXTS.get(name, name): text for name, text in order.facts.embedded().items()}
    colours = order.options["palette"]
    palette = None if colours is None else ramp(colours)
    for image in list_images(spool):
        path = order.path(image.label)
        kind = PALETTE if palette is not None else _kind(image.bands, stretch)
        strips = _draw(spool, image, grid, stretch, kind)
        write_png(path, strips, size=(grid.width, grid.height), colours=kind, texts=texts, palette=palette)
        yield order.written(path, find_extent(image.dimensions), fields, label=image.label)


def _kind(bands: int, stretch: Stretch) -> int:
    if bands == 1:
        return GREY_ALPHA if stretch.has_gaps else GREY
    return RGBA if stretch.has_gaps or bands == 4 else RGB


def _find_stretch(spool: Spool, options: Mapping[str, Any]) -> Stretch:
    """Return the stretch that *options* say, else that of percentiles; opacity does not count."""
    step = -(-spool.size // _SAMPLE)
    sampled, has_gaps, start = [], False, 0
    for cells, valid in spool.blocks():
        there = valid & np.isfinite(cells)
        has_gaps = has_gaps or not there.all()
        first = -start % step
        sampled.append(cells[first::step][there[first::step] & ~_opacity(spool, start, len(cells))[first::step]])
        start += len(cells)
    sample = np.concatenate(sampled).astype(np.float64)
    percentiles = np.percentile(sample, [2, 98]) if sample.size else (0.0, 1.0)
    lowest, highest = (float(found) if given is None else float(given)
                       for found, given in zip(percentiles, (options["minimum"], options["maximum"]), strict=True))  # fmt: skip
    return Stretch(lowest=lowest, highest=highest, has_gaps=has_gaps)


def _opacity(spool: Spool, start: int, count: int) -> NDArray[np.bool_]:
    """Return which of *count* cells from *start* on are opacities: those of the fourth band."""
    bands = next((len(each.labels) for each in spool.dimensions if each.kind == "bands"), 1)
    size = spool.shape[-1] * spool.shape[-2]
    opaque: NDArray[np.bool_] = np.arange(start, start + count) // size % bands == 3
    return opaque


def _draw(spool: Spool, image: Image, grid: Grid, stretch: Stretch, kind: int) -> Iterator[Strip]:
    height = max(1, _STRIP // (grid.width * image.bands))
    for top in range(0, grid.height, height):
        place = (*image.place, slice(top, min(top + height, grid.height)), slice(0, grid.width))
        cells = spool.read(place).reshape(image.bands, -1, grid.width)
        there = spool.read_valid(place).reshape(cells.shape) & ~np.isnan(cells)
        if kind == PALETTE:
            yield np.where(there, 1 + scale(cells, stretch, 254), 0).astype(np.uint8)[0][..., None]
            continue
        samples = [scale(each, stretch, 255) for each in cells[:3]]
        if kind in {GREY_ALPHA, RGBA}:
            opacity = _opaque(cells[3], spool) if image.bands == 4 else np.full(samples[0].shape, 255.0)
            samples.append(np.where(there.all(axis=0), opacity, 0))
            samples[:-1] = [np.where(there.all(axis=0), each, 0) for each in samples[:-1]]
        yield np.stack(samples, axis=-1).astype(np.uint8)


def scale(cells: NDArray[Any], stretch: Stretch, brightest: int) -> NDArray[np.float64]:
    """Return brightness from 0 to *brightest*; whatever where there is NaN."""
    span = stretch.highest - stretch.lowest
    values = np.nan_to_num(cells.astype(np.float64), nan=stretch.lowest)
    if span <= 0:
        return np.where(values >= stretch.highest, float(brightest), 0.0)
    within = np.clip(values, stretch.lowest, stretch.highest)  # first: infinity is a number too large to be divided
    return np.rint((within - stretch.lowest) / span * brightest)


def _opaque(cells: NDArray[Any], spool: Spool) -> NDArray[np.float64]:
    """Return opacities: truths, numbers from 0 to 1, or integers from 0 to 255."""
    values = np.nan_to_num(cells.astype(np.float64), nan=0.0)
    return np.rint(np.clip(values * (1 if spool.dtype.kind != "f" and not spool.is_truth else 255), 0, 255))


def ramp(colours: Sequence[str]) -> NDArray[np.uint8]:
    """Return 256 colours: none, and the others gradually from the first of *colours* to the last."""
    corners = np.array([list(bytes.fromhex(each[1:].ljust(8, "f"))) for each in colours], dtype=np.float64)
    places = np.linspace(0, len(corners) - 1, 255)
    ramp = np.stack([np.interp(places, np.arange(len(corners)), corners[:, sample]) for sample in range(4)], axis=-1)
    return np.concatenate([np.zeros((1, 4)), np.rint(ramp)]).astype(np.uint8)
