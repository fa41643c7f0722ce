"""What commands say of other sites: that one does not answer, or refuses, or has a collection of the same id."""

import json
import re

import pytest

from stac_documents import a_collection, an_item
from twinlake.testing.federation_sites import federated_sites, wait_until_whole
from twinlake.testing.site import run_twinlake

pytestmark = pytest.mark.slow

UNREACHABLE = "climate did not answer (peer-away); its items are missing.\n"
REFUSED = "climate refused to answer (peer-refused); its items are missing.\n"


def fill(name, site):
    with site.client() as client:
        assert client.post("/stac/v2/collections", json=a_collection(f"of-{name}")).status_code == 201
        item = an_item("one", f"of-{name}")
        item["assets"]["data"]["href"] = f"{site.url}/health"
        assert client.post(f"/stac/v2/collections/of-{name}/items", json=item).status_code == 201


@pytest.fixture(scope="module")
def sites(tmp_path_factory):
    with federated_sites(tmp_path_factory.mktemp("sites"), names=("central", "climate"), fill=fill) as sites:
        yield sites


@pytest.fixture(scope="module")
def run(sites):
    """Return a function that runs a command at central; a peer that failed several times is left alone."""

    def run(*arguments):
        ended = run_twinlake(*arguments, "--to", sites["central"].url)
        for stream in ("stdout", "stderr"):
            setattr(ended, stream, re.sub("peer-(unreachable|resting)", "peer-away", getattr(ended, stream)))
        return ended

    return run


@pytest.fixture
def killed(sites):
    sites["climate"].kill()
    yield
    sites["climate"].start()
    sites["central"].stop()
    sites["central"].start()  # it would leave climate alone for half a minute


@pytest.fixture
def refused(sites):
    wait_until_whole(sites["central"])
    with sites["climate"].client() as client:
        assert client.put("/api/federation/peers/central/block").is_success
        yield
        assert client.put("/api/federation/peers/central/trust", json={"roles": []}).is_success


def test_a_collection_of_another_site_is_told_before_its_namesake_is_made(sites, run, tmp_path):
    """A namesake that is here already is no news."""
    wait_until_whole(sites["central"])
    item = an_item("two", "of-climate")
    (tmp_path / "two.json").write_text(json.dumps(item))
    token = ("--token-file", sites["central"].folder / "admin.token")

    dry = run("ingest", tmp_path / "two.json", "-c", "of-climate", "--create-collection", "--dry-run", *token)
    plain = run("ingest", tmp_path / "two.json", "-c", "of-nobody", "--create-collection", "--dry-run", *token)
    known = run("ingest", tmp_path / "two.json", "-c", "of-central", "--create-collection", "--dry-run", *token)

    assert dry.returncode == 0, dry.stdout
    assert dry.stderr.startswith("climate has a collection of the id 'of-climate'. ")
    assert plain.stderr == known.stderr == ""


@pytest.mark.usefixtures("refused")
def test_a_site_that_refuses_is_named(run):
    found = run("search")

    assert (found.returncode, found.stderr) == (4, REFUSED)
    assert found.stdout.startswith("of-central\tone\t")


@pytest.mark.usefixtures("killed")
def test_a_site_that_is_away_is_named_in_every_form_and_code(run, tmp_path):
    lines, table, document = run("search"), run("search", "--table"), run("search", "--json")
    here = run("search", "-c", "of-central")
    there = run("search", "-c", "of-climate")
    got, got_json = run("get", "--datetime", "2020", "-o", tmp_path), run("get", "-c", "of-climate", "--json")
    nothing, by_id = run("get", "-c", "of-climate"), run("get", "of-climate/one")

    assert [each.returncode for each in (lines, table, document, there, got, got_json, nothing, by_id)] == [4] * 8
    assert {each.stderr for each in (lines, table, document)} == {UNREACHABLE}
    assert lines.stdout.startswith("of-central\tone\t")
    assert table.stdout.endswith("1 item; how many there are in all is not known.\n")
    collection = json.loads(document.stdout)
    assert collection["federation:missing"] == ["climate"]
    assert collection["twinlake:federation"]["missing"] == [{"id": "climate", "reason": "peer-away"}]
    assert "numberMatched" not in collection
    assert (here.returncode, here.stderr) == (0, "")
    assert (there.stdout, there.stderr) == ("", UNREACHABLE + "Nothing found at the sites that answered.\n")
    assert "1 of 1 file is here" in got.stdout
    assert got.stderr == nothing.stderr == UNREACHABLE
    assert json.loads(got_json.stdout)["missing"] == [{"id": "climate", "reason": "peer-away"}]
    assert nothing.stdout == "Nothing was found at the sites that answered.\n"
    assert "climate did not answer" in by_id.stderr
