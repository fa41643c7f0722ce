"""What openEO's own client offers, row by row, as far as no other test uses it: at a site with scenes that is served."""

import json
import re
from pathlib import Path
from urllib.parse import urlsplit

import geopandas
import numpy as np
import openeo
import pytest
import rasterio
import requests
import shapely
import xarray as xr
import zarr
from openeo.rest import OpenEoApiError
from PIL import Image

from processing.openeo.folder_server import serving
from processing.openeo.scenes_site import DAYS, LEFT, SIZE, TOP, make_robot, make_scenes, run_scenes_site
from twinlake.site.settings import SiteSettings
from twinlake.site.user_code import find_user_code
from twinlake.testing.site import run_twinlake

pytestmark = pytest.mark.slow
API = "/openeo/1.2"
CLIENTS = Path(__file__).parents[3] / "docs" / "clients.md"
QUICK = {"max_poll_interval": 0.1, "print": lambda _: None}
CLOUDS = (5, 80, 10)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("rows")


@pytest.fixture(scope="module")
def scenes(folder):
    return make_scenes(folder)


@pytest.fixture(scope="module")
def elsewhere(folder):
    """Where files of *folder* are served to everybody."""
    with serving(folder) as address:
        yield address


@pytest.fixture(scope="module")
def site(folder, scenes, elsewhere):
    with run_scenes_site(folder, **{"webhooks.allow": [elsewhere]}) as site:
        yield site


@pytest.fixture(scope="module")
def connection(site):
    connection = openeo.connect(site.url)
    connection.authenticate_bearer_token(f"basic//{site.token}")
    return connection


@pytest.fixture(scope="module")
def job(connection):
    """A job that has made a cube of the largest values of each month."""
    months = connection.load_collection("scenes").aggregate_temporal_period("month", reducer="max")
    job = months.save_result("Zarr").create_job(title="Months", log_level="info")
    job.start_and_wait(**QUICK)
    return job


@pytest.fixture(scope="module")
def area():
    """A polygon around the pixels of rows 4 to 14 and columns 10 to 20, in degrees."""
    box = shapely.box(LEFT + 101, TOP - 139, LEFT + 199, TOP - 41)
    return geopandas.GeoSeries([box], crs=32631).to_crs(4326).iloc[0]


def months(scenes):
    return np.stack([scenes[:2].max(axis=0), scenes[2]])


def test_programs_sign_in_as_themselves(site, folder, monkeypatch):
    client, secret = make_robot(site, folder)
    monkeypatch.setenv("OPENEO_AUTH_METHOD", "client_credentials")
    monkeypatch.setenv("OPENEO_AUTH_CLIENT_ID", client)
    monkeypatch.setenv("OPENEO_AUTH_CLIENT_SECRET", secret)
    connection = openeo.connect(site.url)
    connection.authenticate_oidc(display=lambda _: None)

    assert re.match(r"oidc/dedl/.+", connection.auth.bearer)
    assert connection.describe_account()["name"]
    assert connection.list_jobs() == []


def test_what_there_is_is_listed(connection):
    assert connection.list_service_types().keys() == {"XYZ"}
    assert {"GeoJSON", "Parquet", "CSV", "GTiff"} <= connection.list_input_formats().keys()
    assert connection.describe_process("ndvi")["parameters"][0]["name"] == "data"
    assert "scenes" in connection.list_collection_ids()
    assert connection.version_info()["api"] == "1.2.0"


def test_a_result_is_told_with_its_log_and_estimate(connection, job):
    assert job.estimate()["size"] > 0
    assert job.describe()["title"] == "Months"
    told = [each["message"] for each in job.logs()]
    begins = ("Queued. ", "Started with ", "Loads ", "Computes 1 tile in 1 step", "Wrote ", "Finished: ")
    assert " of scenes: " in told[2]
    assert [begin for begin, message in zip(begins, told, strict=True) if not message.startswith(begin)] == [], told
    assert connection.job(job.job_id).status() == "finished"
    assert job.job_id in [each["id"] for each in connection.list_jobs(limit=100)]


def test_an_estimate_warns_of_what_the_log_will(connection):
    early, late = (
        connection.load_collection("scenes", temporal_extent=extent)
        for extent in (["2024-01-01", "2024-02-01"], ["2024-02-01", "2024-03-01"])
    )
    job = early.merge_cubes(late, overlap_resolver="max").create_job(title="Side by side", out_format="netCDF")
    [warning] = job.estimate()["twinlake:estimate"]["warnings"]
    job.start_and_wait(**QUICK)

    assert warning["node"] == "mergecubes1"
    assert "no label of 't' in common" in warning["message"]
    assert [entry["message"] for entry in job.logs() if entry["level"] == "warning"] == [warning["message"]]


@pytest.mark.parametrize("whole", [True, False])
def test_results_of_a_job_are_loaded_into_another(connection, job, scenes, tmp_path, whole):
    url = job.get_results_metadata_url(full=True)
    found = connection.load_stac_from_job(job) if whole else connection.load_stac(f"{url}?partial=true", bands=["B08"])
    found.download(tmp_path / "again.nc", format="netCDF")

    with xr.open_dataset(tmp_path / "again.nc") as made:
        np.testing.assert_array_equal(made["B08"].values, months(scenes)[:, 1])
        assert ("B04" in made) is whole


def test_a_result_that_was_loaded_and_saved_is_the_same_store(connection, job, tmp_path):
    again = connection.load_stac_from_job(job).save_result("Zarr").create_job()
    again.start_and_wait(**QUICK)
    made = []
    for each in (job, again):
        [asset] = each.get_results().get_metadata()["assets"].values()
        with xr.open_zarr(asset["href"]) as store:
            made.append(store.load())

    assert {name: each for name, each in made[0].variables.items() if each.dtype != object}.keys() >= {"data", "t", "x", "y"}
    xr.testing.assert_identical(made[0].drop_attrs(deep=False), made[1].drop_attrs(deep=False))


def run_documented(word, **names):
    """Run the block of docs/clients.md that has a word; return its names."""
    [block] = [text for text in re.findall(r"```python\n(.*?)```", CLIENTS.read_text(), re.DOTALL) if word in text]
    exec(compile(block, CLIENTS, "exec"), names)
    return names


def test_code_of_ones_own_runs_as_the_documentation_says(connection, scenes, tmp_path, monkeypatch):
    if find_user_code(SiteSettings()).program is None:
        pytest.skip("this machine lacks what user-defined functions are shut in with: apt-get install bubblewrap")
    monkeypatch.chdir(tmp_path)
    run_documented("openeo.UDF", openeo=openeo, cube=connection.load_collection("scenes"))
    with xr.open_dataset("logarithms.nc") as found:
        expected = np.log(np.where(scenes[:, 1] == 0, np.nan, scenes[:, 1] / 100.0))
        np.testing.assert_allclose(found["B08"].values, expected, rtol=1e-6)


def test_several_files_come_as_a_zip_as_the_documentation_says(connection, scenes, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run_documented("ZipFile", cube=connection.load_collection("scenes"))
    assert len(list(tmp_path.glob("images/**/*.tif"))) == len(scenes)


def test_a_store_is_read_where_it_is_as_the_documentation_says_and_not_downloaded(connection, job):
    names = run_documented("open_zarr", job=job)
    assert "data" in names["cube"]
    for address in (names["address"], f"{names['address']}/"):
        with pytest.raises(OpenEoApiError, match=r"is a folder \(Zarr\).* Open this address with xarray"):
            connection.get(address)
    answer = requests.get(f"{names['address'].replace('/results/', '/results/0')}", timeout=60)
    assert answer.status_code == 403


def test_a_graph_is_validated_as_a_cube(connection):
    assert connection.load_collection("scenes").ndvi().validate() == []
    assert connection.load_collection("scenes").filter_bands(["B04"]).ndvi().validate()[0]["code"] == "NirBandAmbiguous"


def open_tiff(path):
    with rasterio.open(path) as found:
        return found.read()


def open_netcdf(path):
    with xr.open_dataset(path) as found:
        return np.stack([found["B04"].values, found["B08"].values])


def open_zarr(path):
    with zarr.storage.ZipStore(path, mode="r") as store:
        return zarr.open_group(store, mode="r")["data"][...]


def open_json(path):
    return np.array(json.loads(path.read_text())["data"])


def open_csv(path):
    rows = [line.split(",") for line in path.read_text().splitlines()]
    assert rows[0][-2:] == ["B04", "B08"]
    return np.array([row[-2:] for row in rows[1:]], dtype=float).T.reshape(2, SIZE, SIZE)


def open_parquet(path):
    import pandas as pd

    return pd.read_parquet(path)[["B04", "B08"]].to_numpy().T.reshape(2, SIZE, SIZE)


@pytest.mark.parametrize(
    ("format_", "name", "read"),
    [
        ("GTiff", "a.tif", open_tiff),
        ("COG", "a.tif", open_tiff),
        ("netCDF", "a.nc", open_netcdf),
        ("Zarr", "a.zarr.zip", open_zarr),
        ("JSON", "a.json", open_json),
        ("CSV", "a.csv", open_csv),
        ("Parquet", "a.parquet", open_parquet),
    ],
)
def test_a_cube_is_downloaded_in_each_format(connection, scenes, tmp_path, format_, name, read):
    connection.load_collection("scenes").max_time().download(tmp_path / name, format=format_)

    np.testing.assert_array_equal(read(tmp_path / name), scenes.max(axis=0))


def test_a_picture_is_downloaded(connection, scenes, tmp_path):
    connection.load_collection("scenes", bands=["B04"]).max_time().download(tmp_path / "a.png", format="PNG")

    with Image.open(tmp_path / "a.png") as picture:
        assert picture.size == (SIZE, SIZE)


def test_several_results_are_made_by_one_job(connection, scenes, tmp_path):
    cube = connection.load_collection("scenes", bands=["B04"])
    results = [cube.max_time().save_result("GTiff"), cube.min_time().save_result("netCDF")]
    job = openeo.rest.multiresult.MultiResult(results).create_job(title="Two")
    job.start_and_wait(**QUICK)
    made = job.get_results().download_files(tmp_path, include_stac_metadata=False)

    (tiff,), (netcdf,) = ([each for each in made if each.suffix == suffix] for suffix in (".tif", ".nc"))
    np.testing.assert_array_equal(open_tiff(tiff)[0], scenes[:, 0].max(axis=0))
    with xr.open_dataset(netcdf) as found:
        np.testing.assert_array_equal(found["B04"].values, scenes[:, 0].min(axis=0))


def test_only_scenes_with_few_clouds_are_loaded(site, folder, connection, scenes):
    with site.client() as client:
        for day, cover in zip(DAYS, CLOUDS, strict=True):
            item = client.get(f"/stac/v2/collections/scenes/items/s_{day}").json()
            item["properties"]["eo:cloud_cover"] = cover
            put = client.put(f"/stac/v2/collections/scenes/items/s_{day}", json=item)
            assert put.status_code in {200, 204}, put.text
    few = connection.load_collection("scenes", max_cloud_cover=20, bands=["B04"])
    properties = connection.load_collection("scenes", properties=[openeo.collection_property("eo:cloud_cover") > 20])

    assert (
        few.reduce_dimension(dimension="t", reducer="count").reduce_dimension(dimension="bands", reducer="max").execute()["data"]
        == np.full((SIZE, SIZE), 2).tolist()
    )
    assert len(properties.dimension_labels("t").execute()) == 1


def test_vector_cubes_are_made_and_computed(connection, scenes, area, tmp_path):
    cube = connection.load_collection("scenes", bands=["B04"]).max_time()
    feature = {"type": "Feature", "geometry": shapely.geometry.mapping(area), "properties": {"name": "field"}}
    vectors = connection.load_geojson({"type": "FeatureCollection", "features": [feature]}, properties=["name"])
    inside = scenes[:, 0].max(axis=0)[4:14, 10:20]
    for geometries in (area, vectors, json.loads(shapely.to_geojson(area))):
        cube.aggregate_spatial(geometries, reducer="mean").download(tmp_path / "a.json", format="JSON")
        found = np.ravel(json.loads((tmp_path / "a.json").read_text())["data"])
        np.testing.assert_allclose(found[-1], inside.mean())
    cube.aggregate_spatial(area, reducer="mean").download(tmp_path / "a.geojson", format="GeoJSON")
    table = geopandas.read_file(tmp_path / "a.geojson")
    assert table.geometry.iloc[0].equals_exact(area, 1e-6)


def test_vectors_of_a_collection_are_loaded_where_geometries_are_wanted(site, connection, scenes, area, folder, tmp_path):
    (folder / "fields").mkdir()
    fields = geopandas.GeoDataFrame({"name": ["far", "field"]}, geometry=[shapely.box(90, 0, 91, 1), area], crs=4326)
    fields.to_parquet(folder / "fields" / "fields.parquet")
    (folder / "fields.toml").write_text('datetime = "2024-01-01T00:00:00Z"')
    (folder / "token").write_text(site.token)
    ingest = ("ingest", folder / "fields", "-c", "fields", "--create-collection", "--recipe", folder / "fields.toml")
    done = run_twinlake(*ingest, "--to", site.url, "--token-file", folder / "token")
    assert done.returncode == 0, done.stdout + done.stderr
    assert connection.describe_collection("fields")["cube:dimensions"]["geometries"]["type"] == "geometry"

    near = {"west": -10, "south": 40, "east": 20, "north": 60}
    fields = connection.load_collection("fields", spatial_extent=near)
    cube = connection.load_collection("scenes", bands=["B04"]).max_time()
    means = cube.aggregate_spatial(fields, reducer="mean")
    inside = scenes[:, 0].max(axis=0)[4:14, 10:20]
    means.download(tmp_path / "a.json", format="JSON")
    np.testing.assert_allclose(np.ravel(json.loads((tmp_path / "a.json").read_text())["data"])[-1], inside.mean())

    weighted = cube.process("aggregate_spatial_weighted", data=cube, geometries=fields, statistic="mean").create_job(
        out_format="JSON"
    )
    assert weighted.estimate()["size"] > 0
    weighted.start_and_wait(**QUICK)
    [value] = np.ravel(weighted.get_results().get_asset().load_json()["data"])
    assert value == pytest.approx(inside.mean(), rel=0.05)
    job = means.save_result("Parquet").create_job(additional={"job_options": {"freeze": "creation"}})
    job.start_and_wait(**QUICK)
    job.get_results().download_file(tmp_path / "a.parquet")
    table = geopandas.read_parquet(tmp_path / "a.parquet")
    assert table["name"].tolist() == ["field"]
    assert [each.message for each in job.logs() if each.message.startswith("Loads 1 item of fields: 1 file, ")]
    item = connection.load_stac(f"{site.url}/stac/v2/collections/fields/items/fields", spatial_extent=near)
    item.download(tmp_path / "a.geojson", format="GeoJSON")
    assert geopandas.read_file(tmp_path / "a.geojson")["name"].tolist() == ["field"]


def test_a_process_runs_on_the_pixels_of_a_shapely_polygon(connection, scenes, area, tmp_path):
    cube = connection.load_collection("scenes", bands=["B04"]).max_time()
    cube.apply_polygon(geometries=area, process=lambda data: data.apply(lambda x: x + 1)).download(
        tmp_path / "a.tif", format="GTiff"
    )

    inside = np.zeros((SIZE, SIZE), dtype=bool)
    inside[4:14, 10:20] = True
    found = open_tiff(tmp_path / "a.tif")[0]
    np.testing.assert_array_equal(found[inside], scenes[:, 0].max(axis=0)[inside] + 1)


def test_a_function_of_ones_own_is_sent(connection, scenes, tmp_path):
    if find_user_code(SiteSettings()).program is None:
        pytest.skip("this machine lacks what user-defined functions are shut in with: apt-get install bubblewrap")
    code = "import xarray\ndef apply_datacube(cube: xarray.DataArray, context: dict) -> xarray.DataArray:\n    return cube * 2\n"
    cube = connection.load_collection("scenes", bands=["B04"]).max_time()
    cube.apply(openeo.UDF(code, runtime="Python")).download(tmp_path / "a.tif", format="GTiff")

    np.testing.assert_array_equal(open_tiff(tmp_path / "a.tif")[0], 2 * scenes[:, 0].max(axis=0).astype(float))


def test_files_at_an_address_are_loaded(connection, elsewhere, scenes, area, folder, tmp_path):
    (folder / "area.geojson").write_text(geopandas.GeoSeries([area], crs=4326).to_json())
    vectors = connection.load_url(f"{elsewhere}/area.geojson", format="GeoJSON")
    cube = connection.load_collection("scenes", bands=["B04"]).max_time()
    cube.aggregate_spatial(vectors, reducer="mean").download(tmp_path / "a.json", format="JSON")
    image = connection.load_url(f"{elsewhere}/scenes/s_{DAYS[0]}/B08.tif", format="GTiff")
    image.download(tmp_path / "a.tif", format="GTiff")

    found = np.ravel(json.loads((tmp_path / "a.json").read_text())["data"])
    np.testing.assert_allclose(found[-1], scenes[:, 0].max(axis=0)[4:14, 10:20].mean())
    np.testing.assert_array_equal(open_tiff(tmp_path / "a.tif")[0], scenes[0, 1])


def test_files_at_an_address_are_asked_for_behind_the_guard(site, connection):
    refused = connection.load_url(f"{site.url}/healthz", format="CSV")
    with pytest.raises(OpenEoApiError, match=r"UrlUnsupported.* upload it, and load it with load_uploaded_files"):
        refused.execute()
    refused = connection.load_stac("http://127.0.0.1:1/collection")
    with pytest.raises(OpenEoApiError, match="UrlUnsupported"):
        refused.execute()


def test_addresses_of_results_need_no_token_and_give_ranges(connection, job, site):
    [asset] = job.get_results().get_metadata()["assets"].values()
    assert urlsplit(asset["href"]).path.startswith(API)
    url = f"{asset['href']}/zarr.json"
    head = requests.head(url, timeout=10)
    part = requests.get(url, headers={"range": "bytes=0-9"}, timeout=10)

    assert (head.status_code, head.headers["accept-ranges"]) == (200, "bytes")
    assert (part.status_code, len(part.content)) == (206, 10)
    assert int(head.headers["content-length"]) > 10


@pytest.mark.parametrize(
    ("bands", "is_map", "configuration", "message"),
    [
        (["B04"], False, {}, "A map has no dimension 't', and this has 3 labels along it, from 2024-01-05T00:00:00Z to"),
        (["B04", "B08"], True, {}, "A map has 1, 3 or 4 bands, and this has 2"),
        (["B04"], True, {"minimum": 1, "maximum": 1}, "the minimum, 1, must be below the maximum, 1"),
    ],
)
def test_what_is_no_map_is_refused_when_it_is_made(connection, bands, is_map, configuration, message):
    cube = connection.load_collection("scenes", bands=bands)
    with pytest.raises(OpenEoApiError, match=message) as refused:
        connection.create_service((cube.max_time() if is_map else cube).flat_graph(), type="XYZ", configuration=configuration)
    assert refused.value.code == ("ServiceConfigInvalid" if configuration else "FormatUnsuitable")
    assert connection.list_services() == []


def test_maps_are_made_listed_and_removed(connection):
    graph = connection.load_collection("scenes", bands=["B04"]).max_time().save_result("PNG").flat_graph()
    service = connection.create_service(graph, type="XYZ", title="Map")

    assert [each["id"] for each in connection.list_services()] == [service.service_id]
    assert "{z}/{x}/{y}" in service.describe_service()["url"]
    assert connection.service(service.service_id).logs() == []
    service.delete_service()
    assert connection.list_services() == []
