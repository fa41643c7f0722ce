"""Work that a Dask cluster shares."""

import os
import signal

import pytest
from distributed import Client, LocalCluster
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from processing.openeo.tiles.graphs import LOADED, OTHER, graphs
from processing.openeo.tiles.sources import SMALL, CubeSource, assert_same, compute_tiles, tile_computing
from processing.openeo.tiles.test_tiles import CUBES, LOAD, MEDIAN
from twinlake.processing.openeo.cubes import Cube
from twinlake.processing.openeo.runner.cluster import Cluster
from twinlake.processing.openeo.tiles.computing import Here
from twinlake.processing.openeo.tiles.layout import TileSize
from twinlake.processing.openeo.values import to_json
from twinlake.standards.openeo.errors import InternalError, OpenEoError, ProcessError, ProcessGraphComplexityError


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    """Serve a cluster of two processes."""
    folder = str(tmp_path_factory.mktemp("dask"))
    with (
        LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            dashboard_address="127.0.0.1:0",
            local_directory=folder,
            worker_dashboard_address=None,
        ) as cluster,
        Client(cluster) as client,
    ):
        yield client


def work_of(function):
    """Return work that workers get with its code, for they know no test."""

    class Work:
        def __call__(self, number):
            return function(number)

        def close(self):
            """Have nothing open."""

    return Work()


@pytest.mark.slow
def test_tiles_of_a_cluster_are_those_of_one_process(client, tmp_path):
    """To the bit, in the same layout."""
    source = CubeSource(CUBES["float32"][LOADED])
    found, expected = (
        tile_computing(MEDIAN, {LOADED: source}, tmp_path / name, runner=runner).compute(["median"])["median"]
        for name, runner in (("cluster", Cluster(client)), ("here", Here()))
    )
    assert len(list(found.tiles())) > 3
    for (window, tile), (same, other) in zip(found.tiles(), expected.tiles(), strict=True):
        assert window == same
        assert tile.values.data.tobytes() == other.values.data.tobytes()
    assert_same(found.whole(), expected.whole())


@pytest.mark.slow
def test_errors_come_back_as_they_are(client):
    """With code and words; mistakes without."""

    def fail(number):
        if number == 2:
            code = "LabelNotAvailable"
            raise ProcessError(code, "There is no such label.")

    with pytest.raises(ProcessError, match="no such label") as raised:
        list(Cluster(client).run(range(4), work_of(fail)))
    assert raised.value.reason == "LabelNotAvailable"
    with pytest.raises(InternalError):
        list(Cluster(client).run([1], work_of(lambda number: 1 // 0)))
    assert list(Cluster(client).run([], work_of(fail))) == []


@pytest.mark.slow
def test_what_kills_one_worker_after_the_other_is_given_up(client):
    """It takes too much, wherever it is done."""
    with pytest.raises(ProcessGraphComplexityError, match="too much memory"):
        list(Cluster(client).run([1], work_of(lambda number: os.kill(os.getpid(), signal.SIGKILL))))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Do not use the `random` module inside strategies")  # threads of the cluster do, meanwhile
@given(nodes=graphs(), dtype=st.sampled_from(sorted(CUBES)), tile_bytes=st.sampled_from([200_000, 1_000_000]))
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_any_graph_has_the_same_bits_on_a_cluster(client, nodes, dtype, tile_bytes, tmp_path_factory):
    size = TileSize(edge=32, tile_bytes=tile_bytes, largest_bytes=SMALL.largest_bytes)
    nodes = {LOADED: LOAD, OTHER: LOAD, **nodes}
    folder = tmp_path_factory.mktemp("tiles")
    try:
        expected = compute_tiles(nodes, CUBES[dtype], folder / "here", size=size)
    except OpenEoError as error:
        with pytest.raises(type(error)):
            compute_tiles(nodes, CUBES[dtype], folder / "cluster", size=size, runner=Cluster(client))
        return
    found = compute_tiles(nodes, CUBES[dtype], folder / "cluster", size=size, runner=Cluster(client))
    if not isinstance(expected, Cube):
        assert to_json(found) == to_json(expected)
        return
    assert found.dimensions == expected.dimensions
    assert found.values.data.dtype == expected.values.data.dtype
    assert found.values.data.tobytes() == expected.values.data.tobytes()
    assert found.values.where().tobytes() == expected.values.where().tobytes()
