"""Runs of planned graphs, from sources to files."""

import json
import math

import numpy as np
import pytest
import rasterio

from processing.openeo.tiles.graphs import LOADED, callback, node, of, reducer
from processing.openeo.tiles.sources import SMALL, CubeSource, make_cube
from twinlake.processing.openeo.definitions import NO_DEFINITIONS
from twinlake.processing.openeo.formats.facts import ResultFacts
from twinlake.processing.openeo.planning import plan
from twinlake.processing.openeo.reporting import Notes, Report
from twinlake.processing.openeo.runner.forks import Forks
from twinlake.processing.openeo.runner.running import Run, estimate_plan, estimate_shapes
from twinlake.processing.openeo.tiles.shapes import trace_shapes
from twinlake.processing.openeo.tools import Tools
from twinlake.standards.openeo.errors import EstimateComplexityError, ProcessError
from twinlake.standards.openeo.graph import parse_graph

CUBE = make_cube()
FACTS = ResultFacts(identifier="r", title="A result", graph={})
NDVI = {
    LOADED: node("load_collection", id="c"),
    "index": node("ndvi", data=of(LOADED)),
    "mean": node("reduce_dimension", data=of("index"), dimension="t", reducer=reducer("mean")),
}


def _plan(nodes):
    last = list(nodes)[-1]
    graph, faults = parse_graph({**nodes, last: {**nodes[last], "result": True}})
    assert not faults, faults
    return plan(graph, NO_DEFINITIONS, is_load=lambda node: node.process == "load_collection")


def _run(nodes, folder, listener=None, tell_usage=lambda _: None):
    source = CubeSource(CUBE, y=16, x=16)
    (folder / "results").mkdir(parents=True)
    run = Run(
        plan=_plan(nodes),
        sources={LOADED: source},
        scratch=folder / "scratch",
        runner=Forks(2),
        progress=lambda *_: None,
        size=SMALL,
        tools=Tools(report=Report(listener)),
        tell_usage=tell_usage,
    )
    return run.save(run.compute(), folder / "results", FACTS), folder / "results"


def test_a_map_becomes_a_geotiff_that_others_read(tmp_path):
    """Computed by several processes, in many windows, and written in one file."""
    files, folder = _run({**NDVI, "saved": node("save_result", data=of("mean"), format="GTiff")}, tmp_path)
    data = CUBE.values.data.astype(float)
    with np.errstate(all="ignore"):
        expected = np.nanmean((data[:, 2] - data[:, 1]) / (data[:, 2] + data[:, 1]), axis=0)
    with rasterio.open(folder / files[0].path) as written:
        assert written.crs.to_epsg() == 32631
        np.testing.assert_allclose(written.read(1), expected, atol=1e-6)


def test_everything_that_is_saved_has_its_files(tmp_path):
    """A graph may save several things, and they do not get into each other's way."""
    nodes = {
        **NDVI,
        "map": node("save_result", data=of("mean"), format="GTiff"),
        "series": node("reduce_spatial", data=of("index"), reducer=reducer("mean")),
        "saved": node("save_result", data=of("series"), format="JSON"),
    }
    files, folder = _run(nodes, tmp_path)
    assert [str(each.path) for each in files] == ["1.tif", "2.json"]
    assert len(json.loads((folder / "2.json").read_text())["data"]) == len(CUBE.dimensions[0].labels)


@pytest.mark.parametrize(("above", "warnings"), [(-1e30, ["There is no data in the whole result"]), (1e30, [])])
def test_of_a_result_without_any_data_the_user_is_warned(tmp_path, above, warnings):
    notes = Notes()
    large = node("apply", data=of(LOADED), process=callback("gt", x={"from_parameter": "x"}, y=above))
    _run({LOADED: NDVI[LOADED], "large": large, "rest": node("mask", data=of(LOADED), mask=of("large"))}, tmp_path, notes)

    assert [each.message.partition(":")[0] for each in notes.all if each.level == "warning"] == warnings


def test_what_is_loaded_and_saved_alone_counts_as_pixels(tmp_path):
    taken = []
    _run(
        {LOADED: NDVI[LOADED], "saved": node("save_result", data=of(LOADED), format="netCDF")}, tmp_path, tell_usage=taken.append
    )

    assert sum(chain.usage.pixels for chain in taken[0].chains) == CUBE.values.data.size


def test_what_is_no_cube_is_written_as_json(tmp_path):
    """The labels of a dimension, without a cell read."""
    files, folder = _run({LOADED: NDVI[LOADED], "labels": node("dimension_labels", data=of(LOADED), dimension="bands")}, tmp_path)
    assert json.loads((folder / files[0].path).read_text()) == ["B02", "B04", "B08"]


def test_a_format_that_does_not_suit_is_found_before_anything_is_computed(tmp_path):
    """A series is no image."""
    nodes = {
        **NDVI,
        "series": node("reduce_spatial", data=of("index"), reducer=reducer("mean")),
        "saved": node("save_result", data=of("series"), format="GTiff"),
    }
    with pytest.raises(ProcessError) as raised:
        _run(nodes, tmp_path)
    assert raised.value.reason == "FormatUnsuitable"
    assert not (tmp_path / "scratch").exists()


def test_what_a_plan_takes_is_told_from_shapes():
    """Bytes of what is read, of the largest window and of the result."""
    source = CubeSource(CUBE)
    shapes = trace_shapes(_plan(NDVI).graph, {LOADED: source.hollow})
    found = estimate_shapes(_plan(NDVI), shapes, {LOADED: {"y": 16, "x": 16}}, SMALL)
    assert found.windows > 1
    assert found.read_bytes >= CUBE.values.data.nbytes
    assert 0 < found.cpu_seconds.low < found.cpu_seconds.likely < found.cpu_seconds.high
    assert found.result_bytes.high > 70 * 90 * 4
    assert source.cells == 0


@pytest.mark.parametrize(("method", "is_small"), [("near", True), ("bilinear", False)])
@pytest.mark.parametrize("form", ["GTiff", "netCDF", "Zarr", "JSON"])
def test_pixels_that_nearest_neighbour_repeats_take_little_room_in_files(form, method, is_small):
    nodes = {
        LOADED: node("load_collection", id="c"),
        "finer": node("resample_spatial", data=of(LOADED), resolution=4.0, method=method),
        "saved": node("save_result", data=of("finer"), format=form),
    }
    source = CubeSource(CUBE)
    shapes = trace_shapes(_plan(nodes).graph, {LOADED: source.hollow})
    found = estimate_shapes(_plan(nodes), shapes, {LOADED: {"y": 16, "x": 16}}, SMALL)
    *_, finer = found.steps
    assert (found.result_bytes.likely < finer.bytes / 10) == (is_small and form != "JSON")
    assert found.result_bytes.high >= finer.bytes
    assert (finer.file_bytes.likely < finer.bytes / 10) == is_small


def test_a_table_with_its_labels_is_estimated_larger_than_numbers_alone(tmp_path):
    """Rows of time, band, y, x and value, beside what is made."""
    plan = _plan({LOADED: NDVI[LOADED], "index": NDVI["index"], "saved": node("save_result", data=of("index"), format="CSV")})
    shapes = trace_shapes(plan.graph, {LOADED: CubeSource(CUBE).hollow})
    told = estimate_shapes(plan, shapes, {LOADED: {}}, SMALL).result_bytes
    files, folder = _run(
        {LOADED: NDVI[LOADED], "index": NDVI["index"], "saved": node("save_result", data=of("index"), format="CSV")}, tmp_path
    )
    made = (folder / files[0].path).stat().st_size

    assert told.low < made < told.high
    assert made / 2 < told.likely < made * 2


def test_each_step_is_told_with_the_cube_that_it_makes():
    """Labels, type, bytes and whether there may be gaps: the shape that a step has in JSON."""
    source = CubeSource(CUBE)
    shapes = trace_shapes(_plan(NDVI).graph, {LOADED: source.hollow})
    *_, mean = steps = estimate_shapes(_plan(NDVI), shapes, {LOADED: {"y": 16, "x": 16}}, SMALL).steps
    assert [(each.node, each.process) for each in steps] == [
        (LOADED, "load_collection"), ("index", "ndvi"), ("mean", "reduce_dimension"),
    ]  # fmt: skip
    lengths = {each.name: len(each.labels) for each in CUBE.dimensions if each.kind == "spatial"}
    assert {each.name: each.count for each in mean.dimensions} == lengths
    assert (mean.type, mean.bytes, mean.may_have_nodata) == ("float32", 4 * math.prod(lengths.values()), True)
    assert 0 < mean.file_bytes.low < mean.file_bytes.likely < mean.file_bytes.high
    first, *_ = steps
    for dimension, own in zip(first.dimensions, CUBE.dimensions, strict=True):
        assert (dimension.name, dimension.first, dimension.last) == (own.name, own.labels[0], own.labels[-1])


def test_what_depends_on_the_data_has_no_estimate():
    """Nobody knows what will be trimmed."""
    with pytest.raises(EstimateComplexityError):
        estimate_plan(_plan({**NDVI, "trimmed": node("trim_cube", data=of("mean"))}), {}, {})
