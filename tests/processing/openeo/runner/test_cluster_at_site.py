"""Batch jobs of a served site whose windows a Dask cluster computes: two workers that are processes, and confined children."""

import os
import signal
import socket
from pathlib import Path

import numpy as np
import openeo
import pytest
import rasterio
from distributed import LocalCluster
from distributed.diagnostics.plugin import SchedulerPlugin
from rasterio.transform import from_origin

from processing.openeo.jobs.test_client import find_child, wait_for
from twinlake.testing.site import SiteProcess, make_site, run_twinlake

pytestmark = pytest.mark.slow
QUICK = {"max_poll_interval": 0.1, "print": lambda _: None}
RECIPE = r"""
datetime_format = "%Y%m%d"
[[rules]]
files = '(?P<item>s_(?P<datetime>\d{8}))/(?P<asset>\w+)\.tif'
[assets.B04]
bands = [{ name = "B04" }]
"""
ROWS, COLUMNS, DATES = 600, 5000, 10


def start_cluster(folder, *, port=0, workers=2):
    return LocalCluster(
        n_workers=workers,
        threads_per_worker=1,
        scheduler_port=port,
        dashboard_address="127.0.0.1:0",
        worker_dashboard_address=None,
        local_directory=str(folder),
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("cluster")


@pytest.fixture(scope="module")
def port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def cluster(folder, port):
    with start_cluster(folder, port=port) as cluster:
        yield cluster


@pytest.fixture
def idle(folder, port):
    """Serve a scheduler to which no worker has come yet."""
    with start_cluster(folder, port=port, workers=0) as cluster:
        yield cluster


def write_scene(path, *, seed):
    rows, columns = np.mgrid[:ROWS, :COLUMNS]
    data = (rows * (seed + 3) + columns * 7) % 3000
    path.parent.mkdir(parents=True)
    profile = {"driver": "GTiff", "count": 1, "dtype": "uint16", "height": ROWS, "width": COLUMNS, "nodata": 0}
    tiles = {"tiled": True, "blockxsize": 512, "blockysize": 512, "compress": "DEFLATE"}
    with rasterio.open(path, "w", crs="EPSG:32631", transform=from_origin(5e5, 5.6e6, 10, 10), **profile, **tiles) as target:
        target.write(data.astype("uint16"), 1)


@pytest.fixture(scope="module")
def site(folder, port):
    for date in range(DATES):
        write_scene(folder / "scenes" / f"s_202401{date + 1:02d}" / "B04.tif", seed=date)
    (folder / "recipe.toml").write_text(RECIPE)
    settings = {"openeo.dask_scheduler": f"tcp://127.0.0.1:{port}", "openeo.unsafe_user_code": True}
    with SiteProcess(make_site(folder / "site"), settings=settings) as site:
        (folder / "token").write_text(site.token)
        ingest = ("ingest", folder / "scenes", "-c", "scenes", "--create-collection", "--recipe", folder / "recipe.toml")
        done = run_twinlake(*ingest, "--to", site.url, "--token-file", folder / "token")
        assert done.returncode == 0, done.stdout + done.stderr
        yield site


@pytest.fixture(scope="module")
def connection(site):
    return openeo.connect(site.url).authenticate_bearer_token(f"basic//{site.token}")


@pytest.fixture(autouse=True)
def no_results(connection):
    """Leave no result that another test's job would take instead of computing it."""
    yield
    for each in connection.list_jobs():
        connection.job(each["id"]).delete()


def mean(connection):
    """Return a graph whose numbers need more memory than one window may take."""
    return connection.load_collection("scenes").apply(lambda x: x * 1.5).reduce_dimension(dimension="t", reducer="mean")


@pytest.fixture(scope="module")
def expected(connection, folder):
    """Return what the site's own children make of the graph."""
    mean(connection).download(folder / "expected.tif", format="GTiff")
    with rasterio.open(folder / "expected.tif") as made:
        return made.read()


def parts_of(site):
    return [each for each in Path(site.folder, "staging/runs").glob("*/work/parts/*/*") if each.name.isdecimal()]


def assert_made(job, expected, folder):
    job.get_results().download_files(folder)
    with rasterio.open(next(folder.glob("*.tif"))) as made:
        np.testing.assert_array_equal(made.read(), expected)


class Counted(SchedulerPlugin):
    """Keeps who did which part of a job."""

    def __init__(self):
        self.done = []

    def transition(self, key, start, finish, *args, worker=None, **told):
        if finish == "memory" and key.startswith("_do"):
            self.done.append(worker)


def test_a_cluster_makes_the_same_bits(connection, cluster, expected, tmp_path):
    counted = Counted()
    cluster.scheduler.add_plugin(counted)
    job = mean(connection).save_result("GTiff").create_job()
    job.start_and_wait(**QUICK)

    assert job.describe()["progress"] == 100
    assert_made(job, expected, tmp_path)
    assert len(counted.done) > 3
    assert len(set(counted.done)) == 2


def test_a_worker_that_is_killed_costs_what_it_was_at(connection, site, cluster, expected, tmp_path):
    job = mean(connection).save_result("GTiff").create_job()
    job.start()
    wait_for(lambda: parts_of(site))
    os.kill(next(iter(cluster.workers.values())).pid, signal.SIGKILL)
    wait_for(lambda: job.status() in {"finished", "error"})

    assert job.status() == "finished", job.logs()
    assert_made(job, expected, tmp_path)


def test_a_scheduler_that_goes_costs_an_attempt(connection, folder, port, expected, tmp_path):
    job = mean(connection).save_result("GTiff").create_job()
    with start_cluster(folder, port=port, workers=0) as cluster:
        job.start()
        wait_for(lambda: cluster.scheduler.tasks)
    [told] = wait_for(lambda: job.logs(level="error"))
    with start_cluster(folder, port=port):
        wait_for(lambda: job.status() in {"finished", "error"})

    assert told["message"].startswith("The cluster has gone while it computed")
    assert job.status() == "finished", job.logs()
    assert_made(job, expected, tmp_path)


def test_a_job_that_is_cancelled_leaves_nothing_to_do(connection, site, idle):
    job = mean(connection).save_result("GTiff").create_job()
    job.start()
    wait_for(lambda: idle.scheduler.tasks)
    job.stop()

    wait_for(lambda: not idle.scheduler.tasks)
    wait_for(lambda: find_child(site) is None)
    wait_for(lambda: not [*Path(site.folder, "staging/runs").iterdir()])
    assert job.status() == "created"  # it may be started again


def test_code_of_users_stays_at_the_site(connection, idle, expected, tmp_path):
    code = "import xarray\n\n\ndef apply_datacube(cube: xarray.DataArray, context: dict) -> xarray.DataArray:\n    return cube"
    corner = {"west": 500_000, "south": 5_599_900, "east": 500_100, "north": 5_600_000, "crs": 32631}
    job = (
        mean(connection)
        .filter_bbox(corner)
        .apply(openeo.UDF(code, runtime="Python"))
        .save_result("GTiff")
        .create_job(log_level="info")
    )
    job.start_and_wait(**QUICK)

    assert not idle.scheduler.task_prefixes
    assert any("user-defined function" in each["message"] for each in job.logs())
    assert_made(job, expected[:, :10, :10], tmp_path)
