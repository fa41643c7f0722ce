"""What the drawing child runs: tiles of rasters, one message after the other.

A message is JSON: ``path, bands, z, x, y`` for a tile, the answer to which is a PNG, or ``path, bands`` for what is in the file,
the answer to which is JSON (`RasterSummary`). The answer is nothing where the file cannot be drawn.
"""

import functools
import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
from affine import Affine
from rasterio.vrt import WarpedVRT
from rio_tiler.colormap import cmap
from rio_tiler.errors import TileOutsideBounds
from rio_tiler.io import Reader
from rio_tiler.models import ImageData

from twinlake.engines.sandbox.worker import serve
from twinlake.holdings.readers.gdal import open_raster

_TILE_PIXELS = 256
_SAMPLE_PIXELS = 512
_SUMMARISED_BANDS = 12
_OPEN_FILES = 16


def _answer(message: bytes) -> bytes:
    order = json.loads(message)
    path = str(order["path"])
    try:
        with open_raster(Path(path)) as dataset, Reader(path, dataset=dataset) as source:
            shown = tuple(int(place) + 1 for place in order["bands"]) or _choose_bands(dataset)
            if "z" not in order:
                return _summarise(path, dataset, source, shown)
            z, x, y = int(order["z"]), int(order["x"]), int(order["y"])
            image = _read_tile(dataset, source, (x, y, z), shown)
            return _EMPTY if image is None else _paint(image, path, source, shown)
    except Exception:  # whatever a hostile file does, the answer is the same: it cannot be drawn
        logging.getLogger(__name__).exception("cannot draw %s", Path(path).name)
        return b""


def _read_tile(dataset: Any, source: Reader, tile: tuple[int, int, int], bands: tuple[int, ...]) -> ImageData | None:
    """Return a tile of *bands*; None where nothing of the file is.

    What lies beyond 180 degrees, where longitudes count from 0 to 360, is the same place a turn before; GDAL does not look there.
    """
    found = _try_tile(source, tile, bands)
    turn = -360.0 if dataset.bounds.right > 180 else 360.0
    if not dataset.crs.is_geographic or (dataset.bounds.right <= 180 and dataset.bounds.left >= -180):
        return found
    turned = Affine.translation(turn, 0) * dataset.transform
    size = {"transform": turned, "width": dataset.width, "height": dataset.height}
    with WarpedVRT(dataset, crs=dataset.crs, src_transform=turned, **size) as there, Reader(None, dataset=there) as other:
        beyond = _try_tile(other, tile, bands)
    if found is None or beyond is None:
        return found or beyond
    gaps = np.ma.getmaskarray(found.array)
    found.array[gaps] = beyond.array[gaps]
    return found


def _try_tile(source: Reader, tile: tuple[int, int, int], bands: tuple[int, ...]) -> ImageData | None:
    try:
        return source.tile(*tile, tilesize=_TILE_PIXELS, indexes=bands)
    except TileOutsideBounds:
        return None


def _summarise(path: str, dataset: Any, source: Reader, shown: tuple[int, ...]) -> bytes:
    """Return what is in the file, in JSON: told from a small copy, as the stretch is."""
    sample = source.preview(max_size=_SAMPLE_PIXELS, indexes=tuple(range(1, min(dataset.count, _SUMMARISED_BANDS) + 1)))
    bands = []
    for number, band in enumerate(sample.array):
        values = _valid(band)
        figures = {"valid": values.size / max(band.size, 1), "minimum": None, "maximum": None, "mean": None, "deviation": None}
        if values.size:
            found = (values.min(), values.max(), values.mean(), values.std())
            figures |= zip(("minimum", "maximum", "mean", "deviation"), map(float, found), strict=True)
        bands.append({"name": dataset.descriptions[number] or f"Band {number + 1}", **figures})
    has_scale = len(shown) == 1 and not source.colormap
    [(low, high), *_] = _stretch(path, Path(path).stat().st_mtime_ns, shown)
    scale = {"lowest": low, "highest": high, "colours": _COLOURS} if has_scale else None
    return json.dumps(
        {"bands": bands, "count": dataset.count, "shown": [number - 1 for number in shown], "scale": scale}
    ).encode()


def _valid(band: Any) -> Any:
    values = band.compressed()
    return values[np.isfinite(values)].astype(np.float64)


def _choose_bands(dataset: Any) -> tuple[int, ...]:
    """Return three bands for colour where the file has them, else its first."""
    count = dataset.count
    names = [interpretation.name for interpretation in dataset.colorinterp]
    if {"red", "green", "blue"} <= set(names):
        return tuple(names.index(name) + 1 for name in ("red", "green", "blue"))
    return (1, 2, 3) if count in {3, 4} else (1,)


def _paint(image: ImageData, path: str, source: Reader, bands: tuple[int, ...]) -> bytes:
    if len(image.band_names) == 1 and source.colormap:  # the file's own
        return bytes(image.render(img_format="PNG", colormap=source.colormap))
    if image.array.dtype.kind == "f":  # a value that is none is missing, whether the file says so or not
        image.array = np.ma.masked_invalid(image.array)
    if not (image.array.dtype == np.uint8 and len(image.band_names) == 3):
        # The path may come to hold another file while this child lives.
        image.rescale(in_range=_stretch(path, Path(path).stat().st_mtime_ns, bands))
    colours = None if len(image.band_names) == 3 else _VIRIDIS
    return bytes(image.render(img_format="PNG", colormap=colours))


@functools.lru_cache(_OPEN_FILES)
def _stretch(path: str, modified_ns: int, bands: tuple[int, ...]) -> tuple[tuple[float, float], ...]:
    """Return the 2nd and 98th percentile of each band of a file as last modified, from a small copy of the whole."""
    _ = modified_ns
    with open_raster(Path(path)) as dataset, Reader(path, dataset=dataset) as source:
        sample = source.preview(max_size=_SAMPLE_PIXELS, indexes=bands)
    ranges = []
    for band in sample.array:
        values = _valid(band)
        low, high = (float(edge) for edge in np.percentile(values, (2, 98))) if values.size else (0.0, 1.0)
        ranges.append((low, high if high > low else low + 1.0))
    return tuple(ranges)


_VIRIDIS = cmap.get("viridis")
_COLOURS = ["#{:02x}{:02x}{:02x}".format(*_VIRIDIS[number][:3]) for number in range(0, 256, 51)]
_EMPTY = bytes(ImageData(np.ma.array(np.zeros((1, _TILE_PIXELS, _TILE_PIXELS), np.uint8), mask=True)).render(img_format="PNG"))


if __name__ == "__main__":
    logging.getLogger("rasterio").setLevel(logging.ERROR)
    serve(_answer)
