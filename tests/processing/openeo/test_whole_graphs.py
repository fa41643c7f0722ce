"""Graphs over collections of a served site, with openEO's own client: at once, as jobs, and as maps."""

import io
import json
import re
import warnings
from contextlib import contextmanager, suppress

import httpx2
import numpy as np
import openeo
import psutil
import pytest
import rasterio
import xarray as xr
from openeo.rest import OpenEoApiError
from PIL import Image

from processing.openeo.jobs.test_client import find_child, wait_for
from processing.openeo.scenes_site import make_scenes, run_scenes_site, take_in
from twinlake.testing.site import run_twinlake

pytestmark = pytest.mark.slow
QUICK = {"max_poll_interval": 0.1, "print": lambda _: None}
DAYS = ("20240105", "20240120", "20240210", "20240303")
HEIGHT, WIDTH = 200, 1300
MEAN = {"process_graph": {"m": {"process_id": "mean", "arguments": {"data": {"from_parameter": "data"}}, "result": True}}}
MEDIAN = {"process_graph": {"m": {"process_id": "median", "arguments": {"data": {"from_parameter": "data"}}, "result": True}}}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("whole")


@pytest.fixture(scope="module")
def scenes(folder):
    return make_scenes(folder, days=DAYS, shape=(HEIGHT, WIDTH), gap=20)


@pytest.fixture(scope="module")
def site(folder, scenes):
    with run_scenes_site(folder) as site:
        take_in(site, folder, "hidden")
        hidden = run_twinlake("access", "set", "hidden", "private", "--to", site.url, "--token-file", folder / "token")
        assert hidden.returncode == 0, hidden.stderr
        yield site


@pytest.fixture(scope="module")
def connection(site):
    connection = openeo.connect(site.url)
    connection.authenticate_bearer_token(f"basic//{site.token}")
    return connection


def ndvi(scenes):
    values = np.where(scenes == 0, np.nan, scenes.astype(np.float64))
    return (values[:, 1] - values[:, 0]) / (values[:, 1] + values[:, 0])


def quiet(reduce, values, **options):
    """Return what a function of numpy makes, which warns where there is nothing."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return reduce(values, **options)


def index_of(connection, collection="scenes"):
    return connection.load_collection(collection).ndvi()


def test_a_map_that_is_computed_at_once_is_what_numpy_makes(connection, scenes, tmp_path):
    index_of(connection).reduce_dimension(dimension="t", reducer="mean").download(tmp_path / "map.tif", format="GTiff")

    with rasterio.open(tmp_path / "map.tif") as made:
        np.testing.assert_allclose(made.read(1), quiet(np.nanmean, ndvi(scenes), axis=0), atol=1e-6)
        assert made.crs.to_epsg() == 32631
        assert json.loads(made.tags()["openeo_lineage"])[0]["id"].startswith("scenes/s_")


def test_a_series_comes_as_json_and_as_a_table(connection, scenes, tmp_path):
    series = index_of(connection).process("reduce_spatial", reducer=MEAN, data=index_of(connection))
    found = connection.execute(series.flat_graph())
    series.download(tmp_path / "series.csv", format="CSV")

    expected = np.nanmean(ndvi(scenes), axis=(1, 2))
    np.testing.assert_allclose(np.ravel(found["data"]), expected, atol=1e-6)
    table = (tmp_path / "series.csv").read_text().splitlines()
    assert [line.split(",")[0] for line in table[1:]] == [f"{day[:4]}-{day[4:6]}-{day[6:]}T00:00:00Z" for day in DAYS]


def test_a_box_and_a_time_are_all_that_is_loaded(connection, scenes, tmp_path):
    box = {"west": 500_100, "south": 5_599_000, "east": 500_300, "north": 5_599_500, "crs": 32631}
    cube = connection.load_collection("scenes", spatial_extent=box, temporal_extent=["2024-01-10", "2024-02-11"], bands=["nir"])
    cube.download(tmp_path / "part.nc", format="netCDF")

    with xr.open_dataset(tmp_path / "part.nc") as found:
        assert found.sizes["t"] == 2
        np.testing.assert_array_equal(found["B08"].values, scenes[1:3, 1, 50:100, 10:30])


def test_a_job_is_estimated_computed_in_tiles_and_described(connection, scenes, tmp_path):
    months = index_of(connection).aggregate_temporal_period("month", reducer="max")
    job = months.save_result("Zarr").create_job(title="Greenest")
    estimate = job.estimate()
    job.start_and_wait(**QUICK)
    described = job.describe()

    assert re.fullmatch(r"PT\d+S", estimate["duration"])
    assert estimate["size"] > 0
    assert described["progress"] == 100
    assert wait_for(lambda: job.describe()["usage"].get("cpu"))["value"] > 0
    results = job.get_results().get_metadata()
    [asset] = results["assets"].values()
    assert asset["cube:dimensions"]["t"]["values"] == ["2024-01", "2024-02", "2024-03"]
    found = xr.open_zarr(asset["href"])
    [name] = [each for each in found.data_vars if found[each].ndim == 3]
    np.testing.assert_allclose(found[name].values[0], quiet(np.nanmax, ndvi(scenes)[:2], axis=0), atol=1e-6)


def test_what_is_wrong_is_told_before_anything_is_computed(connection):
    red = connection.load_collection("scenes", bands=["B04"])
    [fault] = red.ndvi().validate()
    with pytest.raises(OpenEoApiError, match="NirBandAmbiguous"):
        red.ndvi().save_result("GTiff").create_job(validate=False).start()

    assert fault["code"] == "NirBandAmbiguous"
    assert "ndvi1" in fault["message"]
    [unsuitable] = index_of(connection).apply_dimension(process="sort", dimension="t").save_result("PNG").validate() or [{}]
    assert unsuitable == {}  # a series of pictures
    [unsuitable] = connection.load_collection("scenes").add_dimension("run", "a", "other").save_result("PNG").validate()
    assert unsuitable["code"] == "FormatUnsuitable"


def test_who_may_not_know_of_it_loads_nothing(site, connection):
    graph = connection.datacube_from_process(
        "load_collection", id="hidden", spatial_extent=None, temporal_extent=None
    ).flat_graph()
    answer = httpx2.post(f"{site.url}/openeo/1.2/validation", json={"process_graph": graph})

    [fault] = answer.json()["errors"]
    assert fault["code"] == "CollectionNotFound"
    assert connection.post("/validation", json={"process_graph": graph}).json() == {"errors": []}


@pytest.mark.parametrize("named", ["GeoJSON", "netCDF", "Parquet", "CSV", "JSON", "Zarr"])
def test_results_with_long_outlines_are_as_large_as_was_estimated(connection, named):
    """Geometries of thousands of places take more than the numbers beside them."""
    around = np.linspace(0, 2 * np.pi, 2000)
    ring = np.column_stack([3.001 + 0.0005 * np.cos(around), 50.545 + 0.0003 * np.sin(around)]).tolist()
    zone = {"type": "Polygon", "coordinates": [[*ring[:-1], ring[0]]]}
    job = index_of(connection).aggregate_spatial(geometries=zone, reducer="mean").save_result(named).create_job()
    job.start_and_wait(**QUICK)
    estimate = connection.get(f"/jobs/{job.job_id}/estimate").json()
    assets = job.get_results().get_metadata()["assets"]
    size = sum(each["file:size"] for each in assets.values() if "data" in each["roles"])

    bounds = estimate["twinlake:estimate"]["result_bytes"]
    assert bounds["low"] <= size <= bounds["high"]


@pytest.fixture(scope="module")
def wide(site, tmp_path_factory):
    """A collection of which each cube has several tiles."""
    folder = tmp_path_factory.mktemp("wide")
    make_scenes(folder, days=DAYS[:2], shape=(2048, 2048))
    take_in(site, folder, "wide")
    return "wide"


def test_who_waits_is_told_at_once_that_it_takes_too_long(connection, wide, folder):
    fine = connection.load_collection(wide).resample_spatial(resolution=0.1, method="cubic")
    with pytest.raises(OpenEoApiError, match=r"takes about \d+ s of CPU time, and 60 s are the most .* batch job") as refused:
        fine.download(folder / "fine.tif", format="GTiff")
    assert refused.value.code == "ProcessGraphComplexity"


@pytest.mark.parametrize("what", ["child", "site"])
def test_a_job_whose_work_is_killed_goes_on_with_the_tiles_that_are_missing(site, connection, wide, folder, what):
    factor = {"child": 1 / 81, "site": 2 / 81}[what]  # or one would take the result of the other
    smooth = connection.load_collection(wide).apply_kernel([[1] * 9] * 9, factor=factor)
    index = smooth.ndvi().reduce_dimension(dimension="t", reducer="mean")
    index.download(folder / "whole.tif", format="GTiff")
    job = index.save_result("GTiff").create_job()
    job.start()
    wait_for(lambda: [*(site.folder / "staging" / "runs").glob("*/work/parts/*/0")] and find_child(site))
    with held(find_child(site)):  # or it went on while its site is gone, until there is nothing left to do
        if what == "site":
            site.kill()
    if what == "site":
        site.restart()
    wait_for(lambda: job.status() in {"finished", "error"})

    assert job.status() == "finished"
    told = [each["message"] for each in job.logs() if "Goes on where it was" in each["message"]]
    tiles, done = map(int, re.findall(r"[0-9]+", told[0]))
    assert 0 < done < tiles, (done, tiles)
    job.get_results().download_files(folder / what)
    with rasterio.open(folder / "whole.tif") as one, rasterio.open(next(p for p in (folder / what).glob("*.tif"))) as other:
        np.testing.assert_array_equal(one.read(), other.read())
    job.delete()  # or the next one would take its result


@contextmanager
def held(child):
    """Hold a child and all that it has started, and kill them all at the end."""
    family = [psutil.Process(child), *psutil.Process(child).children(recursive=True)]
    for each in family:
        each.suspend()
    yield
    for each in family:
        with suppress(psutil.NoSuchProcess):
            each.kill()


class TestMaps:
    """XYZ services."""

    @pytest.fixture
    def map_of(self, connection):
        mean = index_of(connection).reduce_dimension(dimension="t", reducer="mean")
        colours = {"minimum": -1, "maximum": 1, "palette": ["#000000", "#00ff00"]}
        return connection.create_service(mean.flat_graph(), type="XYZ", title="Green", configuration=colours)

    @pytest.fixture
    def place(self):
        """Return the tile in the middle of the scenes."""
        zoom, lon, lat = 13, 3.005, 50.54
        x = int((lon + 180) / 360 * 2**zoom)
        y = int((1 - np.arcsinh(np.tan(np.radians(lat))) / np.pi) / 2 * 2**zoom)
        return {"z": zoom, "x": x, "y": y}

    def test_everybody_with_the_address_sees_the_map(self, map_of, place):
        described = map_of.describe_service()
        answer = httpx2.get(described["url"].format(**place))
        away = httpx2.get(described["url"].format(z=13, x=0, y=0))

        assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png")
        picture = np.array(Image.open(io.BytesIO(answer.content)))
        assert picture.shape == (256, 256, 4)
        shown = picture[picture[..., 3] > 0]
        assert len(shown) > 1000
        assert set(shown[:, 0]) == {0}
        assert 100 < shown[:, 1].mean() < 160
        assert not np.array(Image.open(io.BytesIO(away.content)))[..., 3].any()

    def test_a_map_of_a_box_ends_with_it(self, connection, map_of, place):
        """In the box it is the map of everything; a margin is left for the box's sides, which are oblique on the scenes' grid."""
        west, south, east, north, margin = 3.0, 50.535, 3.006, 50.545, 0.001
        box = {"west": west, "south": south, "east": east, "north": north}
        index = connection.load_collection("scenes", spatial_extent=box).ndvi().reduce_dimension(dimension="t", reducer="mean")
        part = connection.create_service(index.flat_graph(), type="XYZ", configuration=map_of.describe_service()["configuration"])
        pictures = [httpx2.get(each.describe_service()["url"].format(**place)).content for each in (map_of, part)]
        whole, found = (np.array(Image.open(io.BytesIO(each))) for each in pictures)

        pixels = (np.arange(256) + 0.5) / 256
        lon = (place["x"] + pixels) / 2 ** place["z"] * 360 - 180
        lat = np.degrees(np.arctan(np.sinh(np.pi * (1 - 2 * (place["y"] + pixels) / 2 ** place["z"]))))[:, np.newaxis]
        inside = (lon > west + margin) & (lon < east - margin) & (lat > south + margin) & (lat < north - margin)
        outside = (lon < west - margin) | (lon > east + margin) | (lat < south - margin) | (lat > north + margin)
        assert whole[inside, 3].any()
        assert whole[outside, 3].any()
        np.testing.assert_array_equal(found[inside], whole[inside])
        assert not found[outside, 3].any()

    def test_a_map_is_drawn_again_after_what_draws_it_was_killed(self, site, map_of, place):
        url = map_of.describe_service()["url"].format(**place)
        before = httpx2.get(url)
        site_children = psutil.Process(site.process_id).children(recursive=True)
        for child in [each for each in site_children if "openeo.services.child" in " ".join(each.cmdline())]:
            child.kill()
            child.wait()

        after = httpx2.get(url)

        assert (after.status_code, after.content) == (200, before.content)

    def test_an_address_that_was_not_given_shows_nothing(self, map_of, place):
        url = map_of.describe_service()["url"]
        broken = url.replace("/tiles/", "/tiles/x")

        assert httpx2.get(broken.format(**place)).status_code == 404
        assert httpx2.get(url.format(z=3, x=8, y=0)).status_code == 404

    def test_its_owner_changes_disables_and_deletes_it(self, connection, map_of, place):
        url = map_of.describe_service()["url"]
        connection.patch(f"/services/{map_of.service_id}", json={"title": "Greener", "enabled": False}, expected_status=204)
        assert httpx2.get(url.format(**place)).status_code == 404
        assert map_of.describe_service()["title"] == "Greener"
        assert map_of.service_id in [each["id"] for each in connection.list_services()]
        map_of.delete_service()
        with pytest.raises(OpenEoApiError, match="ServiceNotFound"):
            map_of.describe_service()

    def test_what_is_no_map_is_told_in_its_log(self, connection, place):
        """Where it is not known when it is made, because labels depend on values."""
        trimmed = index_of(connection).process("trim_cube", data=index_of(connection))
        series = connection.create_service(trimmed.flat_graph(), type="xyz")
        answer = httpx2.get(series.describe_service()["url"].format(**place))

        assert answer.json()["code"] == "FormatUnsuitable"
        [entry] = connection.get(f"/services/{series.service_id}/logs").json()["logs"]
        assert "'t'" in entry["message"]

    @pytest.mark.parametrize(
        ("body", "code"),
        [
            ({"type": "WMS"}, "ServiceUnsupported"),
            ({"type": "XYZ", "configuration": {"colour": 1}}, "ServiceConfigUnsupported"),
            ({"type": "XYZ", "configuration": {"palette": ["red", "green"]}}, "ServiceConfigInvalid"),
            (
                {"type": "XYZ", "process": {"process_graph": {"n": {"process_id": "nosuch", "result": True}}}},
                "ProcessUnsupported",
            ),
        ],
    )
    def test_what_cannot_be_a_service_is_refused(self, connection, body, code):
        graph = index_of(connection).flat_graph()
        answer = connection.post("/services", json={"process": {"process_graph": graph}, **body}, expected_status=400)

        assert answer.json()["code"] == code

    def test_gdal_reads_it_as_a_map(self, map_of, tmp_path):
        url = map_of.describe_service()["url"].format(z="${z}", x="${x}", y="${y}")
        (tmp_path / "map.xml").write_text(f"""<GDAL_WMS><Service name="TMS"><ServerUrl>{url}</ServerUrl></Service>
          <DataWindow><UpperLeftX>-20037508.34</UpperLeftX><UpperLeftY>20037508.34</UpperLeftY>
          <LowerRightX>20037508.34</LowerRightX><LowerRightY>-20037508.34</LowerRightY><TileLevel>13</TileLevel>
          <TileCountX>1</TileCountX><TileCountY>1</TileCountY><YOrigin>top</YOrigin></DataWindow>
          <Projection>EPSG:3857</Projection><BlockSizeX>256</BlockSizeX><BlockSizeY>256</BlockSizeY><BandsCount>4</BandsCount>
          <Cache/></GDAL_WMS>""")
        with rasterio.open(tmp_path / "map.xml") as dataset:
            row, column = dataset.index(334_500, 6_540_000)
            found = dataset.read(window=((row, row + 64), (column, column + 64)))
        assert found.shape == (4, 64, 64)
        assert found[3].any()
