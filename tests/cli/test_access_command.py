"""Who may see a collection, changed by command against a running site."""

import pytest

from stac_documents import a_collection
from twinlake.testing.site import run_twinlake, site_process

pytestmark = pytest.mark.slow  # commands start anew for each


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with site_process(tmp_path_factory.mktemp("access")) as serving:
        yield serving


def _make(site, name):
    with site.client() as client:
        client.post("/stac/v2/collections", json=a_collection(name)).raise_for_status()


def _access(site, *arguments):
    return run_twinlake("access", *arguments, "--to", site.url, "--token-file", site.folder / "admin.token")


def test_a_private_collection_is_nobody_elses_business(site):
    _make(site, "drafts")

    changed = _access(site, "set", "drafts", "private")

    assert (changed.returncode, changed.stderr) == (0, "")
    assert "access   private" in changed.stdout
    with site.anonymous() as nobody, site.client() as administrator:
        assert nobody.get("/stac/v2/collections/drafts").status_code == 404
        assert administrator.get("/stac/v2/collections/drafts").status_code == 200


def test_what_is_not_named_stays(site):
    _make(site, "forecasts")
    _access(site, "set", "forecasts", "restricted", "--project", "storm", "--project", "flood")

    _access(site, "set", "forecasts", "--embargo-days", "7")
    shown = _access(site, "show", "forecasts").stdout

    assert "access   restricted" in shown
    assert "projects flood, storm" in shown
    assert "embargo  7 days" in shown


def test_an_unknown_collection_is_named(site):
    answer = _access(site, "show", "nothing")

    assert answer.returncode == 1
    assert "nothing" in answer.stderr
