"""How the cost of a graph grows with pixels, dates and polygons: CPU of the engine alone, in one process, on cubes in memory.

``python -m benchmarks.openeo.growth`` prints a table and draws it beside the results, both axes by powers.
"""

import argparse
import math
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from twinlake.processing.openeo.cubes import Cube
from twinlake.processing.openeo.definitions import NO_DEFINITIONS
from twinlake.processing.openeo.loading.source import Window
from twinlake.processing.openeo.shapes.dimensions import Dimension
from twinlake.processing.openeo.tiles.computing import Here, TileComputing
from twinlake.processing.openeo.tiles.windows import cut, hollow
from twinlake.processing.openeo.values import Values
from twinlake.standards.openeo.graph import parse_graph

PLOT = Path(__file__).parents[1] / "openeo-growth.svg"
_COLOURS = ("#1b6ca8", "#c8553d", "#3a7d44")


class _Source:
    """A cube in memory."""

    chunks: Mapping[str, int] = {}

    def __init__(self, cube: Cube) -> None:
        self._cube = cube
        self.hollow = hollow(cube)

    def close(self) -> None:
        """Have nothing open."""

    def read(self, window: Window) -> Cube:
        """Return a part."""
        return cut(self._cube, window)


def _cube(size: int, dates: int) -> Cube:
    days = tuple(f"20{each // 336:02d}-{each % 336 // 28 + 1:02d}-{each % 28 + 1:02d}T00:00:00Z" for each in range(dates))
    places = 10.0 * np.arange(size)
    dimensions = (
        Dimension(name="t", kind="temporal", labels=days),
        Dimension(name="bands", kind="bands", labels=("B04", "B08"), common_names=("red", "nir")),
        Dimension(name="y", kind="spatial", axis="y", crs=32631, labels=tuple((5e6 - places).tolist())),
        Dimension(name="x", kind="spatial", axis="x", crs=32631, labels=tuple((5e5 + places).tolist())),
    )
    data = np.random.default_rng(1).random((dates, 2, size, size), dtype=np.float32)
    data[data < 0.1] = np.nan
    return Cube(values=Values(data=data, nan_is_nodata=True), dimensions=dimensions)


def _polygons(count: int, size: int) -> dict[str, Any]:
    random, features = np.random.default_rng(2), []
    angles = np.linspace(0, 2 * np.pi, 30)[:-1]
    for _ in range(count):
        x, y = 5e5 + 10 * size * random.random(), 5e6 - 10 * size * random.random()
        ring = [[x + 300 * math.cos(each), y + 300 * math.sin(each)] for each in angles]
        features.append({"type": "Feature", "properties": {}, "geometry": {"type": "Polygon", "coordinates": [[*ring, ring[0]]]}})
    crs = {"type": "name", "properties": {"name": "EPSG:32631"}}
    return {"type": "FeatureCollection", "features": features, "crs": crs}


def _reducer(process: str) -> dict[str, Any]:
    return {"process_graph": {"r": {"process_id": process, "arguments": {"data": {"from_parameter": "data"}}, "result": True}}}


def cpu_of_graph(cube: Cube, nodes: dict[str, Any], turns: int) -> float:
    """Return the least CPU seconds of some turns of a graph over a cube, which is its node ``load``."""
    last = list(nodes)[-1]
    load = {"process_id": "load_collection", "arguments": {"id": "c", "spatial_extent": None, "temporal_extent": None}}
    graph, faults = parse_graph({"load": load, **nodes, last: {**nodes[last], "result": True}})
    assert graph is not None, faults
    found = []
    for _ in range(turns):
        with tempfile.TemporaryDirectory() as folder:
            computing = TileComputing(
                graph,
                {"load": _Source(cube)},
                definitions=NO_DEFINITIONS,
                folder=Path(folder),
                runner=Here(),
                progress=lambda *_: None,
            )
            began = time.process_time()
            computing.compute([last])
            found.append(time.process_time() - began)
    return min(found)


INDEX = {"index": {"process_id": "ndvi", "arguments": {"data": {"from_node": "load"}}}}
MEDIAN = {
    **INDEX,
    "median": {
        "process_id": "reduce_dimension",
        "arguments": {"data": {"from_node": "index"}, "dimension": "t", "reducer": _reducer("median")},
    },
}


def _means(count: int, size: int) -> dict[str, Any]:
    arguments = {"data": {"from_node": "index"}, "geometries": _polygons(count, size), "reducer": _reducer("mean")}
    return {**INDEX, "means": {"process_id": "aggregate_spatial", "arguments": arguments}}


def draw(series: Mapping[str, Sequence[tuple[float, float]]]) -> str:
    """Return a picture (SVG) of lines by powers; each begins at 1, as a multiple of its first x."""
    width, height, edge = 640, 400, 60
    lines = {name: [(math.log2(x / points[0][0]), math.log2(y)) for x, y in points] for name, points in series.items()}
    most = max(x for points in lines.values() for x, _ in points)
    low = math.floor(min(y for points in lines.values() for _, y in points))
    high = math.ceil(max(y for points in lines.values() for _, y in points))

    def place(x: float, y: float) -> tuple[float, float]:
        return edge + x / most * (width - 2 * edge), height - edge - (y - low) / (high - low) * (height - 2 * edge)

    made = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12">']
    made.append(f'<rect width="{width}" height="{height}" fill="white"/>')
    for step in range(low, high + 1):
        x, y = place(0, step)
        made.append(f'<path d="M{x:.0f} {y:.0f}H{width - edge}" stroke="#ddd"/>')
        made.append(f'<text x="{x - 8:.0f}" y="{y + 4:.0f}" text-anchor="end">{2.0**step:g} s</text>')
    for step in range(math.floor(most) + 1):
        x, y = place(step, low)
        made.append(f'<text x="{x:.0f}" y="{y + 18:.0f}" text-anchor="middle">x {2**step}</text>')
    for number, (colour, (name, points)) in enumerate(zip(_COLOURS, lines.items(), strict=True)):
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in (place(*each) for each in points))
        made.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        made.append(f'<text x="{edge + 10}" y="{20 + 16 * number}" fill="{colour}">{name}</text>')
    return "\n".join([*made, "</svg>", ""])


def main() -> None:
    """Measure, print and draw."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--doublings", type=int, default=4)
    parser.add_argument("--turns", type=int, default=2)
    arguments = parser.parse_args()
    steps, turns = range(arguments.doublings + 1), arguments.turns
    base = _cube(512, 12)
    series = {
        "pixels (from 512 x 512; 12 dates, NDVI and median)": [
            (size**2, cpu_of_graph(_cube(size, 12), MEDIAN, turns)) for size in (round(512 * 2 ** (step / 2)) for step in steps)
        ],
        "dates (from 12; 512 x 512, NDVI and median)": [
            (12 * 2**step, cpu_of_graph(_cube(512, 12 * 2**step), MEDIAN, turns)) for step in steps
        ],
        "polygons (from 100; 512 x 512, 12 dates, NDVI and means)": [
            (100 * 2**step, cpu_of_graph(base, _means(100 * 2**step, 512), turns)) for step in steps
        ],
    }
    print("| CPU s at | " + " | ".join(f"x {2**step}" for step in steps) + " |")
    print("|---" * (len(steps) + 1) + "|")
    for name, points in series.items():
        print(f"| {name} | " + " | ".join(f"{seconds:.2f}" for _, seconds in points) + " |")
    PLOT.write_text(draw(series), encoding="utf-8")
    print(f"\n![Growth of cost]({PLOT.name})")


if __name__ == "__main__":
    main()
