"""The site, or the reader, is killed while files are taken in: nothing acknowledged is lost, nothing is half there."""

import hashlib
import json
import os
import random
import signal
import time
from pathlib import Path

import h5py
import psutil
import pytest

from twinlake.cli.client import SiteClient
from twinlake.cli.uploading import Uploader, find_files
from twinlake.testing.site import run_twinlake, site_process

FILES = 5
ENDED = {"successful", "failed", "dismissed"}


def write_places(path: Path, seed: int, points: int = 20) -> None:
    """Write a GeoJSON file of *points* places, different for each seed, with the day it is of."""
    chance = random.Random(seed)
    features = [
        {
            "type": "Feature",
            "geometry": {"type": "Point", "coordinates": [chance.uniform(0, 10), chance.uniform(40, 50)]},
            "properties": {"datetime": "2020-02-03T00:00:00Z", "n": n},
        }
        for n in range(points)
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))


def submit(site, folder: Path) -> str:
    with SiteClient(site.url, token=site.token) as client:
        uploads = Uploader(client, lambda _file, _count: None, collection="places", create_collection=True).send(
            find_files([folder])
        )
        files = [{"name": name, "upload": upload} for name, upload in uploads.items()]
        spec = {"collection": "places", "create_collection": True, "files": files, "recipe": 'datetime = "2020-02-03"'}
        return client.json("POST", "/jobs", json={"kind": "ingest", "spec": spec})["jobID"]


def wait_for(site, job: str, until, *, seconds: float = 60) -> dict:
    deadline = time.monotonic() + seconds
    with site.client() as client:
        while not until(state := client.get(f"/jobs/{job}").json()):
            assert time.monotonic() < deadline, f"nothing came of it: {state}"
            time.sleep(0.02)
    return state


def list_items(site) -> dict[str, dict]:
    with site.client() as client:
        answer = client.get("/stac/v2/collections/places/items?limit=10000")
        if answer.status_code == 404:
            return {}
        found = answer.json()
    assert found["numberMatched"] == len(found["features"])
    return {item["id"]: item for item in found["features"]}


def assert_whole(site, items: dict[str, dict], folder: Path) -> None:
    """Every item's bytes are here, and those of its file."""
    files = {path.stem: path for path in folder.rglob("*.geojson")}
    with site.client() as client:
        for name, item in items.items():
            content = client.get(item["assets"]["data"]["href"]).content
            assert content == files[name].read_bytes()
            assert item["assets"]["data"]["file:checksum"] == "1220" + hashlib.sha256(content).hexdigest()
            assert client.get(item["assets"]["thumbnail"]["href"]).status_code == 200


def kill_rounds(tmp_path: Path, rounds: int) -> None:
    chance = random.Random(11)
    jobs: list[str] = []
    acknowledged: set[str] = set()
    with site_process(tmp_path) as site:
        for number in range(rounds):
            folder = tmp_path / "data" / f"round-{number}"
            for n in range(FILES):
                write_places(folder / f"r{number}-{n}.geojson", seed=number * FILES + n)
            jobs.append(submit(site, folder))
            time.sleep(chance.uniform(0, 2))  # the moment of death is the point, not a state that is waited for
            acknowledged |= list_items(site).keys()
            children = psutil.Process(site.process_id).children()
            site.kill()
            assert not psutil.wait_procs(children, timeout=10)[1], "children die with their site"
            site.restart()
            assert acknowledged <= list_items(site).keys()

        ended = [wait_for(site, job, lambda state: state["status"] in ENDED, seconds=60) for job in jobs]
        assert all(job["status"] == "successful" or job["error"]["code"] == "site-stopped" for job in ended)
        wait_for(site, submit(site, tmp_path / "data"), lambda state: state["status"] in ENDED)
        items = list_items(site)
        assert len(items) == rounds * FILES
        assert_whole(site, items, tmp_path / "data")
        last = submit(site, tmp_path / "data")
        wait_for(site, last, lambda state: state["status"] == "successful")
        with site.client() as client:
            assert client.get(f"/jobs/{last}/results").json()["counts"] == {"unchanged": rounds * FILES}
        assert "Traceback" not in site.raw_log()
        site.stop()
        checked = run_twinlake("admin", "fsck", "--config", site.config)
        assert checked.returncode == 0, checked.stdout + checked.stderr
        site.start()


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_nothing_is_lost_when_the_site_is_killed_while_it_takes_in(tmp_path):
    kill_rounds(tmp_path, 15)


@pytest.mark.soak
@pytest.mark.timeout(0)
def test_nothing_is_lost_in_a_thousand_kills(tmp_path):
    kill_rounds(tmp_path, 1000)


@pytest.mark.slow
def test_a_file_that_ends_its_reader_twice_is_refused_and_the_rest_goes_on(tmp_path):
    folder = tmp_path / "data"
    for n in (1, 2, 4):
        write_places(folder / f"p{n}.geojson", seed=n)
    write_places(folder / "p3.geojson", seed=3, points=60_000)
    with site_process(tmp_path) as site:
        job = submit(site, folder)
        for _ in range(2):
            wait_for(site, job, lambda state: (state["status"], state["message"]) == ("running", "p3.geojson"))
            [reader] = psutil.Process(site.process_id).children()
            os.kill(reader.pid, signal.SIGKILL)
            wait_for(site, job, lambda state: state["status"] == "accepted" or state["message"] != "p3.geojson")

        ended = wait_for(site, job, lambda state: state["status"] in ENDED)

        assert (ended["status"], ended["attempts"]) == ("successful", 3)
        with site.client() as client:
            rows = {row["file"]: row for row in client.get(f"/jobs/{job}/results").json()["files"]}
        assert {name: row["outcome"] for name, row in rows.items()} == {
            "p1.geojson": "created",
            "p2.geojson": "created",
            "p3.geojson": "refused",
            "p4.geojson": "created",
        }
        assert "signal 9" in rows["p3.geojson"]["reason"]
        assert rows["p3.geojson"]["remedy"]
        assert list_items(site).keys() == {"p1", "p2", "p4"}


def write_endless(path: Path) -> None:
    """Write a NetCDF-4 file that the HDF5 library reads for ever: an object of its global heap leads nowhere.

    Reference: HDF5 file format specification 3.0, III.E: the size of the first object stands 24 bytes into the heap.
    """
    with h5py.File(path, "w") as file:
        file.create_dataset("v", data=[1.0, 2.0, 3.0]).attrs["units"] = "K"
    content = bytearray(path.read_bytes())
    content[content.index(b"GCOL") + 24] = 196
    path.write_bytes(content)


@pytest.mark.slow
def test_a_file_that_is_read_for_ever_is_refused_with_the_limit_and_the_rest_goes_on(tmp_path):
    folder = tmp_path / "data"
    for n in (1, 3):
        write_places(folder / f"p{n}.geojson", seed=n)
    write_endless(folder / "p2.nc")
    with site_process(tmp_path, settings={"jobs.stall_seconds": 8}) as site:
        job = submit(site, folder)
        wait_for(site, job, lambda state: (state["status"], state["message"]) == ("running", "p2.nc"))
        [first] = psutil.Process(site.process_id).children()

        ended = wait_for(site, job, lambda state: state["status"] in ENDED, seconds=120)

        assert not psutil.wait_procs([first], timeout=10)[1]
        assert (ended["status"], ended["attempts"]) == ("successful", 3)
        with site.client() as client:
            rows = {row["file"]: row for row in client.get(f"/jobs/{job}/results").json()["files"]}
        assert {name: row["outcome"] for name, row in rows.items()} == {
            "p1.geojson": "created",
            "p2.nc": "refused",
            "p3.geojson": "created",
        }
        assert rows["p2.nc"]["code"] == "reader-ended"
        assert "Nothing got done for 8 s" in rows["p2.nc"]["reason"]
        assert "jobs.stall_seconds" in rows["p2.nc"]["remedy"]
        assert list_items(site).keys() == {"p1", "p3"}


@pytest.mark.slow
def test_a_cancelled_ingest_ends_its_reader_and_keeps_what_is_in(tmp_path):
    folder = tmp_path / "data"
    write_places(folder / "p1.geojson", seed=1)
    write_places(folder / "p2.geojson", seed=2, points=60_000)
    with site_process(tmp_path) as site:
        job = submit(site, folder)
        wait_for(site, job, lambda state: state["message"] == "p2.geojson")
        [reader] = psutil.Process(site.process_id).children()

        with site.client() as client:
            assert client.delete(f"/jobs/{job}").json()["status"] == "dismissed"

        assert not psutil.wait_procs([reader], timeout=20)[1]
        assert list_items(site).keys() == {"p1"}
