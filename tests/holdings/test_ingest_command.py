"""`twinlake ingest` against a real site: files, folders, stores, documents, links, refusals; twice."""

import base64
import hashlib
import json
import os
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
import rasterio
import stac_geoparquet.arrow
import xarray as xr
from rasterio.transform import from_bounds
from zarr.storage import ZipStore

from twinlake.testing.site import run_twinlake, site_process

pytestmark = pytest.mark.slow  # commands and children start anew for each

RECIPE = """
[collection]
title = "Test scenes"
license = "CC-BY-4.0"

[[rules]]
files = '.*(?P<datetime>\\d{4}-\\d{2}-\\d{2})\\.(tif|csv)'

[[rules]]
files = '.*'
datetime = "2020-06-01T00:00:00Z"
"""


@pytest.fixture(scope="module")
def linked(tmp_path_factory):
    return tmp_path_factory.mktemp("linked")


@pytest.fixture(scope="module")
def site(tmp_path_factory, linked):
    with site_process(tmp_path_factory.mktemp("sites"), settings={"ingest.link_roots": [str(linked)]}) as site:
        yield site
        assert "Traceback" not in site.raw_log()


@pytest.fixture
def recipe(tmp_path):
    path = tmp_path / "recipe.toml"
    path.write_text(RECIPE)
    return path


@pytest.fixture
def ingest(site):
    """Return a function that runs the command and returns exit code, rows and the last line."""

    def run(*arguments):
        options = ("--to", site.url, "--token-file", site.folder / "admin.token")
        ended = run_twinlake("ingest", *arguments, *options)
        lines = [line.split("\t") for line in ended.stdout.splitlines()]
        rows = {line[1]: (line[0], *line[2:]) for line in lines if len(line) > 1}
        return ended.returncode, rows, ended.stdout.splitlines()[-1] if ended.stdout else ended.stderr

    return run


def write_tif(path: Path, value: int = 1) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    profile = {"driver": "GTiff", "width": 32, "height": 32, "count": 1, "dtype": "int16", "crs": "EPSG:4326"}
    with rasterio.open(path, "w", **profile, transform=from_bounds(5, 50, 6, 51, 32, 32)) as target:
        target.write(np.full((1, 32, 32), value, dtype="int16"))


def write_zarr(path: Path) -> None:
    times = np.array(["2021-03-04"], dtype="datetime64[ns]")
    grid = np.arange(12.0).reshape(1, 3, 4)
    coordinates = {"time": times, "lat": [10.0, 20.0, 30.0], "lon": [0.0, 1.0, 2.0, 3.0]}
    cube = xr.Dataset({"t2m": (("time", "lat", "lon"), grid, {"units": "K"})}, coords=coordinates)
    cube["lat"].attrs = {"units": "degrees_north", "standard_name": "latitude"}
    cube["lon"].attrs = {"units": "degrees_east", "standard_name": "longitude"}
    cube.to_zarr(path, zarr_format=2, consolidated=False)


def stac_item(name: str) -> dict:
    return {
        "type": "Feature",
        "stac_version": "1.0.0",
        "id": name,
        "geometry": {"type": "Point", "coordinates": [5, 50]},
        "bbox": [5, 50, 5, 50],
        "properties": {"datetime": "2020-01-01T00:00:00Z"},
        "links": [],
        "assets": {"data": {"href": "https://example.org/data.tif"}},
    }


def get(site, path):
    with site.client() as client:
        answer = client.get(path)
        assert answer.status_code == 200, answer.text
        return answer


def get_item(site, collection, item):
    return get(site, f"/stac/v2/collections/{collection}/items/{item}").json()


def test_a_folder_goes_in_and_a_bad_file_does_not_stop_the_rest(site, ingest, recipe, tmp_path):
    folder = tmp_path / "scenes"
    write_tif(folder / "north" / "scene 2020-01-02.tif")
    write_tif(folder / "south" / "scene-2020-01-03.tif", 7)
    (folder / "broken-2020-01-04.tif").write_bytes((folder / "north" / "scene 2020-01-02.tif").read_bytes()[:300])
    (folder / "empty.csv").touch()
    (folder / "notes.docx").write_bytes(b"\x00\x01\x02 nothing that is known")

    code, rows, last = ingest(folder, "--collection", "scenes", "--recipe", recipe, "--create-collection")

    assert code == 1
    assert rows["north/scene 2020-01-02.tif"] == ("created", "scene 2020-01-02")
    assert rows["south/scene-2020-01-03.tif"] == ("created", "scene-2020-01-03")
    for name in ("broken-2020-01-04.tif", "empty.csv", "notes.docx"):
        outcome, item, reason, remedy = rows[name]
        assert (outcome, item) == ("refused", "")
        assert reason
        assert remedy
    assert last == "Collection scenes: 2 created, 3 refused."

    item = get_item(site, "scenes", "scene-2020-01-03")
    asset = item["assets"]["data"]
    original = (folder / "south" / "scene-2020-01-03.tif").read_bytes()
    with site.client() as client:
        assert client.get(asset["href"]).content == original
        picture = client.get(item["assets"]["thumbnail"]["href"])
    assert asset["file:checksum"] == "1220" + hashlib.sha256(original).hexdigest()
    assert picture.content[8:12] == b"WEBP"
    collection = get(site, "/stac/v2/collections/scenes").json()
    assert (collection["title"], collection["license"]) == ("Test scenes", "CC-BY-4.0")

    again, rows, last = ingest(folder, "--collection", "scenes", "--recipe", recipe, "--create-collection")
    assert (again, last) == (1, "Collection scenes: 3 refused, 2 unchanged.")


@pytest.mark.slow
def test_all_in_is_zero_and_a_changed_file_is_an_update(site, ingest, recipe, tmp_path):
    file = tmp_path / "one" / "scene-2020-05-05.tif"
    write_tif(file)
    assert ingest(file, "-c", "updates", "--recipe", recipe, "--create-collection")[0] == 0
    write_tif(file, 9)

    code, rows, _ = ingest(file, "-c", "updates", "--recipe", recipe)

    assert (code, rows) == (0, {"scene-2020-05-05.tif": ("updated", "scene-2020-05-05")})


def test_a_dry_run_changes_nothing(site, ingest, recipe, tmp_path):
    write_tif(tmp_path / "dry" / "scene-2020-05-05.tif")

    code, rows, last = ingest(tmp_path / "dry", "-c", "dry", "--recipe", recipe, "--create-collection", "--dry-run")

    assert (code, rows["scene-2020-05-05.tif"]) == (0, ("planned", "scene-2020-05-05"))
    assert last == "Dry run of collection dry: 1 planned."
    with site.client() as client:
        assert client.get("/stac/v2/collections/dry").status_code == 404


def test_the_command_says_what_was_sent_and_what_came_of_it(site, recipe, tmp_path):
    file = tmp_path / "said" / "scene-2020-05-06.tif"
    write_tif(file, 11)
    size = file.stat().st_size
    (tmp_path / "said" / "empty.csv").touch()
    options = ("-c", "said", "--recipe", recipe, "--to", site.url, "--token-file", site.folder / "admin.token")

    first = run_twinlake("ingest", file.parent, *options, "--create-collection").stdout
    again = run_twinlake("ingest", file, *options).stdout
    refused = run_twinlake("ingest", file.with_name("empty.csv"), *options).stdout

    assert f"2 files, {size} bytes.\n" in first
    assert "The job has ended: 1 created, 1 refused.\n" in first
    assert f"1 file, {size} bytes; nothing was sent, the site has them.\n" in again
    assert "The job has ended: 1 refused.\n" in refused
    assert "successful" not in refused


@pytest.mark.slow
def test_a_store_becomes_one_archive_with_a_manifest(site, ingest, tmp_path):
    write_zarr(tmp_path / "cube.zarr")

    code, rows, _ = ingest(tmp_path / "cube.zarr", "-c", "cubes", "--create-collection")

    assert (code, rows["cube.zarr"]) == (0, ("created", "cube"))
    assets = get_item(site, "cubes", "cube")["assets"]
    archive = tmp_path / "got.zip"
    with site.client() as client:
        archive.write_bytes(client.get(assets["data"]["href"]).content)
        manifest = client.get(assets["data-manifest"]["href"]).json()
    assert assets["data"]["type"] == "application/vnd.zarr+zip; version=2"
    with zipfile.ZipFile(archive) as opened:
        found = {name: hashlib.sha256(opened.read(name)).hexdigest() for name in opened.namelist()}
    assert found == {member["path"]: member["sha256"] for member in manifest["members"]}
    files = [path for path in (tmp_path / "cube.zarr").rglob("*") if path.is_file()]
    assert len(found) == len(files)
    with ZipStore(archive, mode="r") as store, xr.open_zarr(store, consolidated=False) as cube:
        assert float(cube["t2m"].max()) == 11.0
    assert ingest(tmp_path / "cube.zarr", "-c", "cubes")[1]["cube.zarr"][0] == "unchanged"


def test_linked_files_stay_where_they_are(site, ingest, recipe, linked):
    write_tif(linked / "scene-2020-07-07.tif", 3)

    code, rows, _ = ingest(linked, "-c", "links", "--recipe", recipe, "--create-collection", "--link")

    assert (code, rows["scene-2020-07-07.tif"][0]) == (0, "created")
    asset = get_item(site, "links", "scene-2020-07-07")["assets"]["data"]
    with site.client() as client:
        answer = client.get(asset["href"])
        assert answer.content == (linked / "scene-2020-07-07.tif").read_bytes()
        os.utime(linked / "scene-2020-07-07.tif", (1, 1))
        touched = client.get(asset["href"])
    checksum = asset["file:checksum"].removeprefix("1220")
    assert checksum == hashlib.sha256(answer.content).hexdigest()
    assert answer.headers["repr-digest"] == f"sha-256=:{base64.b64encode(bytes.fromhex(checksum)).decode()}:"
    assert "repr-digest" not in touched.headers, "nobody has hashed what it is now"
    assert not list(site.folder.joinpath("objects").rglob(f"*{checksum}*"))


def test_links_that_lead_elsewhere_are_refused(site, ingest, recipe, linked, tmp_path):
    folder = linked / "tricks"
    write_tif(folder / "good-2020-08-08.tif")
    write_tif(tmp_path / "outside-2020-08-08.tif")
    (folder / "link-2020-08-08.tif").symlink_to(tmp_path / "outside-2020-08-08.tif")
    try:
        code, rows, _ = ingest(folder, "-c", "tricks", "--recipe", recipe, "--create-collection", "--link")
        assert code == 1
        assert rows["good-2020-08-08.tif"][0] == "created"
        assert rows["link-2020-08-08.tif"][0] == "refused"
    finally:
        shutil.rmtree(folder)

    code, rows, _ = ingest(tmp_path / "outside-2020-08-08.tif", "-c", "tricks", "--recipe", recipe, "--link")
    assert code == 1
    assert str(linked) in rows["outside-2020-08-08.tif"][3]


@pytest.mark.slow
def test_documents_go_in_by_one_and_by_line(site, ingest, tmp_path):
    folder = tmp_path / "documents"
    folder.mkdir()
    (folder / "one.json").write_text(json.dumps(stac_item("one")))
    lines = [json.dumps(stac_item(f"line-{n}")) for n in range(6000)]  # more than one chunk
    lines[7] = json.dumps({**stac_item("bad"), "properties": {"datetime": "yesterday"}})
    (folder / "many.ndjson").write_text("\n".join(lines))

    code, rows, _ = ingest(folder, "-c", "documents", "--create-collection")

    assert code == 1
    assert rows["one.json"][:2] == ("created", "one")
    assert rows["many.ndjson"][0] == "5999 created, 1 refused"
    assert "datetime" in rows["many.ndjson"][2]
    found = get(site, "/stac/v2/search?collections=documents&limit=1").json()
    assert found["numberMatched"] == 6000
    assert get_item(site, "documents", "line-5999")["stac_version"] == "1.1.0"
    assert ingest(folder, "-c", "documents")[1]["many.ndjson"][0] == "5999 unchanged, 1 refused"


def test_documents_go_in_by_table(site, ingest, tmp_path):
    items = [stac_item(f"row-{n}") for n in range(300)]
    table = tmp_path / "table" / "items.parquet"
    table.parent.mkdir()
    stac_geoparquet.arrow.parse_stac_items_to_parquet(items, output_path=table)

    code, rows, _ = ingest(table.parent, "-c", "tables", "--create-collection")

    assert (code, rows["items.parquet"][0]) == (0, "300 created")
    assert get(site, "/stac/v2/search?collections=tables&limit=1").json()["numberMatched"] == 300
    assert ingest(table.parent, "-c", "tables")[1]["items.parquet"][0] == "300 unchanged"


@pytest.mark.slow
def test_a_document_brings_the_files_beside_it(site, ingest, tmp_path):
    folder = tmp_path / "pair"
    write_tif(folder / "data.tif")
    item = stac_item("pair")
    item["assets"] = {"data": {"href": "./data.tif"}, "other": {"href": "https://example.org/x.tif"}}
    (folder / "item.json").write_text(json.dumps(item))

    code, rows, last = ingest(folder, "-c", "pairs", "--create-collection")

    assert (code, rows["item.json"]) == (0, ("created", "pair"))
    assert last == "Collection pairs: 1 created, 1 part-of."
    assets = get_item(site, "pairs", "pair")["assets"]
    with site.client() as client:
        assert client.get(assets["data"]["href"]).content == (folder / "data.tif").read_bytes()
    assert assets["other"]["href"] == "https://example.org/x.tif"


@pytest.mark.slow
def test_a_wrong_command_is_two_and_a_refused_one_is_one(site, ingest, tmp_path):
    write_tif(tmp_path / "a.tif")
    token = site.folder / "admin.token"
    to = ("--to", site.url)
    assert ingest(tmp_path / "missing.tif", "-c", "x")[0] == 2
    assert run_twinlake("ingest", tmp_path / "a.tif", *to, "--token-file", token).returncode == 2
    assert run_twinlake("ingest", tmp_path / "a.tif", "-c", "x", *to, "--token-file", tmp_path / "none").returncode == 2

    nobody = run_twinlake("ingest", tmp_path / "a.tif", "-c", "x", *to)
    unknown = run_twinlake("ingest", tmp_path / "a.tif", "-c", "no-such", *to, "--token-file", token)
    nowhere = run_twinlake("ingest", tmp_path / "a.tif", "-c", "x", "--to", "http://127.0.0.1:9", "--token-file", token)

    assert [ended.returncode for ended in (nobody, unknown, nowhere)] == [1, 1, 1]
    assert "no-such" in unknown.stderr
    assert "Is it running?" in nowhere.stderr
    for ended in (nobody, unknown, nowhere):
        assert "Traceback" not in ended.stderr


def test_what_is_wrong_is_found_before_a_file_is_sent(site, tmp_path):
    write_tif(tmp_path / "a.tif")
    (tmp_path / "recipe.toml").write_text('datetim = "2020"')
    to, token = ("--to", site.url), ("--token-file", site.folder / "admin.token")

    def refuse(*arguments):
        ended = run_twinlake("ingest", tmp_path / "a.tif", *to, *arguments)
        assert (ended.returncode, ended.stdout) == (1, "")
        return ended.stderr

    assert "--token-file FILE or TWINLAKE_TOKEN_FILE" in refuse("-c", "unsent", "--create-collection")
    assert "datetime" in refuse("-c", "unsent", "--create-collection", *token, "--recipe", tmp_path / "recipe.toml")
    unknown = refuse("-c", "unsent", *token)
    assert "There is no collection 'unsent'." in unknown
    assert "--create-collection" in unknown
    assert "begins with a dot" in refuse("-c", ".unsent", "--create-collection", *token)


@pytest.mark.slow
def test_jobs_are_listed_shown_and_their_logs_printed(site, ingest, tmp_path):
    write_tif(tmp_path / "some" / "a.tif")
    (tmp_path / "some" / "one.json").write_text(json.dumps(stac_item("one")))
    ingest(tmp_path / "some", "-c", "some", "--create-collection")
    options = ("--to", site.url, "--token-file", site.folder / "admin.token")

    listed = run_twinlake("jobs", "list", *options, "--limit", "1")
    job, *described = listed.stdout.rstrip("\n").split("\t")
    shown = run_twinlake("jobs", "show", job, *options)

    assert described[:4] == ["ingest", "some", "successful", "1 created, 1 refused"]
    assert len(described) == 5
    assert "successful" in shown.stdout
    *_, refused, counts = shown.stdout.splitlines()
    assert refused.startswith("refused\ta.tif\t\tNothing says when")
    assert counts == "Collection some: 1 created, 1 refused."
    assert run_twinlake("jobs", "logs", job, *options).returncode == 0
    assert run_twinlake("jobs", "cancel", job, *options).returncode == 1
    assert run_twinlake("jobs", "show", "none", *options).returncode == 1
