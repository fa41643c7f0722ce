"""Whose code is run, when, and that nobody waits for that of another one."""

import threading
import time

import httpx2
import pytest

from processing.openeo.scenes_site import make_account, make_scenes, run_scenes_site
from twinlake.site.settings import SiteSettings
from twinlake.site.user_code import find_user_code

pytestmark = pytest.mark.slow
HEAD = "import xarray\ndef apply_datacube(cube: xarray.DataArray, context: dict) -> xarray.DataArray:\n    "


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("whose")


@pytest.fixture(scope="module")
def site(folder):
    make_scenes(folder)
    with run_scenes_site(folder) as site:
        if find_user_code(SiteSettings()).program is None:
            pytest.skip("this machine lacks what user-defined functions are shut in with: apt-get install bubblewrap")
        yield site


@pytest.fixture(scope="module")
def people(site, folder):
    """Two people who are signed in."""
    found = {}
    for name in ("alice", "bob"):
        secret = make_account(site, folder, name)
        token = httpx2.get(f"{site.url}/openeo/1.2/credentials/basic", auth=(name, secret)).json()["access_token"]
        headers = {"authorization": f"Bearer basic//{token}"}
        found[name] = httpx2.Client(base_url=f"{site.url}/openeo/1.2", headers=headers, timeout=120)
    yield found
    for each in found.values():
        each.close()


def process(line):
    arguments = {"data": {"from_parameter": "x"}, "udf": f"{HEAD}{line}\n", "runtime": "Python"}
    return {
        "process_graph": {
            "load": {
                "process_id": "load_collection",
                "arguments": {"id": "scenes", "spatial_extent": None, "temporal_extent": None},
            },
            "apply": {
                "process_id": "apply",
                "arguments": {
                    "data": {"from_node": "load"},
                    "process": {"process_graph": {"udf": {"process_id": "run_udf", "arguments": arguments, "result": True}}},
                },
                "result": True,
            },
        }
    }


def finish(person, job):
    for _ in range(1200):
        found = person.get(f"/jobs/{job}").json()
        if found["status"] in {"finished", "error"}:
            return found
        time.sleep(0.1)
    raise AssertionError(found)


def test_code_of_nobody_in_particular_is_never_run(site, people):
    sent = process("raise ValueError('this was run')")
    of_nobody = httpx2.post(f"{site.url}/openeo/1.2/validation", json=sent, timeout=60)
    of_alice = people["alice"].post("/validation", json=sent)

    assert (of_nobody.status_code, of_nobody.json()) == (200, {"errors": []})
    [error] = of_alice.json()["errors"]
    assert (error["code"], "udf.py, line 3: ValueError: this was run" in error["message"]) == ("UdfFailed", True)


def test_trying_code_counts(people):
    def free():
        return people["alice"].get("/me").json()["twinlake:quota"]["cpu"]["free"]

    before = free()
    burn = "import time\n    began = time.process_time()\n    while time.process_time() - began < 2: pass\n    return cube"

    assert people["alice"].post("/validation", json=process(burn)).json() == {"errors": []}
    assert before - free() > 2


def test_code_that_fails_is_for_the_log_of_its_job(people):
    job = people["alice"].post("/jobs", json={"process": process("print('before'); raise ValueError('no such thing')")})
    job = job.headers["openeo-identifier"]

    assert people["alice"].post(f"/jobs/{job}/results").status_code == 202
    assert finish(people["alice"], job)["status"] == "error"
    told = [(each["level"], each["message"]) for each in people["alice"].get(f"/jobs/{job}/logs").json()["logs"]]
    assert [level for level, message in told if "udf.py, line 3: ValueError: no such thing" in message] == ["error"]


def test_what_is_printed_stands_in_the_log_once_for_each_part(people):
    job = people["alice"].post("/jobs", json={"process": process("print('seen', cube.shape); return cube"), "log_level": "debug"})
    job = job.headers["openeo-identifier"]
    people["alice"].post(f"/jobs/{job}/results")

    assert finish(people["alice"], job)["status"] == "finished"
    told = people["alice"].get(f"/jobs/{job}/logs?level=debug").json()["logs"]
    printed = [(each["level"], each["message"].partition("seen")[0]) for each in told if "seen" in each["message"]]
    assert printed == [("debug", "Tried with made-up numbers: udf.py:3: "), ("info", "udf.py:3: ")]


def test_slow_code_is_a_batch_job(people):
    """It is not tried to the end before: what it takes cannot be told."""
    slow = people["alice"].post("/jobs", json={"process": process("import time; time.sleep(15); return cube")})
    slow = slow.headers["openeo-identifier"]

    assert people["alice"].post(f"/jobs/{slow}/results").status_code == 202
    told = people["alice"].get(f"/jobs/{slow}/logs").json()["logs"]
    people["alice"].delete(f"/jobs/{slow}")

    assert "cannot be told before" in told[0]["message"]


def test_nobody_waits_for_all_that_another_one_has_asked(people):
    """Three answers that take long are waited for: somebody else has theirs, and a graph is looked at, before these are done."""
    sleeping = process("import time; time.sleep(1); return cube")
    answers = []
    threads = [
        threading.Thread(target=lambda: answers.append(people["alice"].post("/result", json={"process": sleeping})))
        for _ in range(3)
    ]
    for each in threads:
        each.start()
    one = {"process_graph": {"one": {"process_id": "add", "arguments": {"x": 1, "y": 1}, "result": True}}}

    assert people["bob"].post("/result", json={"process": one}).json() == 2
    assert people["alice"].post("/validation", json=one).json() == {"errors": []}
    done = len(answers)
    for each in threads:
        each.join()

    assert done < len(threads), [each.text[:300] for each in answers]
    assert {each.status_code for each in answers} == {200}


def test_work_ends_with_whoever_waits_for_it(people):
    """Of three who have gone nothing keeps others waiting."""
    sleeping = process("import time; time.sleep(50); return cube")
    for _ in range(3):
        with pytest.raises(httpx2.TimeoutException):
            people["alice"].post("/validation", json=sleeping, timeout=1)

    assert people["alice"].post("/validation", json=process("return cube")).json() == {"errors": []}
