"""EODAG, unmodified: its provider ``dedl`` at a site, as docs/clients.md says to set it up."""

import re
from pathlib import Path

import pytest
import yaml
from eodag import EODataAccessGateway
from eodag.config import EODAGSettings
from eodag.utils.exceptions import AuthenticationError, ValidationError

from federation.clients.lake import SCENES

DOCUMENT = Path(__file__).parents[3] / "docs/clients.md"
BRIDGE = "scenes-of-climate"
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::DeprecationWarning:eodag")]


@pytest.fixture(scope="module")
def settings(lake):
    """The block of the document, for the lake of this test."""
    [block] = re.findall(r"```yaml\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    port = lake.central.url.rpartition(":")[2]
    block = block.replace("https://lake\\.example", f"http://127\\.0\\.0\\.1:{port}")
    return block.replace("https://lake.example", lake.central.url)


@pytest.fixture
def start(lake, settings, tmp_path, monkeypatch):
    """Start EODAG as somebody, with a home folder of its own; it asks the internet nothing."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("EODAG_CFG_DIR", str(tmp_path / "eodag"))

    def begin(username="researcher"):
        config = yaml.safe_load(settings)
        config["dedl"]["auth"]["credentials"] = {"username": username, "password": lake.password(username)}
        path = tmp_path / "eodag.yml"
        path.write_text(yaml.safe_dump(config))
        dag = EODataAccessGateway(settings=EODAGSettings(cfg_file=path, providers_whitelist=["dedl"], ext_collections_cfg_uri=""))
        dag.set_preferred_provider("dedl")
        return dag

    return begin


@pytest.fixture
def closed(lake):
    """The bridge's collection is the researcher's to read and nobody else's, for as long as a test runs."""
    with lake.central.client(lake.sign_in("researcher")) as client:
        owner = client.get("/api/me").json()["principal"]
    with lake.sites["climate"].client() as bridge:
        access = f"/api/collections/{BRIDGE}/access"
        assert bridge.put(access, json={"access": "restricted", "owner": owner}).is_success
        yield
        assert bridge.put(access, json={"access": "open"}).is_success


def ids(found):
    return [product.properties["id"] for product in found]


def test_it_discovers_what_all_sites_hold_and_what_can_be_asked_of_it(lake, start):
    dag = start()

    known = {each.id: each for each in dag.list_collections(provider="dedl")}
    queryables = dag.list_queryables(provider="dedl", collection=BRIDGE)

    assert known.keys() >= {f"scenes-of-{name}" for name in lake.sites}
    assert (known[BRIDGE].title, known[BRIDGE].license) == ("Scenes", "CC-BY-4.0")
    assert queryables.keys() >= {"collection", "id", "start", "end", "geom", "proj_code"}


@pytest.mark.parametrize("name", ["central", "climate"])
def test_it_pages_through_a_collection_wherever_that_is(lake, start, name):
    collection = f"scenes-of-{name}"
    dag = start()

    first = dag.search(provider="dedl", collection=collection, limit=2, count=True, raise_errors=True)
    pages = [list(first), *map(list, first.next_page())]

    assert first.number_matched == SCENES
    assert [len(page) for page in pages] == [2, 2, 1]
    assert sorted(product.properties["id"] for page in pages for product in page) == sorted(
        item for of, item in lake.files if of == collection
    )
    assert len(dag.search_all(provider="dedl", collection=collection, limit=2)) == SCENES


def test_it_searches_by_time_place_and_what_is_said_of_items(start):
    dag = start()

    def search(**asked):
        return ids(dag.search(provider="dedl", collection=BRIDGE, raise_errors=True, **asked))

    assert search(start="2024-05-02", end="2024-05-03T12:00:00Z") == ["climate-2024-05-03", "climate-2024-05-02"]
    assert len(search(geom=(15, 45, 16, 46))) == SCENES
    assert search(geom=(0, 0, 1, 1)) == []
    assert search(id="climate-2024-05-01") == ["climate-2024-05-01"]
    assert len(search(**{"proj:code": "EPSG:32633"})) == SCENES
    with pytest.raises(ValidationError, match="should be 'EPSG:32633'"):  # the site says which there are
        search(**{"proj:code": "EPSG:3035"})
    ascending = search(sort_by=[("start_datetime", "ASC")])
    assert ascending == sorted(ascending)


@pytest.mark.parametrize("name", ["central", "climate"])
def test_it_downloads_from_whichever_site_has_the_bytes(lake, start, tmp_path, name):
    item = f"{name}-2024-05-03"
    [product] = start().search(provider="dedl", collection=f"scenes-of-{name}", id=item, raise_errors=True)

    path = Path(product.download(output_dir=str(tmp_path / "got")))

    assert product.properties["eodag:download_link"].startswith(lake.sites[name].url)
    assert [each.read_bytes() for each in path.rglob("*.tif")] == [lake.files[f"scenes-of-{name}", item]]
    assert Path(product.get_quicklook(output_dir=str(tmp_path / "shown"))).read_bytes()


@pytest.mark.usefixtures("closed")
def test_it_downloads_from_the_bridge_what_only_this_person_may_read(lake, start, tmp_path):
    """Its bearer goes to home alone: the bridge is asked with an address that home got for it."""
    [product] = start().search(provider="dedl", collection=BRIDGE, id="climate-2024-05-03", raise_errors=True)

    path = Path(product.download(output_dir=str(tmp_path / "got")))

    assert product.properties["eodag:download_link"].startswith(lake.central.url)
    assert [each.read_bytes() for each in path.rglob("*.tif")] == [lake.files[BRIDGE, "climate-2024-05-03"]]
    [stranger] = start("visitor").search(provider="dedl", collection=BRIDGE, id="climate-2024-05-03", raise_errors=True)
    with pytest.raises(AuthenticationError):
        stranger.download(output_dir=str(tmp_path / "none"), wait=0, timeout=0)
