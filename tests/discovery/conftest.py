"""Sites that serve the STAC API."""

import httpx2
import pytest

from stac_documents import a_collection, an_item
from twinlake.holdings.catalogue.interfaces import CollectionAccess
from twinlake.testing.stac_site import running_stac_site

CLOUDS = [12, 3, None, 45, 3, 80, 0, 99, 7, 60, 21, 21, 5]


def scenes():
    """Return 25 items of two collections, one day apart, going north-east from the equator; every second one has no cloud cover."""
    items = []
    for day in range(25):
        properties = {"platform": "terra" if day % 3 else "aqua"}
        if day % 2 == 0 and CLOUDS[day // 2] is not None:
            properties["eo:cloud_cover"] = CLOUDS[day // 2]
        collection = "scenes" if day < 20 else "other"
        items.append(an_item(f"s{day:02d}", collection, datetime=f"2020-03-{day + 1:02d}T10:00:00Z", at=(day, day), **properties))
    return items


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A site with 25 items in two open collections, which no test changes."""
    with running_stac_site(tmp_path_factory.mktemp("site")) as running:
        running.put([a_collection("scenes"), a_collection("other", title="Something else"), *scenes()])
        yield running


@pytest.fixture(scope="module")
def _site_to_change(tmp_path_factory):
    with running_stac_site(tmp_path_factory.mktemp("site")) as running:
        yield running


@pytest.fixture
def changing_site(_site_to_change):
    """A site with the empty collection ``c`` and nothing else."""
    for collection in _site_to_change.run(_site_to_change.catalogue.list_access()):
        _site_to_change.run(_site_to_change.catalogue.delete_collection(collection))
    _site_to_change.put([a_collection("c")], access=CollectionAccess())
    return _site_to_change


@pytest.fixture
def api(site):
    with httpx2.Client(base_url=site.url) as client:
        yield client


@pytest.fixture
def curator(changing_site):
    """A client with a token that may change everything that is not private."""
    token = changing_site.token("ada", roles=["data-steward"])
    with httpx2.Client(base_url=changing_site.url, headers={"Authorization": f"Bearer {token}"}) as client:
        yield client
