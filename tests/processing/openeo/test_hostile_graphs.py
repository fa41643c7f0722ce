"""Graphs that are sent in to do harm: each is answered in openEO's form, and the site goes on as before."""

import json
import os
import signal

import httpx2
import openeo
import psutil
import pytest

from processing.openeo.jobs.test_client import wait_for
from twinlake.testing.site import SiteProcess, make_site

pytestmark = pytest.mark.slow
DATA, X = {"from_parameter": "data"}, {"from_parameter": "x"}
POLYGON = {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 0]]]}
CUBE = {
    "type": "datacube",
    "order": ["t", "y", "x"],
    "dimensions": {
        "t": {"type": "temporal", "values": ["2020-01-01T00:00:00Z", "2020-01-02T00:00:00Z"]},
        "y": {"type": "spatial", "axis": "y", "reference_system": 4326, "values": [52.0, 51.0]},
        "x": {"type": "spatial", "axis": "x", "reference_system": 4326, "values": [1.0, 2.0, 3.0]},
    },
    "data": [[[1, 2, 3], [4, 5, 6]], [[1, 2, 3], [4, 5, 6]]],
}
_MORE_MEMORY = 256 << 20


def call(process, /, **arguments):
    return {"process_id": process, "arguments": arguments}


def one(process, /, **arguments):
    """Return a graph of one node."""
    return {"a": {**call(process, **arguments), "result": True}}


def ref(node):
    return {"from_node": node}


def reduce(process, /, **arguments):
    return {"process_graph": {"r": {**call(process, **arguments), "result": True}}}


def doubling(times, first, make):
    """Return a graph in which each node makes its result of that of the one before it, twice."""
    nodes = {"n0": first, **{f"n{number}": make(ref(f"n{number - 1}")) for number in range(1, times + 1)}}
    nodes[f"n{times}"]["result"] = True
    return nodes


def looping(levels):
    graph = reduce("array_apply", data=list(range(30)), process=reduce("add", x=X, y=1))
    for _ in range(levels):
        graph = reduce("array_apply", data=list(range(30)), process=graph)
    return one("array_apply", data=list(range(30)), process=graph)


def text(argument):
    return '{"a":{"process_id":"add","arguments":{"x":' + argument + ',"y":1},"result":true}}'


PIXEL = {"dimension": "x", "value": 1, "unit": "px"}
POINTS = {
    "a": call("load_geojson", data=POLYGON, properties=[]),
    "b": {**call("vector_to_random_points", data=ref("a"), geometry_count=10**12), "result": True},
}
HOSTILE = {
    "a number that is none": (text("1e999"), "ProcessInvalid"),
    "a number of a hundred thousand digits": (text("9" * 100_000), "ProcessInvalid"),
    "arrays without end": (text("[" * 100_000 + "]" * 100_000), "ProcessInvalid"),
    "objects without end": (text('{"a":' * 50_000 + "1" + "}" * 50_000), "ProcessInvalid"),
    "half a character": (text('"\\ud800"'), "ProcessInvalid"),
    "a circle": (
        {"a": call("add", x=ref("b"), y=1), "b": {**call("add", x=ref("a"), y=1), "result": True}},
        "ProcessGraphInvalid",
    ),
    "too many nodes": ({str(n): {**call("add", x=1, y=2), "result": n == 0} for n in range(10_001)}, "ProcessGraphInvalid"),
    "callbacks within callbacks": (looping(40), "ProcessGraphInvalid"),
    "an array of 2^40 elements": (
        doubling(40, call("array_create", data=[1]), lambda before: call("array_concat", array1=before, array2=before)),
        "ProcessParameterInvalid",
    ),
    "a text of 2^40 letters": (
        doubling(40, call("text_concat", data=["a"]), lambda before: call("text_concat", data=[before, before])),
        "ProcessParameterInvalid",
    ),
    "arrays within arrays": (
        doubling(60, call("array_create", data=[1]), lambda before: call("array_create", data=[before, before])),
        "ProcessParameterInvalid",
    ),
    "an element a thousand million times": (one("array_create", data=[1], repeat=10**9), "ProcessParameterInvalid"),
    "more times than there are numbers": (one("array_create", data=[1], repeat=10**18), "ProcessParameterInvalid"),
    "a year far away": (one("date_shift", date="2020-01-01", value=10**18, unit="year"), "ProcessParameterInvalid"),
    "a date of a million digits": (one("date_shift", date="2" * 1_000_000, value=1, unit="year"), "ProcessParameterInvalid"),
    "pixels of a billionth": (one("resample_spatial", data=CUBE, resolution=1e-9), "ProcessParameterInvalid"),
    "pixels that no memory holds": (one("resample_spatial", data=CUBE, resolution=5e-5), "ProcessGraphComplexity"),
    "a window larger than the Earth": (
        one("aggregate_spatial_window", data=CUBE, reducer=reduce("mean", data=DATA), size=[10**9, 10**9]),
        "ProcessGraphComplexity",
    ),
    "neighbours without end": (
        one("apply_neighborhood", data=CUBE, process=reduce("mean", data=DATA), size=[PIXEL], overlap=[{**PIXEL, "value": 1e12}]),
        "ProcessParameterInvalid",
    ),
    "points without number": (POINTS, "ProcessParameterInvalid"),
    "quantiles without number": (one("quantiles", data=[1, 2, 3], probabilities=10**9), "ProcessParameterInvalid"),
    "a reference system of a million letters": (
        one("resample_spatial", data=CUBE, projection="x" * 1_000_000, resolution=1),
        "ProcessParameterInvalid",
    ),
    "a place beyond all numbers": (
        one("load_geojson", data={"type": "Point", "coordinates": [1e308, -1e308]}, properties=[]),
        "ProcessParameterInvalid",
    ),
    "a file of the site": (one("load_url", url="file:///etc/passwd", format="GeoJSON"), "ProcessParameterInvalid"),
    "an address within": (one("load_url", url="https://127.0.0.1:1/x.json", format="GeoJSON"), "UrlUnsupported"),
    "the address of machines in clouds": (
        one("load_url", url="https://169.254.169.254/latest", format="GeoJSON"),
        "UrlUnsupported",
    ),
    "a path that leads out": (one("load_uploaded_files", paths=["../../../etc/passwd"], format="GeoJSON"), "FileNotFound"),
    "a collection with an apostrophe": (
        one("load_collection", id="x' or 1=1 --", spatial_extent=None, temporal_extent=None),
        "ProcessParameterInvalid",
    ),
}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with SiteProcess(make_site(tmp_path_factory.mktemp("hostile")), settings={"openeo.inline_cubes": True}) as site:
        yield site


@pytest.fixture(scope="module")
def client(site):
    headers = {"authorization": f"Bearer basic//{site.token}"}
    with httpx2.Client(base_url=f"{site.url}/openeo/1.2", headers=headers, timeout=120) as client:
        yield client


@pytest.fixture(autouse=True)
def assert_the_site_is_as_it_was(site, client):
    """After each test the site computes, its own process is the same, and has not grown."""
    process = psutil.Process(site.process_id)
    before = process.memory_info().rss
    yield
    assert client.post("/result", json={"process": {"process_graph": one("add", x=1, y=2)}}).json() == 3
    assert process.is_running()
    assert process.memory_info().rss - before < _MORE_MEMORY


def send(client, path, graph):
    written = graph if isinstance(graph, str) else json.dumps(graph)
    body = ('{"process":{"process_graph":' + written + "}}").encode()
    return client.post(path, content=body, headers={"content-type": "application/json"})


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_graph_is_refused(client, name):
    graph, code = HOSTILE[name]

    answer = send(client, "/result", graph)

    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert len(answer.json()["message"]) < 1000


def test_a_graph_that_takes_too_much_memory_fails_as_a_job_too(site):
    connection = openeo.connect(site.url)
    connection.authenticate_bearer_token(f"basic//{site.token}")
    graph, code = HOSTILE["pixels that no memory holds"]
    job = connection.create_job(graph)

    job.start()
    wait_for(lambda: job.status() not in {"queued", "running"})

    assert job.status() == "error"
    assert any(code in str(each.get("code")) or "memory" in each["message"] for each in job.logs())


def test_processes_that_call_each_other_twice_are_counted(client):
    for level in range(20):
        inner = call("add", x=1, y=1) if level == 0 else call(f"laugh{level - 1}")
        graph = {"a": inner, "b": inner, "c": {**call("add", x=ref("a"), y=ref("b")), "result": True}}
        assert client.put(f"/process_graphs/laugh{level}", json={"process_graph": graph}).status_code == 200

    answer = send(client, "/result", one("laugh19"))

    assert (answer.status_code, answer.json()["code"]) == (400, "ProcessGraphComplexity")


def test_a_child_that_is_killed_over_a_graph_costs_no_more_than_its_answer(site, client):
    """The kernel kills what takes too much memory of the machine; the next graph has a child of its own."""
    children = [
        each for each in psutil.Process(site.process_id).children(recursive=True) if "openeo.child" in " ".join(each.cmdline())
    ]
    assert children
    for child in children:
        os.kill(child.pid, signal.SIGKILL)

    answer = send(client, "/result", one("add", x=2, y=2))

    assert answer.json() == 4
