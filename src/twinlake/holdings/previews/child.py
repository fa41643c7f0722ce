"""What the drawing child runs: tiles of rasters, one message after the other.

A message is JSON (``path, z, x, y``), its answer a PNG, or nothing where the file cannot be drawn.
"""

import functools
import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
from rio_tiler.colormap import cmap
from rio_tiler.errors import TileOutsideBounds
from rio_tiler.io import Reader
from rio_tiler.models import ImageData

from twinlake.engines.sandbox.worker import serve
from twinlake.holdings.readers.gdal import open_raster

_TILE_PIXELS = 256
_SAMPLE_PIXELS = 512
_OPEN_FILES = 16


def _draw(message: bytes) -> bytes:
    order = json.loads(message)
    path, z, x, y = str(order["path"]), int(order["z"]), int(order["x"]), int(order["y"])
    try:
        with open_raster(Path(path)) as dataset, Reader(path, dataset=dataset) as source:
            try:
                image = source.tile(x, y, z, tilesize=_TILE_PIXELS, indexes=_choose_bands(dataset))
            except TileOutsideBounds:
                return _EMPTY
            return _paint(image, path, dataset, source)
    except Exception:  # whatever a hostile file does, the answer is the same: it cannot be drawn
        logging.getLogger(__name__).exception("cannot draw %s", Path(path).name)
        return b""


def _choose_bands(dataset: Any) -> tuple[int, ...]:
    """Return three bands for colour where the file has them, else its first."""
    count = dataset.count
    names = [interpretation.name for interpretation in dataset.colorinterp]
    if {"red", "green", "blue"} <= set(names):
        return tuple(names.index(name) + 1 for name in ("red", "green", "blue"))
    return (1, 2, 3) if count in {3, 4} else (1,)


def _paint(image: ImageData, path: str, dataset: Any, source: Reader) -> bytes:
    if len(image.band_names) == 1 and source.colormap:  # the file's own
        return bytes(image.render(img_format="PNG", colormap=source.colormap))
    if image.array.dtype.kind == "f":  # a value that is none is missing, whether the file says so or not
        image.array = np.ma.masked_invalid(image.array)
    if not (image.array.dtype == np.uint8 and len(image.band_names) == 3):
        # The path may come to hold another file while this child lives.
        image.rescale(in_range=_stretch(path, Path(path).stat().st_mtime_ns, _choose_bands(dataset)))
    colours = None if len(image.band_names) == 3 else cmap.get("viridis")
    return bytes(image.render(img_format="PNG", colormap=colours))


@functools.lru_cache(_OPEN_FILES)
def _stretch(path: str, modified_ns: int, bands: tuple[int, ...]) -> tuple[tuple[float, float], ...]:
    """Return the 2nd and 98th percentile of each band of a file as last modified, from a small copy of the whole."""
    _ = modified_ns
    with open_raster(Path(path)) as dataset, Reader(path, dataset=dataset) as source:
        sample = source.preview(max_size=_SAMPLE_PIXELS, indexes=bands)
    ranges = []
    for band in sample.array:
        values = band.compressed()
        values = values[np.isfinite(values)]
        low, high = (float(edge) for edge in np.percentile(values, (2, 98))) if values.size else (0.0, 1.0)
        ranges.append((low, high if high > low else low + 1.0))
    return tuple(ranges)


_EMPTY = bytes(ImageData(np.ma.array(np.zeros((1, _TILE_PIXELS, _TILE_PIXELS), np.uint8), mask=True)).render(img_format="PNG"))


if __name__ == "__main__":
    logging.getLogger("rasterio").setLevel(logging.ERROR)
    serve(_draw)
