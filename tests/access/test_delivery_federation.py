"""Bytes over real sites: found and got at one, held and decided at another, until that one is killed."""

import httpx2
import numpy as np
import pytest
import rasterio
from rasterio.transform import from_bounds

from twinlake.testing.federation_sites import federated_sites, wait_until_whole
from twinlake.testing.site import run_twinlake

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    path = tmp_path_factory.mktemp("files") / "scene-2024-01-01.tif"
    profile = {"driver": "GTiff", "width": 64, "height": 64, "count": 1, "dtype": "int16", "crs": "EPSG:4326"}
    with rasterio.open(path, "w", **profile, transform=from_bounds(5, 50, 6, 51, 64, 64)) as target:
        target.write(np.arange(64 * 64, dtype="int16").reshape(1, 64, 64))
    return path


@pytest.fixture(scope="module")
def sites(tmp_path_factory, scene):
    """`climate` holds a scene in a collection of `central`'s Ada."""
    with federated_sites(tmp_path_factory.mktemp("sites"), names=("central", "climate")) as sites:
        climate = sites["climate"]
        options = ("--to", climate.url, "--token-file", climate.folder / "admin.token")
        recipe = scene.with_name("recipe.toml")
        recipe.write_text("[[rules]]\nfiles = '.*(?P<datetime>\\d{4}-\\d{2}-\\d{2})\\.tif'\n")
        run = run_twinlake("ingest", scene, "-c", "scenes", "--create-collection", "--recipe", recipe, *options)
        assert run.returncode == 0, run.stdout + run.stderr
        with climate.client() as client:
            access = {"access": "restricted", "owner": "urn:twinlake:site:central|ada"}
            assert client.put("/api/collections/scenes/access", json=access).is_success
        yield sites


def client_of(site, name, **options):
    """Return a client of *site* with a token of *name*, who has an account there."""
    wanted = {"owner": f"urn:twinlake:site:central|{name}", "name": name, "scopes": ["search", "read"]}
    with site.client() as administrator:
        made = administrator.post("/api/tokens", json=wanted)
    assert made.status_code == 201, made.text
    return site.client(made.json()["token"], **options)


def test_bytes_come_from_the_holder_by_way_of_the_site_that_was_asked(sites, scene):
    central, climate = sites["central"], sites["climate"]
    wait_until_whole(central)
    with client_of(central, "ada", follow_redirects=True) as ada:
        [item] = ada.post("/stac/v2/search", json={"collections": ["scenes"]}).json()["features"]
        data = item["assets"]["data"]["href"]
        picture = next(key for key, asset in item["assets"].items() if "thumbnail" in asset["roles"])
        got = ada.get(data)
        shown = ada.get(f"/thumbnail/climate/scenes/{item['id']}/{picture}")
    with central.anonymous() as anonymous, client_of(central, "bob") as bob:
        refused = [client.get(data) for client in (anonymous, bob)]

    assert {asset["href"].partition("/data/")[0] for asset in item["assets"].values()} == {central.url}
    assert got.content == scene.read_bytes()
    assert [answer.status_code for answer in got.history] == [307]
    assert str(got.url).startswith(f"{climate.url}/data/climate/scenes/")
    assert "authorization" not in got.request.headers
    assert httpx2.get(str(got.url)).content == got.content
    assert (shown.headers["content-type"], shown.content[8:12]) == ("image/webp", b"WEBP")
    assert [answer.status_code for answer in refused] == [401, 403]
    for text in (central.raw_log(), climate.raw_log()):
        assert str(got.url).partition("signature=")[2] not in text


def test_a_holder_that_was_killed_is_named_in_bounded_time(sites):
    central, climate = sites["central"], sites["climate"]
    wait_until_whole(central)
    with client_of(central, "ada", timeout=15) as ada:
        path = f"{central.url}/data/climate/scenes/any/data"
        assert ada.get(path).status_code == 404
        climate.kill()
        answers = [ada.get(path) for _ in range(7)]  # more than it takes to leave the peer alone for a moment
        picture = ada.get("/thumbnail/climate/scenes/any/data")
        search = ada.post("/stac/v2/search", json={}).json()
        climate.start()

    assert {(answer.status_code, answer.json()["code"]) for answer in (*answers, picture)} == {(502, "site-away")}
    assert all("'climate'" in answer.json()["detail"] for answer in answers)
    assert search["federation:missing"] == answers[0].json()["federation:missing"] == ["climate"]
