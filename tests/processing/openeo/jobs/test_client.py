"""Batch jobs with openEO's own client, at a site that is served, and what becomes of them when processes are killed."""

import json
import os
import signal
import time
from pathlib import Path

import openeo
import pytest
from openeo.api.process import Parameter
from openeo.processes import add
from openeo.rest import JobFailedException, OpenEoApiError

from twinlake.testing.site import SiteProcess, make_site, run_twinlake

pytestmark = pytest.mark.slow

API = "/openeo/1.2"
QUICK = {"max_poll_interval": 0.1, "print": lambda _: None}


def looking(*data):
    """Return a graph that tells what its data are: equal ones share a run, of which one job alone has the log."""
    return {
        "look": {"process_id": "inspect", "arguments": {"data": list(data), "message": "so far", "level": "debug"}},
        "mean": {"process_id": "mean", "arguments": {"data": {"from_node": "look"}}, "result": True},
    }


LOOK = looking(1, 2, 6)
FAILS = {
    "first": {"process_id": "array_element", "arguments": {"data": [1], "index": 5}},
    "add": {"process_id": "add", "arguments": {"x": {"from_node": "first"}, "y": 1}, "result": True},
}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with SiteProcess(make_site(tmp_path_factory.mktemp("openeo-jobs")), settings={"openeo.inline_cubes": True}) as site:
        yield site


@pytest.fixture(scope="module")
def connection(site):
    return connect(site, site.token)


def connect(site, token):
    connection = openeo.connect(site.url)
    connection.authenticate_bearer_token(f"basic//{token}")
    return connection


def long_graph(count):
    """Return a graph that takes a while: an array of values of several kinds is computed one by one."""
    same = {"same": {"process_id": "eq", "arguments": {"x": {"from_parameter": "x"}, "y": "a"}, "result": True}}
    each = {"process_id": "array_apply", "arguments": {"data": [1, "a", None] * count, "process": {"process_graph": same}}}
    return {"each": {**each, "result": True}}


def wait_for(look, *, seconds=60):
    """Return what *look* finds, once it finds something."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := look():
            return found
        time.sleep(0.02)
    raise AssertionError("it did not come about")


def logs_of_nodes(job):
    """Return what processes of the graph have told."""
    return [each for each in job.logs() if each.get("path")]


def find_child(site):
    """Return the process that works on a run of *site*; None where none does."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            status = folder.joinpath("stat").read_text().rpartition(")")[2].split()
            command = folder.joinpath("cmdline").read_bytes()
        except OSError:
            continue
        if int(status[1]) == site.process_id and b"twinlake.jobs.child" in command:
            return int(folder.name)
    return None


def test_the_client_has_a_job_done(connection, tmp_path):
    job = connection.create_job(LOOK, title="Mean", description="Of three", log_level="debug", job_options={"a": 1})
    created = job.describe()
    assert (created["status"], created["title"], created["job_options"]) == ("created", "Mean", {"a": 1})
    assert created["process"]["process_graph"] == LOOK

    job.start_and_wait(**QUICK)

    done = job.describe()
    assert (done["status"], done["progress"]) == ("finished", 100)
    assert done["started"] <= done["finished"]
    assert wait_for(lambda: job.describe()["usage"].get("cpu"))["value"] > 0  # when its child has ended, too
    [told] = logs_of_nodes(job)
    assert (told["message"], told["path"][0]["node_id"], told["data"]) == ("so far", "look", [1, 2, 6])
    entries = list(job.logs(level="info"))
    begins = ("Queued. It will take about 3 s", "Started with Twinlake ", "Wrote result.json: ", "Finished: 1 result with ")
    assert len(entries) == len(begins)
    assert all(each["message"].startswith(text) for each, text in zip(entries, begins, strict=True))
    assert {"inspect": 1, "mean": 1}.items() <= entries[1]["data"]["processes"].items()
    assert list(job.logs(offset=entries[-1]["id"])) == []
    assert job.get_results().get_asset().load_json() == 3
    assert job.get_results().get_asset().metadata["type"] == "application/json"
    downloaded = job.get_results().download_files(tmp_path, include_stac_metadata=True)
    assert {each.name for each in downloaded} == {"result.json", "job-results.json"}
    assert json.loads((tmp_path / "result.json").read_text()) == 3
    as_collection = job.get_results().download_as_collection(tmp_path / "all", download_collection_assets=True)
    assert {each.name for each in as_collection} == {"result.json", "job-results.json"}


def test_the_client_signs_in_with_name_and_password(site, tmp_path):
    secret = tmp_path / "alice"
    made = run_twinlake("admin", "accounts", "add", "alice", "--write-to", secret, "--config", site.config)
    assert made.returncode == 0, made.stderr
    connection = openeo.connect(site.url).authenticate_basic("alice", secret.read_text().strip())

    job = connection.create_job(LOOK)

    assert [each["id"] for each in connection.list_jobs()] == [job.job_id]


def test_programs_in_browsers_see_what_they_need(site):
    with site.client() as client:
        made = client.post(f"{API}/jobs", json={"process": {"process_graph": LOOK}}, headers={"origin": "https://editor.example"})

    exposed = {each.strip().lower() for each in made.headers["access-control-expose-headers"].split(",")}
    assert {"location", "openeo-identifier", "openeo-costs", "link"} <= exposed
    assert made.headers["location"] == f"{site.url}{API}/jobs/{made.headers['openeo-identifier']}"


def test_the_client_finds_and_deletes_its_jobs(connection):
    job = connection.create_job(LOOK, title="Listed")

    assert "Listed" in [each.get("title") for each in connection.list_jobs()]
    assert len(connection.list_jobs(limit=1)) == 1
    assert job.estimate()["duration"] == "PT2S"
    job.delete()
    with pytest.raises(OpenEoApiError, match="JobNotFound"):
        job.describe()


def test_the_client_is_told_why_and_where_a_job_failed(connection):
    job = connection.create_job(FAILS)

    with pytest.raises(JobFailedException):
        job.start_and_wait(**QUICK)

    assert job.status() == "error"
    [told] = job.logs(level="error")
    assert (told["code"], [each["node_id"] for each in told["path"]]) == ("ArrayElementNotAvailable", ["first"])
    with pytest.raises(OpenEoApiError, match="ArrayElementNotAvailable") as refused:
        job.get_results().get_metadata()
    assert refused.value.http_status_code == 424


def test_a_job_that_was_edited_is_done_again(site, connection):
    job = connection.create_job(FAILS)
    with pytest.raises(JobFailedException):
        job.start_and_wait(show_error_logs=False, **QUICK)
    with site.client() as client:
        changed = client.patch(f"{API}/jobs/{job.job_id}", json={"process": {"process_graph": looking(4, 8)}, "title": None})
        assert (changed.status_code, changed.content) == (204, b"")
        assert client.get(f"{API}/jobs/{job.job_id}").json()["status"] == "error"

    job.start_and_wait(**QUICK)

    assert job.get_results().get_asset().load_json() == 6
    assert list(job.logs(level="error")) == [], "nothing of the run before"


def test_processes_are_called_as_they_were_when_the_job_was_started(site, connection):
    x = Parameter.number("x", "Value.")
    connection.save_user_defined_process("one_more", add(x, 1), parameters=[x])
    job = connection.create_job({"call": {"process_id": "one_more", "arguments": {"x": 0}, "result": True}})

    job.start_and_wait(**QUICK)

    assert job.get_results().get_asset().load_json() == 1
    connection.user_defined_process("one_more").delete()
    with pytest.raises(OpenEoApiError, match="ProcessUnsupported"):
        job.start()
    assert job.get_results().get_asset().load_json() == 1, "what cannot be started discards nothing"


def test_a_cube_comes_as_one(connection):
    cube = {"type": "datacube", "order": ["bands"], "dimensions": {"bands": {"type": "bands", "values": ["a"]}}, "data": [4]}
    job = connection.create_job({"n": {"process_id": "inspect", "arguments": {"data": cube}, "result": True}})

    job.start_and_wait(**QUICK)

    assert job.get_results().get_asset().load_json() == cube
    [told] = logs_of_nodes(job)
    assert told["data"]["cube:dimensions"]["bands"]["values"] == ["a"]


def test_a_running_job_is_locked_and_stopped(site, connection):
    job = connection.create_job(long_graph(100_000))
    job.start()
    job.start()
    wait_for(lambda: job.status() == "running")
    with site.client() as client:
        locked = client.patch(f"{API}/jobs/{job.job_id}", json={"title": "T"})
        early = client.get(f"{API}/jobs/{job.job_id}/results")
    assert (locked.status_code, locked.json()["code"]) == (400, "JobLocked")
    assert (early.status_code, early.json()["code"]) == (400, "JobNotFinished")

    job.stop()

    assert job.status() == "created"
    assert wait_for(lambda: find_child(site) is None)
    job.stop()
    job.delete()


def test_jobs_of_others_are_not_there(site, connection):
    job = connection.create_job(looking(5, 9))
    job.start_and_wait(**QUICK)
    path = f"{API}/jobs/{job.job_id}"
    with site.client() as admin:
        made = admin.post("/api/tokens", json={"owner": "urn:twinlake:site:central|eve", "name": "eve", "scopes": ["process"]})
        assert admin.get(f"{API}/jobs").json()["jobs"]
    with site.client(made.json()["token"]) as eve:
        refused = [
            eve.get(path),
            eve.patch(path, json={"title": "mine"}),
            eve.get(f"{path}/estimate"),
            eve.get(f"{path}/logs"),
            eve.post(f"{path}/results"),
            eve.get(f"{path}/results"),
            eve.delete(f"{path}/results"),
            eve.delete(path),
        ]
        assert eve.get(f"{API}/jobs").json() == {"jobs": [], "links": []}
    with site.anonymous() as nobody:
        assert nobody.get(path).status_code == 401

    assert {(each.status_code, each.json()["code"]) for each in refused} == {(404, "JobNotFound")}
    assert job.get_results().get_asset().load_json() == 7


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "ProcessInvalid"),
        (b"[]", "ProcessInvalid"),
        (b"{}", "ProcessInvalid"),
        (b'{"process": 1}', "ProcessInvalid"),
        (b'{"process": {}}', "ProcessGraphMissing"),
        (b'{"process": {"process_graph": {}}, "budget": -1}', "BudgetInvalid"),
        (b'{"process": {"process_graph": {}}, "log_level": "all"}', "InvalidParameterValue"),
        (b"[" * 100_000, "ProcessInvalid"),
        (b'{"process": {"process_graph": ' + b'{"a":' * 300 + b"1" + b"}" * 300 + b"}}", "ProcessInvalid"),
    ],
)
def test_what_is_no_job_is_refused(site, body, code):
    with site.client() as client:
        answer = client.post(f"{API}/jobs", content=body, headers={"content-type": "application/json"})

    assert (answer.status_code, answer.json()["code"]) == (400, code)


def test_a_graph_that_is_wrong_is_not_started(site, connection):
    job = connection.create_job({"n": {"process_id": "ad", "arguments": {}, "result": True}})

    with pytest.raises(OpenEoApiError, match="ProcessUnsupported"):
        job.start()
    assert job.status() == "created"


def test_jobs_are_asked_for_through_the_api_that_has_them(site):
    with site.client() as client:
        refused = client.post("/jobs", json={"kind": "openeo", "spec": {"process": {"process_graph": LOOK}}})

    assert (refused.status_code, refused.json()["code"]) == (400, "job-kind-unknown")


@pytest.mark.parametrize(("what", "count"), [("child", 6_000), ("site", 6_001)])
def test_a_job_goes_on_after_a_kill_and_comes_to_the_same(site, connection, what, count):
    job = connection.create_job(long_graph(count))
    job.start()
    child = wait_for(lambda: job.status() == "running" and find_child(site))
    if what == "child":
        os.kill(child, signal.SIGKILL)
    else:
        site.kill()
        site.restart()
    wait_for(lambda: job.status() not in {"queued", "running"})

    assert job.status() == "finished"
    assert job.get_results().get_asset().load_json() == [False, True, None] * count
    with site.client() as client:
        assert client.get("/jobs").json()["jobs"][0]["attempts"] == 2


def test_a_log_that_is_full_takes_no_more_and_the_job_goes_on(connection):
    look = {"look": {"process_id": "inspect", "arguments": {"data": {"from_parameter": "x"}}, "result": True}}
    data = [1, "a"] * 1_500
    job = connection.create_job(
        {"n": {"process_id": "array_apply", "arguments": {"data": data, "process": {"process_graph": look}}, "result": True}}
    )

    job.start_and_wait(**QUICK)

    assert job.get_results().get_asset().load_json() == data
    entries = list(job.logs())
    assert (len(entries), entries[-1]["level"]) == (2000, "warning")
    assert [each["node_id"] for each in logs_of_nodes(job)[0]["path"]] == ["look", "n"]
