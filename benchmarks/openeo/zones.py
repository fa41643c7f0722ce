"""Weighted statistics of polygons over a whole tile of Sentinel-2, beside exactextract on the same numbers: CPU, in one process.

``python -m benchmarks.openeo.zones --size 10980``. Ours goes window by window; exactextract is given all of the tile at once, and
no areas, which it does not know.
"""

import argparse
import json
import time
from typing import Any

import numpy as np
import shapely
from exactextract import exact_extract
from exactextract.raster import NumPyRasterSource

from benchmarks.openeo.growth import cpu_of_graph
from twinlake.processing.openeo.cubes import Cube
from twinlake.processing.openeo.shapes.dimensions import Dimension
from twinlake.processing.openeo.values import Values

_WEST, _NORTH, _SIZE, _CRS = 5e5, 5e6, 10.0, 32631
_EDGE = 55.0
"""Metres from the border of the tile to the polygons: they cut pixels."""


def _features(side: int, rows: int) -> list[dict[str, Any]]:
    """Return squares that tile the tile but for its edge, so many in a row."""
    east, south = _WEST + side * _SIZE, _NORTH - side * _SIZE
    x, y = np.linspace(_WEST + _EDGE, east - _EDGE, rows + 1), np.linspace(south + _EDGE, _NORTH - _EDGE, rows + 1)
    boxes = shapely.box(x[None, :-1], y[:-1, None], x[None, 1:], y[1:, None]).ravel().tolist()
    return [{"type": "Feature", "properties": {}, "geometry": json.loads(shapely.to_geojson(each))} for each in boxes]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=10980, help="rows, and columns")
    size = parser.parse_args().size
    places = _SIZE * (np.arange(size) + 0.5)
    y = Dimension(name="y", kind="spatial", axis="y", crs=_CRS, labels=tuple((_NORTH - places).tolist()))
    x = Dimension(name="x", kind="spatial", axis="x", crs=_CRS, labels=tuple((_WEST + places).tolist()))
    data = np.random.default_rng(1).random((size, size), dtype=np.float32)
    cube = Cube(values=Values(data=data, nan_is_nodata=True), dimensions=(y, x))
    raster = NumPyRasterSource(data, _WEST, _NORTH - size * _SIZE, _WEST + size * _SIZE, _NORTH)
    print(
        "| polygons | by coverage | by area | exactextract, coverage | ratio, coverage | ratio, area |\n|---|--:|--:|--:|--:|--:|"
    )
    for rows in (1, 10):
        features = _features(size, rows)
        crs = {"type": "name", "properties": {"name": f"EPSG:{_CRS}"}}
        document = {"type": "FeatureCollection", "features": features, "crs": crs}
        ours = []
        for weights in ("coverage", "area"):
            arguments = {"data": {"from_node": "load"}, "geometries": document, "weights": weights}
            ours.append(
                cpu_of_graph(cube, {"means": {"process_id": "aggregate_spatial_weighted", "arguments": arguments}}, turns=2)
            )
        began = time.process_time()
        exact_extract(raster, features, ["mean"])
        theirs = time.process_time() - began
        told = " | ".join(f"{each:.1f} s" for each in (*ours, theirs))
        print(f"| {rows**2} over {size} x {size} | {told} | {ours[0] / theirs:.2f} | {ours[1] / theirs:.2f} |")


if __name__ == "__main__":
    main()
