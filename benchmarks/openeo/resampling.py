"""Pixels of another grid, ours against GDAL (which finds places to an eighth of a pixel), in one run: CPU, least of turns.

``python -m benchmarks.openeo.resampling --size 2048``. Four layers of float32; the pixels of the target are about as large as
those of the source.
"""

import argparse
import time

import numpy as np
import pyproj
from numpy.typing import NDArray
from rasterio.transform import from_origin
from rasterio.warp import Resampling, reproject

from twinlake.processing.openeo.cubes import Cube
from twinlake.processing.openeo.kernels.pixels.resampling import resample
from twinlake.processing.openeo.shapes.dimensions import Dimension
from twinlake.processing.openeo.shapes.grids import Grid, read_grid
from twinlake.processing.openeo.values import Values

_TURNS = 3
_WEST, _NORTH, _SIZE, _CRS = 5e5, 5e6, 10.0, 32631
_LAYERS = 4


def _dimensions(west: float, north: float, size: float, count: int, crs: int) -> tuple[Dimension, Dimension]:
    steps = size * (np.arange(count) + 0.5)
    return (
        Dimension(name="y", kind="spatial", axis="y", crs=crs, labels=tuple((north - steps).tolist())),
        Dimension(name="x", kind="spatial", axis="x", crs=crs, labels=tuple((west + steps).tolist())),
    )


def _cpu(work) -> float:
    found = []
    for _ in range(_TURNS):
        started = time.process_time()
        work()
        found.append(time.process_time() - started)
    return min(found)


def _compare(name: str, cube: Cube, target: Grid, west: float, north: float, size: float) -> None:
    count = target.x.count

    def by_gdal(method: str) -> NDArray[np.float32]:
        made = np.empty((_LAYERS, count, count), dtype=np.float32)
        reproject(
            cube.values.data,
            made,
            src_transform=from_origin(_WEST, _NORTH, _SIZE, _SIZE),
            src_crs=f"EPSG:{_CRS}",
            dst_transform=from_origin(west, north, size, size),
            dst_crs=f"EPSG:{target.crs}",
            resampling=Resampling[{"near": "nearest"}.get(method, method)],
            num_threads=1,
        )
        return made

    for method in ("near", "bilinear", "cubic", "average"):
        ours, theirs = resample(cube, target, method).values.data, by_gdal(method)
        there = np.isfinite(ours) & (theirs != 0)
        median = float(np.median(np.abs(ours[there] - theirs[there])))
        mine, gdal = _cpu(lambda method=method: resample(cube, target, method)), _cpu(lambda method=method: by_gdal(method))
        print(f"| {name}, {method} | {mine:.2f} s | {gdal:.2f} s | {mine / gdal:.2f} | {median:.2g} |")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=2048, help="rows, and columns")
    count = parser.parse_args().size
    rows, columns = np.mgrid[:count, :count]
    layers = [np.sin(rows / (20 + each)) * np.cos(columns / (30 + each)) for each in range(_LAYERS)]
    y, x = _dimensions(_WEST, _NORTH, _SIZE, count, _CRS)
    bands = Dimension(name="bands", kind="bands", labels=tuple(range(_LAYERS)))
    cube = Cube(values=Values(data=np.stack(layers).astype(np.float32), nan_is_nodata=True), dimensions=(bands, y, x))
    print("| grid, method | ours | GDAL | ratio | median of differences |\n|---|---|---|---|---|")
    for name, crs, size in (("one CRS, half a pixel off", _CRS, _SIZE), ("next UTM zone", 32632, _SIZE), ("degrees", 4326, 1e-4)):
        west, north = pyproj.Transformer.from_crs(_CRS, crs, always_xy=True).transform(_WEST + _SIZE / 2, _NORTH - _SIZE / 2)
        target = read_grid(_dimensions(west, north, size, count, crs))
        _compare(name, cube, target, west, north, size)


if __name__ == "__main__":
    main()
