"""GDAL, set up once and for all: GeoTIFF only, no other file, no network, bounded caches.

Whatever in this project opens a raster does it through `open_raster`.
"""

import re
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import rasterio
from rasterio.errors import NotGeoreferencedWarning, RasterioError

from twinlake.core.counting import count
from twinlake.holdings.readers.errors import ForeignReferenceError, TooLargeToReadError, UnreadableFileError
from twinlake.holdings.readers.limits import MAX_BLOCK_BYTES, MAX_DIMENSION, MAX_VARIABLES

OPTIONS: dict[str, Any] = {
    "GDAL_PAM_ENABLED": False,  # no .aux.xml beside the file is read or written
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",  # no .ovr, .msk, .tfw, _RPC.TXT beside the file
    "GDAL_GEOREF_SOURCES": "INTERNAL",
    "GDAL_CACHEMAX": 64 * 2**20,  # bytes, as rasterio hands it on
    "GDAL_NUM_THREADS": 1,
    "GDAL_HTTP_MAX_RETRY": 0,
    "CPL_VSIL_CURL_ALLOWED_EXTENSIONS": ".none",  # no URL has this ending
    "VSI_CACHE": False,
    "OGR_GEOJSON_MAX_OBJ_SIZE": 8,  # MiB
    "OSR_DEFAULT_AXIS_MAPPING_STRATEGY": "TRADITIONAL_GIS_ORDER",
    "PROJ_NETWORK": "OFF",
}
_PATH = re.compile(r"'/[^']*'")
_DRIVER = "GTiff"
_REMEDY = "Check it with gdalinfo -checksum, write it again, and send it whole."


@contextmanager
def neutral_path(path: Path) -> Iterator[Path]:
    """Yield a path that no library takes for something else than a path.

    GDAL and NetCDF give meaning to ``?``, ``#``, ``!``, ``://`` and prefixes in names, so libraries are shown a link
    with a plain name.
    """
    with tempfile.TemporaryDirectory(prefix="twinlake-") as folder:
        link = Path(folder, "file")
        link.symlink_to(path.absolute())
        yield link


@contextmanager
def open_raster(path: Path) -> Iterator[Any]:
    """Open the GeoTIFF at *path* for reading and yield the rasterio dataset.

    Raises
    ------
    UnreadableFileError
        It is damaged or lies about itself, or a block of it is too large to decode. GDAL's errors while the dataset
        is used are raised as this, too.
    """
    with configured(), explained(), open_dataset(path) as dataset:
        yield dataset


@contextmanager
def configured() -> Iterator[None]:
    """Set GDAL up, for all files that are opened inside the context."""
    with rasterio.Env(**OPTIONS), warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)  # what has no place is said by who asks for it
        yield


@contextmanager
def explained() -> Iterator[None]:
    """Raise GDAL's errors as `UnreadableFileError`."""
    try:
        yield
    except RasterioError as error:
        raise UnreadableFileError(f"The GeoTIFF cannot be read: {_reason(error)}.", _REMEDY) from error


@contextmanager
def open_dataset(path: Path, *, overview: int | None = None) -> Iterator[Any]:
    """Open one of several GeoTIFFs, or one of its overviews, where GDAL is `configured`; raises as `open_raster` does."""
    options = {} if overview is None else {"overview_level": overview}
    with neutral_path(path) as link:
        with explained():
            dataset = rasterio.open(link, driver=_DRIVER, **options)
        with dataset:
            _check(dataset)
            yield dataset


def _reason(error: RasterioError) -> str:
    """Return GDAL's own words without the path of this site."""
    deepest: BaseException = error
    while deepest.__cause__ is not None:
        deepest = deepest.__cause__
    return _PATH.sub("the file is", str(deepest).split(": ", maxsplit=1)[-1]).rstrip(".")[:200]


def _check(dataset: Any) -> None:
    if len(dataset.files) > 1:
        raise ForeignReferenceError("The GeoTIFF refers to other files.")
    if dataset.count > MAX_VARIABLES or max(dataset.shape) > MAX_DIMENSION:
        raise TooLargeToReadError(
            f"The GeoTIFF has {count(dataset.count, 'band')} of {dataset.shape}.", "Split it into several files."
        )
    if dataset.count == 0:
        raise UnreadableFileError("The GeoTIFF has no bands.", _REMEDY)
    for (rows, columns), dtype in zip(dataset.block_shapes, dataset.dtypes, strict=True):
        together = dataset.count if dataset.interleaving is not None and dataset.interleaving.value == "PIXEL" else 1
        if rows * columns * _bytes_per_value(dtype) * together > MAX_BLOCK_BYTES:
            raise TooLargeToReadError(
                f"A block of the GeoTIFF unfolds to more than {MAX_BLOCK_BYTES // 2**20} MiB.",
                "Write it in tiles: gdal_translate -of COG IN OUT.tif",
            )


def _bytes_per_value(dtype: str) -> int:
    return {"complex_int16": 4, "complex64": 8, "complex128": 16}.get(dtype, 0) or int(dtype.lstrip("uintfloacmpex_") or 8) // 8
