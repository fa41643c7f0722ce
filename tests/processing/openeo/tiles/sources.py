"""Cubes in memory that are read part by part, and graphs computed on them whole and in tiles."""

import numpy as np

from twinlake.processing.openeo.cubes import Cube
from twinlake.processing.openeo.definitions import NO_DEFINITIONS
from twinlake.processing.openeo.evaluating import evaluate
from twinlake.processing.openeo.shapes.dimensions import Dimension
from twinlake.processing.openeo.tiles.computing import Computed, Here, TileComputing
from twinlake.processing.openeo.tiles.layout import TileSize
from twinlake.processing.openeo.tiles.windows import count_cells, cut, hollow, whole
from twinlake.processing.openeo.values import Values
from twinlake.standards.openeo.graph import parse_graph

SMALL = TileSize(edge=32, tile_bytes=200_000, largest_bytes=10_000_000)
DAYS = tuple(f"{year}-{month:02d}-{day:02d}T00:00:00Z" for year in (2019, 2020) for month in (1, 2, 5, 12) for day in (3, 17))
T = Dimension(name="t", kind="temporal", labels=DAYS)
BANDS = Dimension(
    name="bands", kind="bands", labels=("B02", "B04", "B08"), common_names=("blue", "red", "nir"), wavelengths=(0.49, 0.66, 0.83)
)
Y = Dimension(name="y", kind="spatial", axis="y", crs=32631, labels=tuple(5_000_000.0 - 20 * row for row in range(70)))
X = Dimension(name="x", kind="spatial", axis="x", crs=32631, labels=tuple(500_000.0 + 20 * column for column in range(90)))


class CubeSource:
    """A cube in memory, which counts the cells that are read of it."""

    def __init__(self, cube, **chunks):
        self._cube = cube
        self.chunks = chunks
        self.hollow = hollow(cube)
        self.cells = 0

    def close(self):
        """Have nothing open."""

    def read(self, window):
        self.cells += count_cells({**whole(self._cube.dimensions), **window})
        return cut(self._cube, window)


def make_cube(dtype="float32", *, seed=1, dimensions=(T, BANDS, Y, X)):
    """Return a cube of small numbers with gaps, in which there are large ones if it is of integers: they must not matter."""
    random = np.random.default_rng(seed)
    shape = tuple(len(each.labels) for each in dimensions)
    data = random.integers(0, 60, shape).astype(dtype)
    gaps = random.random(shape) < 0.1
    if data.dtype.kind == "f":
        return Cube(values=Values(data=np.where(gaps, np.nan, data).astype(dtype), nan_is_nodata=True), dimensions=dimensions)
    data[gaps] = np.iinfo(dtype).min if data.dtype.kind == "i" else True
    return Cube(values=Values(data=data, valid=~gaps), dimensions=dimensions)


def read_graph(nodes):
    """Return the graph of *nodes*, of which the last one has the result."""
    last = list(nodes)[-1]
    graph, faults = parse_graph({**nodes, last: {**nodes[last], "result": True}})
    assert not faults, faults
    return graph


def compute_whole(nodes, cubes):
    """Return the result with all cubes in memory."""
    return evaluate(read_graph(nodes), {}, known=cubes)


def tile_computing(nodes, sources, folder, *, size=SMALL, runner=None, progress=None):
    """Return a run of *nodes* over sources."""
    return TileComputing(
        read_graph(nodes),
        sources,
        definitions=NO_DEFINITIONS,
        folder=folder,
        runner=runner or Here(),
        progress=progress or (lambda *_: None),
        size=size,
    )


def compute_tiles(nodes, cubes, folder, **options):
    """Return the result computed part by part."""
    target = list(nodes)[-1]
    sources = {name: CubeSource(cube) for name, cube in cubes.items()}
    made = tile_computing(nodes, sources, folder, **options).compute([target])[target]
    return made.whole() if isinstance(made, Computed) else made


def assert_same(found, expected):
    """Compare two cubes: values within what sums in another order differ by."""
    assert found.dimensions == expected.dimensions
    assert found.values.data.dtype == expected.values.data.dtype
    there = expected.values.where()
    np.testing.assert_array_equal(found.values.where(), there)
    known = expected.values.data[there]
    sizes = np.abs(known[np.isfinite(known)].astype(float)) if known.dtype.kind == "f" else np.zeros(0)
    within = 1e-6 * float(sizes.max(initial=0))
    np.testing.assert_allclose(found.values.data[there], known, rtol=0, atol=within)
