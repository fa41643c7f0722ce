"""A site that dies while it gets from elsewhere what a job loads: the job is started again and comes to the same result."""

import json
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import httpx2
import numpy as np
import pytest
import rasterio

from processing.openeo.jobs.test_client import wait_for
from processing.openeo.loading.lake import write_raster
from twinlake.site.layout import SiteFolder
from twinlake.testing.site import SiteProcess, make_site

pytestmark = pytest.mark.slow

API = "/openeo/1.2"
DAYS = (1, 2)


class Elsewhere(ThreadingHTTPServer):
    """Files of a folder; the last one is kept back until it is released."""

    def __init__(self, folder):
        super().__init__(("127.0.0.1", 0), partial(Files, directory=folder))
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.asked, self.released = threading.Event(), threading.Event()

    def handle_error(self, *_):
        """Whoever is killed hangs up, and that is wanted."""


class Files(SimpleHTTPRequestHandler):
    def do_GET(self):
        if self.path == f"/{DAYS[-1]}.tif":
            self.server.asked.set()
            self.server.released.wait()
        super().do_GET()

    def log_message(self, *_):
        pass


@pytest.fixture
def elsewhere(tmp_path):
    folder = tmp_path / "elsewhere"
    with Elsewhere(folder) as server:
        for day in DAYS:
            write_raster(folder / f"{day}.tif", np.arange(12, dtype=np.uint16).reshape(3, 4) % (5 * day) + 1, nodata=0)
        items = {"type": "FeatureCollection", "features": [item(folder, day) for day in DAYS]}
        (folder / "items.json").write_text(json.dumps(items))
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.released.set()
        server.shutdown()
        thread.join()


def item(folder, day):
    with rasterio.open(folder / f"{day}.tif") as file:
        asset = {
            "href": f"{day}.tif",
            "type": "image/tiff; application=geotiff",
            "roles": ["data"],
            "proj:code": f"EPSG:{file.crs.to_epsg()}",
            "proj:transform": list(file.transform)[:6],
            "proj:shape": list(file.shape),
            "bands": [{"name": "red", "data_type": "uint16", "nodata": 0}],
        }
    properties = {"datetime": f"2020-01-{day:02d}T00:00:00Z"}
    return {"type": "Feature", "id": f"i{day}", "properties": properties, "geometry": None, "links": [], "assets": {"red": asset}}


def count_fetched(site):
    with closing(sqlite3.connect(f"file:{SiteFolder.of(site.config).database}?mode=ro", uri=True)) as database:
        return database.execute("select count(*) from openeo_fetched").fetchone()[0]


def test_a_job_is_fetched_again_after_the_site_died_between_getting_and_pinning(elsewhere, tmp_path):
    node = {"process_graph": {"max": {"process_id": "max", "arguments": {"data": {"from_parameter": "data"}}, "result": True}}}
    largest = {"data": {"from_node": "load"}, "dimension": "t", "reducer": node}
    graph = {
        "load": {"process_id": "load_stac", "arguments": {"url": f"{elsewhere.url}/items.json"}},
        "largest": {"process_id": "reduce_dimension", "arguments": largest},
        "save": {"process_id": "save_result", "arguments": {"data": {"from_node": "largest"}, "format": "GTiff"}, "result": True},
    }
    settings = {"webhooks.allow": [elsewhere.url]}
    with SiteProcess(make_site(tmp_path / "site"), settings=settings) as site, ThreadPoolExecutor() as pool:
        with site.client() as client:
            job = client.post(f"{API}/jobs", json={"process": {"process_graph": graph}}).headers["openeo-identifier"]
            started = pool.submit(client.post, f"{API}/jobs/{job}/results")
            assert elsewhere.asked.wait(60)
            wait_for(lambda: count_fetched(site) == 1)
            site.kill()
            with pytest.raises(httpx2.TransportError):
                started.result()
        elsewhere.released.set()
        site.restart()

        with site.client() as client:
            assert client.get(f"{API}/jobs/{job}").json()["status"] == "created"
            assert count_fetched(site) == 1, "what was got is held"
            assert client.post(f"{API}/jobs/{job}/results").status_code == 202
            wait_for(lambda: client.get(f"{API}/jobs/{job}").json()["status"] in {"finished", "error"})
            [asset] = client.get(f"{API}/jobs/{job}/results").json()["assets"].values()
            made = httpx2.get(asset["href"]).content

        assert count_fetched(site) == len(DAYS)
    sources = [tmp_path / "elsewhere" / f"{day}.tif" for day in DAYS]
    with rasterio.MemoryFile(made) as memory, memory.open() as found:
        np.testing.assert_array_equal(found.read(1), np.maximum(*(open_tiff(path) for path in sources)))


def open_tiff(path):
    with rasterio.open(path) as found:
        return found.read(1)
