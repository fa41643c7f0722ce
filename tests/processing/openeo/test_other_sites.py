"""What other sites of the federation have, loaded here by its address: by the right of who asks."""

import numpy as np
import openeo
import pytest
import rasterio
from openeo.rest import OpenEoApiError

from processing.openeo.scenes_site import make_scenes, take_in
from twinlake.testing.federation_sites import federated_sites
from twinlake.testing.site import run_twinlake

pytestmark = pytest.mark.slow
QUICK = {"max_poll_interval": 0.1, "print": lambda _: None}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("sites")


@pytest.fixture(scope="module")
def scenes(folder):
    return make_scenes(folder)


@pytest.fixture(scope="module")
def sites(folder, scenes):
    def fill(name, site):
        if name == "climate":
            for collection in ("scenes", "kept"):
                take_in(site, folder, collection)
            token = folder / "token"
            kept = run_twinlake("access", "set", "kept", "restricted", "--to", site.url, "--token-file", token)
            assert kept.returncode == 0, kept.stderr

    with federated_sites(folder, names=("central", "climate"), asserted=("data-steward",), fill=fill) as sites:
        yield sites


@pytest.fixture(scope="module")
def home(sites):
    """Alice's connection, who has a role that counts at the other site, too, and Bob's, who has none."""
    found = {}
    for name, roles in (("alice", ("--roles", "data-steward")), ("bob", ())):
        options = ("--scopes", "search,read,process", *roles, "--config", sites["central"].config)
        made = run_twinlake("admin", "token", "create", name, *options)
        assert made.returncode == 0, made.stderr
        found[name] = openeo.connect(sites["central"].url)
        found[name].authenticate_bearer_token(f"basic//{made.stdout.strip()}")
    return found


def largest(cube, path):
    cube.filter_bands(["B04"]).max_time().download(path, format="GTiff")
    with rasterio.open(path) as found:
        return found.read(1)


def test_results_of_a_job_at_another_site_are_loaded_at_their_signed_address(sites, home, scenes, tmp_path):
    there = openeo.connect(sites["climate"].url)
    there.authenticate_bearer_token(f"basic//{sites['climate'].token}")
    job = there.load_collection("scenes").save_result("Zarr").create_job()
    job.start_and_wait(**QUICK)
    [signed] = [each["href"] for each in job.get_results().get_metadata()["links"] if each["rel"] == "canonical"]

    found = largest(home["bob"].load_stac(signed), tmp_path / "a.tif")
    np.testing.assert_array_equal(found, scenes[:, 0].max(axis=0))
    unsigned = home["bob"].load_stac(job.get_results_metadata_url(full=True))
    with pytest.raises(OpenEoApiError, match="UrlUnsupported"):
        unsigned.execute()


def test_a_collection_of_another_site_is_loaded_by_ones_own_right(sites, home, scenes, tmp_path):
    root = f"{sites['climate'].url}/stac/v2/collections"
    found = largest(home["bob"].load_stac(f"{root}/scenes"), tmp_path / "a.tif")
    np.testing.assert_array_equal(found, scenes[:, 0].max(axis=0))

    found = largest(home["alice"].load_stac(f"{root}/kept"), tmp_path / "b.tif")
    np.testing.assert_array_equal(found, scenes[:, 0].max(axis=0))
    with pytest.raises(OpenEoApiError, match="UrlUnsupported"):
        home["bob"].load_stac(f"{root}/kept").execute()


def test_a_collection_that_another_site_has_is_told_with_its_address(sites, home):
    cube = home["bob"].load_collection("scenes", fetch_metadata=False)
    with pytest.raises(OpenEoApiError, match=f"{sites['climate'].url}/stac/v2/collections/scenes"):
        cube.execute()
    with pytest.raises(OpenEoApiError, match=f"{sites['climate'].url}/stac/v2/collections/scenes"):
        home["bob"].describe_collection("scenes")
    with pytest.raises(OpenEoApiError, match="CollectionNotFound") as nowhere:
        home["bob"].load_collection("nowhere", fetch_metadata=False).execute()
    assert sites["climate"].url not in str(nowhere.value)
