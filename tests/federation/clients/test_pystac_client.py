"""pystac-client, unmodified, at one site for the data of all."""

import pytest
import requests
from pystac_client import Client

pytestmark = pytest.mark.slow  # of three processes


@pytest.fixture(scope="module")
def catalogue(lake):
    return Client.open(f"{lake.central.url}/stac/v2")


def test_collections_of_all_sites_are_read_at_one(lake, catalogue):
    assert {each.id for each in catalogue.get_collections()} == {f"scenes-of-{name}" for name in lake.sites}
    assert catalogue.get_collection("scenes-of-climate").title == "Scenes"


@pytest.mark.parametrize("limit", [1, 4, 100])
def test_a_search_pages_over_all_sites(lake, catalogue, limit):
    search = catalogue.search(limit=limit, sortby="+datetime")

    found = [(item.collection_id, item.id) for item in search.items()]

    assert search.matched() == len(found) == len(lake.files)
    assert set(found) == set(lake.files)


def test_an_item_of_a_bridge_and_its_bytes(lake, catalogue):
    found = catalogue.search(collections=["scenes-of-extremes"], datetime="2024-05-02", limit=10)
    [item] = found.items()
    assert item.extra_fields["federation:backends"] == ["extremes"]
    again = catalogue.get_collection("scenes-of-extremes").get_item(item.id)
    asset = next(each for each in again.assets.values() if "data" in each.roles)

    read = requests.get(asset.href, timeout=30)

    assert read.content == lake.files["scenes-of-extremes", item.id]
    assert asset.media_type.startswith("image/tiff")
