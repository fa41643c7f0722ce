"""Tiles give what the whole gives.

Graphs are the same in each run, so that a change is told by what it changes; others are looked for without `derandomize`.
"""

import resource
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st

from processing.openeo.tiles import naive
from processing.openeo.tiles.graphs import ANOMALY, AREA, DATA, LOADED, OTHER, callback, graphs, node, of, reducer
from processing.openeo.tiles.sources import (
    BANDS,
    SMALL,
    CubeSource,
    X,
    Y,
    assert_same,
    compute_tiles,
    compute_whole,
    make_cube,
    read_graph,
    tile_computing,
)
from twinlake.processing.openeo.cost.steps import list_steps
from twinlake.processing.openeo.cubes import Cube
from twinlake.processing.openeo.shapes.dimensions import Dimension
from twinlake.processing.openeo.tiles.layout import TileSize, lay_out
from twinlake.processing.openeo.tiles.shapes import trace_shapes
from twinlake.processing.openeo.tiles.windows import hollow
from twinlake.processing.openeo.values import Values, to_json
from twinlake.standards.openeo.errors import OpenEoError, ProcessGraphComplexityError

pytestmark = pytest.mark.slow
CUBES = {
    "float32": {LOADED: make_cube(), OTHER: make_cube(seed=2)},
    "int16": {LOADED: make_cube("int16"), OTHER: make_cube("int16", seed=2)},
}
WITHOUT_GAPS = {
    name: Cube(values=Values(data=cube.values.data), dimensions=cube.dimensions) for name, cube in CUBES["int16"].items()
}
FIRST, SECOND = {"from_parameter": "x"}, {"from_parameter": "y"}
LOAD = node("add", x=1, y=1)
"""Stands for a process that loads, and is not called."""


@pytest.mark.parametrize("east", [30, 200])
def test_tiles_over_the_seam_of_the_earth_are_the_whole(east, tmp_path):
    """A box over Greenwich on a grid from 0 to 360, and what lies on the same places of the whole grid."""
    y = Dimension(name="y", kind="spatial", axis="y", labels=tuple(np.arange(80.0, -81, -4)), crs=4326)
    x = Dimension(name="x", kind="spatial", axis="x", labels=tuple(np.arange(0.0, 360, 4)), crs=4326)
    cubes = {LOADED: make_cube(dimensions=(BANDS, y, x)), OTHER: make_cube(seed=2, dimensions=(BANDS, y, x))}
    extent = {"west": -30, "south": -50, "east": east, "north": 50}
    steps = {
        "box": node("filter_bbox", data=of(LOADED), extent=extent),
        "smooth": node("apply_kernel", data=of("box"), kernel=[[1, 2, 1]], border="replicate"),
        "merged": node(
            "merge_cubes", cube1=of(OTHER), cube2=of("smooth"), overlap_resolver=callback("subtract", x=FIRST, y=SECOND)
        ),
    }
    for last in ("smooth", "merged"):
        nodes = {LOADED: LOAD, OTHER: LOAD, **{name: step for name, step in steps.items() if name in {"box", "smooth", last}}}
        size = TileSize(edge=16, tile_bytes=20_000, largest_bytes=SMALL.largest_bytes)
        found = compute_tiles(nodes, cubes, tmp_path / last, size=size)
        assert_same(found, compute_whole(nodes, cubes))


@given(nodes=graphs(), dtype=st.sampled_from(sorted(CUBES)), tile_bytes=st.sampled_from([60_000, 400_000, 4_000_000]))
@settings(max_examples=60, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_tiles_are_the_whole(nodes, dtype, tile_bytes, tmp_path_factory):
    """Whatever the graph, and however it is cut."""
    nodes = {LOADED: LOAD, OTHER: LOAD, **nodes}
    try:
        expected = compute_whole(nodes, CUBES[dtype])
    except OpenEoError as error:
        with pytest.raises(type(error)):
            compute_tiles(nodes, CUBES[dtype], tmp_path_factory.mktemp("tiles"))
        return
    size = TileSize(edge=32, tile_bytes=tile_bytes, largest_bytes=SMALL.largest_bytes)
    found = compute_tiles(nodes, CUBES[dtype], tmp_path_factory.mktemp("tiles"), size=size)
    if isinstance(expected, Cube):
        assert_same(found, expected)
    else:
        assert to_json(found) == to_json(expected)


ORACLE = {each: {LOADED: make_cube(each), OTHER: make_cube(each, seed=2)} for each in ("float32", "float64", "int16", "int64")}


@given(nodes=graphs(joins=tuple(sorted(naive.NAIVE_TWO.keys() - {ANOMALY}))), dtype=st.sampled_from(sorted(ORACLE)))
@settings(max_examples=35, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_graphs_are_what_xarray_makes_of_them(nodes, dtype, tmp_path_factory):
    """Labels, types and gaps alike, numbers within what sums in another order differ by."""
    loaded = {LOADED: LOAD, OTHER: LOAD}
    try:
        found = compute_tiles({**loaded, **nodes}, ORACLE[dtype], tmp_path_factory.mktemp("tiles"))
    except OpenEoError:
        reject()  # what graphs may not do is for other tests
    try:
        expected = naive.compute(nodes, {name: naive.to_typed(cube) for name, cube in ORACLE[dtype].items()})
    except naive.NotComparedError:
        reject()
    assert found.values.data.dtype == expected.dtype
    within = 0 if expected.dtype.kind in "bi" else 1e-6 if expected.dtype == np.float32 else 1e-9
    numbers = np.abs(expected.data.values.astype(float))
    size = float(numbers[np.isfinite(numbers)].max(initial=0))
    xr.testing.assert_allclose(naive.to_xarray(found), expected.data, rtol=within, atol=within * size)


MONTHS = node("aggregate_temporal_period", data=of(LOADED), period="month", reducer=reducer("mean"))
CLIMATOLOGY = {
    LOADED: LOAD,
    "months": MONTHS,
    "normals": node("climatological_normal", data=of("months"), period="month", climatology_period=[2019, 2020]),
    "anomalies": node("anomaly", data=of("months"), normals=of("normals"), period="month"),
}
MEDIAN = {
    LOADED: LOAD,
    "index": node("ndvi", data=of(LOADED)),
    "median": node("reduce_dimension", data=of("index"), dimension="t", reducer=reducer("median")),
}


def _compute(nodes, folder, *, size=SMALL, target=None, **chunks):
    source = CubeSource(CUBES["float32"][LOADED], **chunks)
    computing = tile_computing(nodes, {LOADED: source}, folder, size=size)
    target = target or list(nodes)[-1]
    return computing.compute([target])[target], source


def test_a_chain_reads_each_cell_once(tmp_path):
    """NDVI and its median over time are computed in many windows, in one stage."""
    made, source = _compute(MEDIAN, tmp_path, y=16, x=16)
    assert len(list(made.tiles())) > 8
    assert source.cells == CUBES["float32"][LOADED].values.data.size
    assert [path.name for path in tmp_path.iterdir()] == ["2"]


def test_what_two_stages_need_is_kept(tmp_path):
    """Normals need all months, and anomalies need normals: months are computed once."""
    made, source = _compute(CLIMATOLOGY, tmp_path)
    assert source.cells == CUBES["float32"][LOADED].values.data.size
    assert_same(made.whole(), compute_whole(CLIMATOLOGY, CUBES["float32"]))


def test_only_what_is_needed_is_read(tmp_path):
    """A box, a time and a band after a chain: nothing else is read."""
    nodes = {
        LOADED: LOAD,
        "scaled": node("apply", data=of(LOADED), process=callback("multiply", x={"from_parameter": "x"}, y=2)),
        "box": node(
            "filter_bbox",
            data=of("scaled"),
            extent={"west": 500_000, "south": 4_999_910, "east": 500_050, "north": 5_000_000, "crs": 32631},
        ),
        "year": node("filter_temporal", data=of("box"), extent=["2020-01-01", "2020-01-10"]),
        "band": node("filter_bands", data=of("year"), bands=["B04"]),
    }
    made, source = _compute(nodes, tmp_path)
    assert made.hollow.values.data.shape[:2] == (1, 1)
    assert source.cells == 5 * 3


def test_long_chunks_are_read_along_time(tmp_path):
    """What is stored day by day is not cut into columns of pixels."""
    made, _ = _compute({LOADED: LOAD, "months": MONTHS}, tmp_path, t=1, y=70, x=90)
    assert all(window["y"] == slice(0, 70) for window, _ in made.tiles())
    assert len(list(made.tiles())) > 1


def test_a_run_that_is_taken_up_again_goes_on_with_the_windows_that_are_missing(tmp_path):
    """Those that are done are not computed again, and the result is the same."""
    expected, _ = _compute(MEDIAN, tmp_path / "whole")

    class StopsError(Exception):
        pass

    class Stopping(CubeSource):
        def read(self, window):
            if self.cells > 2 * 32 * 32 * 48:
                raise StopsError
            return super().read(window)

    cube = CUBES["float32"][LOADED]
    with pytest.raises(StopsError):
        tile_computing(MEDIAN, {LOADED: Stopping(cube)}, tmp_path / "again").compute(["median"])
    done = []
    source = CubeSource(cube)
    computing = tile_computing(MEDIAN, {LOADED: source}, tmp_path / "again", progress=lambda *told: done.append(told))
    made = computing.compute(["median"])["median"]
    assert done[0][0] > 0
    assert source.cells < cube.values.data.size
    assert_same(made.whole(), expected.whole())


def test_a_part_that_is_too_large_is_refused_by_the_dry_run(tmp_path):
    """Sorting all pixels needs them all at once."""
    nodes = {LOADED: LOAD, "median": node("reduce_spatial", data=of(LOADED), reducer=reducer("median"))}
    size = TileSize(edge=32, tile_bytes=1000, largest_bytes=20_000)
    with pytest.raises(ProcessGraphComplexityError, match="median"):
        _compute(nodes, tmp_path, size=size)


def test_masks_count_in_what_a_window_takes():
    """A byte for each cell beside the two of its number."""
    nodes = {LOADED: LOAD, "shifted": node("filter_bands", data=of(LOADED), bands=["B02"])}
    peaks = []
    for cubes in (CUBES["int16"], WITHOUT_GAPS):
        shapes = trace_shapes(read_graph(nodes), {LOADED: hollow(cubes[LOADED])})
        (stage,) = lay_out(shapes, ["shifted"], {LOADED: {}}, TileSize())
        peaks.append(stage.peak_bytes)
    assert peaks[0] * 2 == peaks[1] * 3


def test_integers_that_outgrow_their_type_in_one_window_do_so_in_all(tmp_path):
    """The type of a result does not depend on the window."""
    data = np.zeros((70, 90), dtype=np.int64)
    data[0, 0] = 2**62
    cube = Cube(values=Values(data=data), dimensions=(Y, X))
    nodes = {LOADED: LOAD, "sum": node("apply", data=of(LOADED), process=callback("multiply", x={"from_parameter": "x"}, y=4))}
    made = tile_computing(nodes, {LOADED: CubeSource(cube)}, tmp_path).compute(["sum"])["sum"]
    assert {tile.values.data.dtype for _, tile in made.tiles()} == {np.dtype(np.float64)}
    assert made.whole().values.data[0, 0] == 2.0**64


@pytest.mark.parametrize("reduction", ["sum", "mean", "variance", "sd", "min", "max", "count", "product"])
@pytest.mark.parametrize("dtype", ["float32", "int16"])
def test_all_pixels_are_reduced_in_parts(reduction, dtype, tmp_path):
    """What does not fit in memory at once is reduced window by window, and the states of these are merged."""
    nodes = {
        LOADED: LOAD,
        "small": node("apply", data=of(LOADED), process=callback("mod", x={"from_parameter": "x"}, y=3)),
        "pixels": node("reduce_spatial", data=of("small"), reducer=reducer(reduction)),
    }
    size = TileSize(edge=16, tile_bytes=20_000, largest_bytes=40_000)
    cubes = CUBES[dtype]
    made = tile_computing(nodes, {LOADED: CubeSource(cubes[LOADED])}, tmp_path, size=size).compute(["pixels"])["pixels"]
    assert (tmp_path / "2" / "states").is_dir()
    assert_same(made.whole(), compute_whole(nodes, cubes))


def test_gaps_count_in_parts_as_in_the_whole(tmp_path):
    """Without `ignore_nodata` one gap is enough, wherever it is; a part without data is none."""
    data = make_cube().values.data.copy()
    data[:, 0, 3, 5] = np.nan
    data[:, 1] = 7
    data[:, 2, :40] = np.nan
    cube = Cube(values=Values(data=data, nan_is_nodata=True), dimensions=make_cube().dimensions)
    size = TileSize(edge=16, tile_bytes=20_000, largest_bytes=40_000)
    for strict in (True, False):
        mean = callback("mean", data={"from_parameter": "data"}, ignore_nodata=not strict)
        nodes = {LOADED: LOAD, "pixels": node("reduce_spatial", data=of(LOADED), reducer=mean)}
        computing = tile_computing(nodes, {LOADED: CubeSource(cube)}, tmp_path / str(strict), size=size)
        assert_same(computing.compute(["pixels"])["pixels"].whole(), compute_whole(nodes, {LOADED: cube}))


DAYS = Dimension(
    name="t", kind="temporal", labels=tuple(f"2020-01-{day:02d}T{hour}:00:00Z" for day in range(1, 32) for hour in ("06", "18"))
)


def _patches(step):
    size = [{"dimension": "x", "value": 7, "unit": "px"}, {"dimension": "y", "value": 5, "unit": "px"}]
    return node("apply_neighborhood", data=of(LOADED), size=size, process=step)


def _fields(step):
    return node("apply_polygon", data=of(LOADED), geometries=AREA, process=step)


OVER_TIME = callback("apply_dimension", data=DATA, dimension="t", process=reducer("cumsum"))
BY_CELL = callback("apply", data=DATA, process=callback("multiply", x={"from_parameter": "x"}, y=4))


@pytest.mark.parametrize(
    "step",
    [
        node("aggregate_spatial_window", data=of(LOADED), size=[3, 4], reducer=reducer("mean")),
        _patches(OVER_TIME),
        _patches(BY_CELL),
        _fields(OVER_TIME),
        _fields(BY_CELL),
    ],
)
def test_what_looks_around_may_be_cut_along_time_too(step, tmp_path):
    """But a callback that is given cubes sees all times of them."""
    cubes, nodes = {LOADED: make_cube(dimensions=(DAYS, BANDS, Y, X))}, {LOADED: LOAD, "step": step}
    size = TileSize(edge=8, tile_bytes=30_000, largest_bytes=10_000_000)
    assert_same(compute_tiles(nodes, cubes, tmp_path, size=size), compute_whole(nodes, cubes))


@pytest.fixture
def few_open_files():
    """Let this process open twenty files more than it has open."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(int(each.name) for each in Path("/proc/self/fd").iterdir()) + 20, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.usefixtures("few_open_files")
@pytest.mark.parametrize(
    "reduction",
    [
        node("reduce_dimension", data=of("small"), dimension="t", reducer=reducer("median")),
        node("reduce_spatial", data=of("small"), reducer=reducer("mean")),
        node("aggregate_spatial_window", data=of("small"), size=[1, 1], reducer=reducer("mean")),
    ],
    ids=lambda each: each["process_id"],
)
def test_there_may_be_more_parts_than_files_that_a_process_may_open(reduction, tmp_path):
    """A child of a site may open 256; a Sentinel-2 tile of two years has 484 parts."""
    cubes = {LOADED: make_cube(dimensions=(DAYS, BANDS, Y, X))}
    small = node("apply", data=of(LOADED), process=callback("mod", x={"from_parameter": "x"}, y=3))
    nodes = {
        LOADED: LOAD,
        "small": small,
        "reduced": reduction,
        "all": node("add_dimension", data=of("reduced"), name="n", label=1),
    }
    size = TileSize(edge=8, tile_bytes=30_000, largest_bytes=10_000_000)
    made = tile_computing(nodes, {LOADED: CubeSource(cubes[LOADED])}, tmp_path, size=size).compute(["small", "reduced", "all"])
    assert len(list(made["small"].parts.windows)) > 40
    assert_same(made["small"].whole(), compute_whole({LOADED: LOAD, "small": small}, cubes))
    assert_same(made["all"].whole(), compute_whole(nodes, cubes))


@pytest.mark.parametrize(
    "step",
    [
        node("resample_spatial", data=of(LOADED), resolution=0.05, method="near"),
        node("resample_spatial", data=of(LOADED), resolution=5e-7, projection=4326, method="bilinear"),
    ],
)
def test_what_becomes_very_large_is_laid_out_without_a_look_at_each_pixel(step, tmp_path):
    """A thousand million pixels would be 8 GB of numbers along each axis."""
    nodes = {
        LOADED: LOAD,
        "step": step,
        "mean": node("reduce_dimension", data=of("step"), dimension="t", reducer=reducer("mean")),
    }
    cube = make_cube()
    computing = tile_computing(nodes, {LOADED: CubeSource(cube)}, tmp_path)
    tracemalloc.start()
    stages = lay_out(computing.shapes(), ["mean"], {LOADED: {}}, TileSize())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert sum(len(each.windows) for each in stages) > 50
    assert peak < 500 << 20


@given(nodes=graphs(), has_gaps=st.booleans())
@settings(max_examples=60, derandomize=True, deadline=None)
def test_gaps_are_foretold_by_the_dry_run(nodes, has_gaps):
    """A result with gaps is one that the dry run said may have some."""
    cubes = CUBES["int16"] if has_gaps else WITHOUT_GAPS
    nodes = {LOADED: LOAD, OTHER: LOAD, **nodes}
    try:
        found = compute_whole(nodes, cubes)
    except OpenEoError:
        reject()  # what graphs may not do is for other tests
    foretold = list_steps(trace_shapes(read_graph(nodes), {name: hollow(cube) for name, cube in cubes.items()}))[-1]
    assert foretold.may_have_nodata or found.values.where().all()


NUMBER = {"from_parameter": "x"}
AREAS_SUM = node("aggregate_spatial", data=of(LOADED), geometries=AREA, reducer=reducer("sum"))
FOUND = node("reduce_dimension", data=of(LOADED), dimension="t", reducer=callback("array_find", data=DATA, value=3))


@pytest.mark.parametrize(
    "step",
    [
        *[
            node("reduce_dimension", data=of(LOADED), dimension="t", reducer=reducer(each))
            for each in ("sum", "first", "product")
        ],
        *[node("aggregate_temporal_period", data=of(LOADED), period="month", reducer=reducer(each)) for each in ("max", "last")],
        *[node("apply_dimension", data=of(LOADED), dimension="t", process=reducer(each)) for each in ("cumsum", "sort")],
        node("reduce_dimension", data=of(LOADED), dimension="t", reducer=callback("array_element", data=DATA, index=3)),
        node("apply", data=of(LOADED), process=callback("gt", x=NUMBER, y=3)),
        node("reduce_spatial", data=of(LOADED), reducer=reducer("sum")),
        node("resample_spatial", data=of(LOADED), resolution=50, method="near"),
    ],
)
def test_integers_have_gaps_where_what_they_are_made_of_has(step):
    """And a dry run tells of none where there are none, as far as nothing else makes some."""
    gaps = []
    for cubes in (CUBES["int16"], WITHOUT_GAPS):
        shapes = trace_shapes(read_graph({LOADED: LOAD, "step": step}), {LOADED: hollow(cubes[LOADED])})
        gaps.append(list_steps(shapes)[-1].may_have_nodata)
    # Cells of periods, and of other grids, may have nothing at all.
    assert gaps == [True, step["process_id"] in {"aggregate_temporal_period", "resample_spatial"}]


@pytest.mark.parametrize("step", [AREAS_SUM, FOUND])
def test_what_is_not_found_is_a_gap(step):
    """An area may lie beside the data, and a value stand nowhere."""
    shapes = trace_shapes(read_graph({LOADED: LOAD, "step": step}), {LOADED: hollow(WITHOUT_GAPS[LOADED])})
    assert list_steps(shapes)[-1].may_have_nodata
