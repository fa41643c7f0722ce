"""EODAG, unmodified: its provider ``dedl`` at a site, as docs/clients.md says to set it up."""

import re
from pathlib import Path

import pytest
import yaml
from eodag import EODataAccessGateway
from eodag.config import EODAGSettings

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


def test_it_discovers_asks_what_can_be_asked_and_pages_through_a_bridge(lake, start):
    dag = start()

    known = {each.id for each in dag.list_collections(provider="dedl")}
    queryables = dag.list_queryables(provider="dedl", collection=BRIDGE)
    first = dag.search(provider="dedl", collection=BRIDGE, limit=2, start="2024-05-01", end="2024-06-01", raise_errors=True)
    pages = [list(first), *map(list, first.next_page())]

    assert {f"scenes-of-{name}" for name in lake.sites} <= known
    assert {"start", "end", "geom"} <= set(queryables)
    assert [len(page) for page in pages] == [2, 2, 1]
    assert {each.properties["id"] for page in pages for each in page} == {item for name, item in lake.files if name == BRIDGE}


def test_it_downloads_from_the_bridge(lake, start, tmp_path):
    [product] = start().search(provider="dedl", collection=BRIDGE, id="climate-2024-05-03", raise_errors=True)
    if "eodag:download_link" not in product.properties:
        pytest.skip("items have no asset downloadLink, the only one that EODAG's provider dedl reads")

    path = Path(product.download(output_dir=str(tmp_path / "got")))

    got = [each.read_bytes() for each in path.rglob("*") if each.is_file()] if path.is_dir() else [path.read_bytes()]
    assert lake.files[BRIDGE, "climate-2024-05-03"] in got
