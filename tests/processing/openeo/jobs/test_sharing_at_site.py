"""Shared results at a site that is served: made by real children, over the death of the site."""

import json
import time
from hashlib import sha256
from io import BytesIO

import numpy as np
import pytest
import rasterio
from rasterio.io import MemoryFile
from rasterio.transform import Affine

from twinlake.testing.site import SiteProcess, make_site

pytestmark = pytest.mark.slow

API = "/openeo/1.2"
HIDDEN = "ash_tree"
"""Stands in what Alice alone has written."""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with SiteProcess(make_site(tmp_path_factory.mktemp("sharing"))) as site:
        yield site


class Person:
    """Somebody with jobs."""

    def __init__(self, site, token=None):
        self.site, self.token = site, token

    def ask(self, method, path, **options):
        with self.site.client(self.token) as client:
            answer = client.request(method, f"{API}{path}", **options)
        assert answer.is_success, answer.text
        return answer

    def begin(self, graph, **more):
        made = self.ask("POST", "/jobs", json={"process": {"process_graph": graph}, **more})
        job = made.headers["openeo-identifier"]
        self.ask("POST", f"/jobs/{job}/results")
        return job

    def show(self, job):
        return self.ask("GET", f"/jobs/{job}").json()

    def wait(self, job, *states):
        end = time.monotonic() + 60
        while (shown := self.show(job))["status"] not in states:
            assert time.monotonic() < end, shown
            time.sleep(0.05)
        return shown

    def read(self, job):
        [asset] = self.ask("GET", f"/jobs/{job}/results").json()["assets"].values()
        return self.ask("GET", asset["href"].partition(API)[2]).content


@pytest.fixture(scope="module")
def alice(site):
    return Person(site)


@pytest.fixture(scope="module")
def bob(site):
    with site.client() as admin:
        made = admin.post("/api/tokens", json={"owner": "urn:twinlake:site:central|bob", "name": "bob", "scopes": ["process"]})
    return Person(site, made.json()["token"])


def node(process_id, **arguments):
    return {"process_id": process_id, "arguments": arguments}


def image():
    with MemoryFile() as memory:
        with memory.open(
            driver="GTiff", width=8, height=8, count=1, dtype="uint16", crs="EPSG:32631", transform=Affine(10, 0, 0, 0, -10, 80)
        ) as file:
            file.write(np.arange(64, dtype="uint16").reshape(1, 8, 8))
        return memory.read()


def test_files_tell_what_was_computed_and_nothing_of_whoever_asked_first(alice, bob):
    def graph(load, apply, process_id="absolute"):
        each = {"process_graph": {apply: {**node(process_id, x={"from_parameter": "x"}), "result": True}}}
        return {
            load: node("load_uploaded_files", paths=["image.tif"], format="GTiff"),
            apply: {**node("apply", data={"from_node": load}, process=each), "description": apply},
            "unused": node("constant", x=apply),
            "save": {**node("save_result", data={"from_node": apply}, format="GTiff"), "result": True},
        }

    for person in (alice, bob):
        person.ask("PUT", "/files/image.tif", content=image())
    for person, name in ((alice, HIDDEN), (bob, "oak")):
        body = {name: {**node("absolute", x={"from_parameter": "x"}), "result": True}}
        parameters = [{"name": "x", "schema": {"type": "number"}, "description": name}]
        person.ask("PUT", f"/process_graphs/{name}", json={"process_graph": body, "parameters": parameters})

    first = alice.begin(graph(f"{HIDDEN} load", f"{HIDDEN} apply", HIDDEN), title=HIDDEN, description=HIDDEN)
    alice.wait(first, "finished")
    second = bob.begin(graph("a", "b", "oak"))

    assert bob.show(second)["status"] == "finished"
    content = bob.read(second)
    assert content == alice.read(first)
    with rasterio.open(BytesIO(content)) as file:
        tags = file.tags()
        assert np.array_equal(file.read(1), np.arange(64).reshape(8, 8))
    assert len(tags["identifier"]) == 64
    assert "load_uploaded_files" in tags["openeo_process_graph"]
    assert "save_result" in tags["openeo_process_graph"]
    lineage = [{"id": "image.tif", "sha256": sha256(image()).hexdigest()}]
    assert json.loads(tags["openeo_lineage"]) == lineage
    assert bob.ask("GET", f"/jobs/{second}/results").json()["twinlake:lineage"] == lineage
    told = [content.decode("latin-1"), *map(str, (bob.show(second), bob.ask("GET", f"/jobs/{second}/results").json()))]
    assert not [each for each in told if HIDDEN in each]
    assert HIDDEN in str(alice.ask("GET", f"/jobs/{first}/results").json()["providers"])


def test_whoever_waits_gets_the_result_after_the_site_was_killed(site, alice, bob):
    same = {"same": {**node("eq", x={"from_parameter": "x"}, y="a"), "result": True}}
    graph = {"each": {**node("array_apply", data=[1, "a", None] * 6_000, process={"process_graph": same}), "result": True}}
    first, joined = alice.begin(graph), bob.begin(graph)
    alice.wait(first, "running")
    late = bob.begin(graph)
    assert bob.show(late)["status"] == "running"

    site.kill()
    site.restart()

    for person, job in ((alice, first), (bob, joined), (bob, late)):
        assert person.wait(job, "finished", "error")["status"] == "finished"
    assert alice.read(first) == bob.read(joined) == bob.read(late)
    assert alice.read(first).count(b"true") == 6_000
    assert bob.show(joined)["usage"]["cpu"]["value"] == 0
    assert len(bob.ask("GET", f"/jobs/{joined}/logs").json()["logs"]) == 1
    with site.client() as client:
        runs = [each for each in client.get("/jobs").json()["jobs"] if each["attempts"] > 0]
    assert runs[0]["attempts"] == 2
    site.kill()
    site.restart()
    assert bob.show(bob.begin(graph))["status"] == "finished", "what is done is there for the next one, too"
