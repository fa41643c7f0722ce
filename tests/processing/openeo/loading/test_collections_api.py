"""Collections over openEO's API, with its own client."""

import numpy as np
import openeo
import pytest

from processing.openeo.loading.lake import Lake, write_raster
from twinlake.holdings.catalogue.interfaces import CollectionAccess
from twinlake.testing.stac_site import running_stac_site

pytestmark = pytest.mark.slow
RECIPE = r"""
datetime_format = "%Y%m%d"
[[rules]]
files = '(?P<item>[a-z]+_(?P<datetime>\d{8}))/(?P<asset>\w+)\.tif'
properties = { "eo:cloud_cover" = 5 }
[assets.B04]
bands = [{ name = "B04", "eo:common_name" = "red", "eo:center_wavelength" = 0.665 }]
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("api")
    for day in ("20240101", "20240111"):
        for band in ("B04", "B08"):
            write_raster(folder / f"data/s_{day}/{band}.tif", np.ones((20, 20), "uint16"))
    with running_stac_site(folder) as site:
        lake = Lake(site._site, folder)
        site.run(lake.hold(folder / "data", collection="series", recipe=RECIPE))
        site.run(lake.hold(folder / "data", collection="hidden", recipe=RECIPE, access=CollectionAccess(access="private")))
        yield site


@pytest.fixture(scope="module")
def connection(site):
    return openeo.connect(site.public_url)


def test_the_client_finds_collections_and_their_bands(connection):
    assert [each["id"] for each in connection.list_collections()] == ["series"]
    described = connection.describe_collection("series")
    cube = connection.load_collection("series", spatial_extent=None, temporal_extent=None)

    assert described["cube:dimensions"]["bands"] == {"type": "bands", "values": ["B04", "B08"]}
    assert described["cube:dimensions"]["t"]["extent"] == ["2024-01-01T00:00:00Z", "2024-01-11T00:00:00Z"]
    x = described["cube:dimensions"]["x"]
    assert (x["extent"][0], x["reference_system"]) == (pytest.approx(500_000, abs=1e-3), 32631)
    assert cube.metadata.band_names == ["B04", "B08"]
    assert cube.metadata.bands[0].common_name == "red"
    assert cube.metadata.bands[0].wavelength_um == 0.665
    assert set(cube.metadata.dimension_names()) == {"x", "y", "t", "bands"}


def test_the_client_filters_by_properties_and_finds_items(connection):
    cube = connection.load_collection("series", max_cloud_cover=20)
    items = connection.collection_items("series", spatial_extent=[2, 50, 4, 51], temporal_extent=["2024-01-10", "2024-02-01"])

    assert "eo:cloud_cover" in connection.get(cube_queryables(connection)).json()["properties"]
    assert "properties" in next(iter(cube.flat_graph().values()))["arguments"]
    assert [each["id"] for page in items for each in page["features"]] == ["s_20240111"]


def cube_queryables(connection):
    links = connection.describe_collection("series")["links"]
    (found,) = [each["href"] for each in links if each["rel"].endswith("/queryables")]
    assert found.endswith("/openeo/1.2/collections/series/queryables")
    return found


def test_what_one_may_not_know_of_is_not_there(connection, site):
    for name in ("hidden", "nothing"):
        with pytest.raises(openeo.rest.OpenEoApiError, match="CollectionNotFound") as refused:
            connection.describe_collection(name)
        assert refused.value.http_status_code == 404
    _ = site


def test_pages_follow_one_another(connection, site):
    first = connection.get("/collections/series/items?limit=1").json()
    (following,) = [each["href"] for each in first["links"] if each["rel"] == "next"]
    second = connection.get(following).json()

    assert {each["id"] for page in (first, second) for each in page["features"]} == {"s_20240101", "s_20240111"}
    assert following.startswith(f"{site.public_url}/openeo/1.2/collections/series/items?")
    with pytest.raises(openeo.rest.OpenEoApiError) as refused:
        connection.get("/collections/series/items?limit=many")
    assert refused.value.http_status_code == 400


@pytest.mark.parametrize("path", ["/collections?limit=x", "/collections?bbox=1,2", "/collections/series/items?datetime=never"])
def test_wrong_parameters_are_told_in_words_of_openeo(connection, path):
    with pytest.raises(openeo.rest.OpenEoApiError) as refused:
        connection.get(path)
    assert (refused.value.http_status_code, refused.value.code) == (400, "InvalidParameterValue")
