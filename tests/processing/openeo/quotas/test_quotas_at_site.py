"""Quotas at a site that is served: jobs, answers and tiles count, each for whom it is of, and end where nothing is left."""

import itertools
import sqlite3
import time
from contextlib import closing

import httpx2
import numpy as np
import pytest
import rasterio
from rasterio.transform import from_origin

from twinlake.site.layout import SiteFolder
from twinlake.testing.site import SiteProcess, make_site, run_twinlake

pytestmark = pytest.mark.slow

API = "/openeo/1.2"
QUOTA = 90.0
SETTINGS = {
    "openeo.quota_cpu_seconds": int(QUOTA),
    "openeo.quota_result_bytes": 100 << 20,
    "openeo.currency": "EUR",
    "openeo.price_per_cpu_hour": 3600,
}
"""A second costs 1."""
_numbers = itertools.count()
ONE = {"n": {"process_id": "add", "arguments": {"x": 1, "y": 2}, "result": True}}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with SiteProcess(make_site(tmp_path_factory.mktemp("quotas")), settings=SETTINGS) as site:
        yield site


@pytest.fixture
def person(site, tmp_path, request):
    """Return a client of somebody who has taken nothing yet."""
    name = request.node.name.replace("_", "-")[-40:].strip("-").lower()
    with sign_in(site, tmp_path, name) as person:
        yield person


def sign_in(site, tmp_path, name):
    secret = tmp_path / name
    made = run_twinlake("admin", "accounts", "add", name, "--write-to", secret, "--config", site.config)
    assert made.returncode == 0, made.stderr
    answer = httpx2.get(f"{site.url}{API}/credentials/basic", auth=(name, secret.read_text().strip()))
    token = answer.json()["access_token"]
    return httpx2.Client(base_url=f"{site.url}{API}", headers={"authorization": f"Bearer basic//{token}"}, timeout=120)


def long_graph(count=150_000):
    """Return a graph that takes a while, and comes to what no other does: values of several kinds are computed one by one."""
    y = f"a{next(_numbers)}"
    same = {"same": {"process_id": "eq", "arguments": {"x": {"from_parameter": "x"}, "y": y}, "result": True}}
    each = {"process_id": "array_apply", "arguments": {"data": [1, "a", None] * count, "process": {"process_graph": same}}}
    return {"each": {**each, "result": True}}


def wait_for(look, *, seconds=100):
    """Return what *look* finds, once it finds something."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := look():
            return found
        time.sleep(0.05)
    raise AssertionError("it did not come about")


def free(person):
    """Return the CPU seconds that are left."""
    me = person.get("/me").json()
    assert me["budget"] == pytest.approx(me["twinlake:quota"]["cpu"]["free"], abs=1e-3)
    return me["twinlake:quota"]["cpu"]["free"]


def start(person, graph=None, **more):
    made = person.post("/jobs", json={"process": {"process_graph": graph or long_graph()}, **more})
    job = made.headers["openeo-identifier"]
    return job, person.post(f"/jobs/{job}/results")


def status(person, job):
    return person.get(f"/jobs/{job}").json()["status"]


def test_everybody_sees_what_is_left_to_them(person):
    me = person.get("/me").json()

    assert me["budget"] == QUOTA
    assert me["storage"] == {"free": 10 << 30, "quota": 10 << 30}
    assert me["twinlake:quota"] == {
        "cpu": {"quota": QUOTA, "free": QUOTA, "unit": "cpu-seconds"},
        "results": {"quota": 100 << 20, "free": 100 << 20, "unit": "b"},
        "period": "P30D",
        "parallel_jobs": 2,
    }


def about(left):
    """Return what compares to CPU seconds of which looking at a graph took some."""
    return pytest.approx(left - 1, abs=1)


def test_an_answer_counts_for_who_asks(site, person, tmp_path):
    answer = person.post("/result", json={"process": {"process_graph": long_graph(5_000)}})

    assert answer.status_code == 200
    taken = QUOTA - free(person)
    assert taken > 0
    assert float(answer.headers["openeo-costs"]) == pytest.approx(taken, abs=1e-3)
    assert person.get("/me").json()["twinlake:quota"]["results"]["free"] == (100 << 20) - len(answer.content)
    with sign_in(site, tmp_path, "somebody-else") as other:
        assert free(other) == QUOTA


def test_an_answer_that_takes_more_than_its_budget_is_ended(person):
    body = {"process": {"process_graph": long_graph()}, "budget": 0.3}

    refused = person.post("/result", json=body)

    assert (refused.status_code, refused.json()["code"]) == (400, "BudgetInvalid")
    assert 0 < QUOTA - free(person) < 10, "what it took counts"
    assert person.post("/result", json={**body, "budget": 0}).json()["code"] == "BudgetInvalid"
    assert person.post("/result", json={"process": {"process_graph": ONE}, "budget": 5}).json() == 3


def test_a_job_that_passes_its_budget_is_ended_and_what_it_took_counts(person):
    job, started = start(person, budget=5)
    assert started.status_code == 202
    assert free(person) == about(QUOTA - 5), "that is reserved before it starts"

    wait_for(lambda: status(person, job) == "error")

    [told] = person.get(f"/jobs/{job}/logs?level=error").json()["logs"]
    assert (told["code"], told["level"]) == ("PaymentRequired", "error")
    assert "may take 5" in told["message"]
    described = wait_for(lambda: (found := person.get(f"/jobs/{job}").json()).get("costs") and found)
    assert described["costs"] == pytest.approx(described["usage"]["cpu"]["value"], abs=1e-2)
    assert described["costs"] > 5
    assert free(person) == about(QUOTA - person.get(f"/jobs/{job}").json()["costs"])


def test_a_budget_that_will_not_do_is_refused_before_anything_is_queued(person):
    job, refused = start(person, budget=1)

    assert (refused.status_code, refused.json()["code"]) == (402, "PaymentRequired")
    assert "raise the budget" in refused.json()["message"]
    assert status(person, job) == "created"
    assert free(person) == about(QUOTA)


def test_a_reservation_outlives_its_site_and_is_given_back_once(site, person):
    job, _ = start(person)
    wait_for(lambda: status(person, job) == "running")
    assert free(person) == about(QUOTA - 60)

    site.kill()
    site.start()

    assert free(person) == about(QUOTA - 60)
    wait_for(lambda: status(person, job) == "running")
    assert person.delete(f"/jobs/{job}/results").status_code == 204
    wait_for(lambda: QUOTA - 60 < free(person) < QUOTA)


def make_raster():
    """Return a GeoTIFF of 64 degrees each way."""
    profile = {"driver": "GTiff", "dtype": "float32", "count": 1, "width": 64, "height": 64, "crs": "EPSG:4326"}
    with rasterio.MemoryFile() as memory:
        with memory.open(transform=from_origin(0, 64, 1, 1), **profile) as file:
            file.write(np.arange(4096, dtype="float32").reshape(1, 64, 64))
        return memory.read()


def test_a_tile_counts_for_the_owner_of_its_map_and_is_refused_where_they_have_nothing_left(site, person):
    assert person.put("/files/a.tif", content=make_raster()).status_code == 200
    load = {"process_id": "load_uploaded_files", "arguments": {"paths": ["a.tif"], "format": "GTiff"}, "result": True}
    made = person.post("/services", json={"type": "XYZ", "process": {"process_graph": {"load": load}}})
    assert made.status_code == 201, made.text
    url = person.get(f"/services/{made.headers['openeo-identifier']}").json()["url"]
    before = free(person)

    def look(n):
        return httpx2.get(url.format(z=3, x=4, y=n), timeout=60)

    tiles = [look(3), look(2)]
    served = person.get(f"/services/{made.headers['openeo-identifier']}").json()

    assert [each.headers["content-type"] for each in tiles] == ["image/png"] * 2
    assert free(person) < before
    made = person.get("/me").json()["twinlake:quota"]["results"]["free"]
    assert made == (100 << 20) - sum(len(each.content) for each in tiles)
    assert served["usage"]["network"] == {"value": sum(len(each.content) for each in tiles), "unit": "b"}
    assert 0 < served["costs"] == pytest.approx(served["usage"]["cpu"]["value"], abs=1e-3)
    jobs = [start(person)[0], start(person)[0]]  # they have all that is left reserved
    refused = wait_for(lambda: (found := look(3)).status_code != 200 and found)
    assert (refused.status_code, refused.json()["code"]) == (402, "PaymentRequired")
    assert "left of" not in refused.text, "how much is nobody else's business"
    assert person.post("/result", json={"process": {"process_graph": ONE}}).json()["code"] == "PaymentRequired"
    for job in jobs:
        person.delete(f"/jobs/{job}/results")
    wait_for(lambda: look(3).status_code == 200)


def settled(site, user, service):
    """Return what the ledger on the disk has of somebody, and of their map: CPU time in microseconds, and bytes."""
    with closing(sqlite3.connect(f"file:{SiteFolder.of(site.config).database}?mode=ro", uri=True)) as database:
        query = "select coalesce(sum(cpu), 0), coalesce(sum(bytes), 0) from openeo_taken where owner = ?"
        taken = database.execute(query, (f"urn:twinlake:site:{user.replace('.', '|', 1)}",)).fetchone()
        return taken, database.execute("select cpu, bytes from openeo_service where id = ?", (service,)).fetchone()


def test_what_tiles_took_stays_once_it_is_settled_whenever_the_site_dies(site, person):
    """What is not written yet is lost (decision 14), of the owner and of the map alike: the ledger agrees with itself."""
    assert person.put("/files/a.tif", content=make_raster()).status_code == 200
    load = {"process_id": "load_uploaded_files", "arguments": {"paths": ["a.tif"], "format": "GTiff"}, "result": True}
    made = person.post("/services", json={"type": "XYZ", "process": {"process_graph": {"load": load}}})
    service, user = made.headers["openeo-identifier"], person.get("/me").json()["user_id"]
    url = person.get(f"/services/{service}").json()["url"]
    first = httpx2.get(url.format(z=3, x=4, y=3), timeout=60)
    wait_for(lambda: settled(site, user, service)[0][1] == len(first.content))
    before = settled(site, user, service)
    second = httpx2.get(url.format(z=3, x=4, y=2), timeout=60)

    site.kill()
    site.restart()

    of_owner, of_map = settled(site, user, service)
    made_map = before[0][0] - before[1][0]
    assert of_owner == (of_map[0] + made_map, of_map[1])
    assert of_owner[0] >= before[0][0]
    assert of_owner[1] in {len(first.content), len(first.content) + len(second.content)}
    assert free(person) == pytest.approx(QUOTA - of_owner[0] / 1e6, abs=1e-3)
    assert person.get(f"/services/{service}").json()["usage"]["network"]["value"] == of_owner[1]
    again = httpx2.get(url.format(z=3, x=4, y=2), timeout=60)
    assert again.content == second.content
    wait_for(lambda: settled(site, user, service)[1][1] == of_owner[1] + len(again.content))
    of_owner, of_map = settled(site, user, service)
    assert of_owner == (of_map[0] + made_map, of_map[1])


def test_a_map_is_drawn_within_its_budget(person):
    """What its tiles have taken is kept with it, and another budget lets it go on."""
    load = {"process_id": "load_uploaded_files", "arguments": {"paths": ["a.json"], "format": "GeoJSON"}}
    assert (
        person.post("/services", json={"type": "XYZ", "budget": 0, "process": {"process_graph": {"a": load}}}).json()["code"]
        == "BudgetInvalid"
    )
    process = {"process_graph": {"load": {"process_id": "load_uploaded_files", "arguments": {}, "result": True}}}
    process["process_graph"]["load"]["arguments"] = {"paths": ["a.tif"], "format": "GTiff"}
    assert person.put("/files/a.tif", content=make_raster()).status_code == 200
    made = person.post("/services", json={"type": "XYZ", "budget": 1e-6, "process": process})
    assert made.status_code == 201, made.text
    path = f"/services/{made.headers['openeo-identifier']}"
    url = person.get(path).json()["url"].format(z=3, x=4, y=3)

    assert httpx2.get(url, timeout=60).status_code == 200, "nothing was taken before"
    refused = wait_for(lambda: (found := httpx2.get(url, timeout=60)).status_code != 200 and found)
    assert (refused.status_code, refused.json()["code"]) == (402, "PaymentRequired")
    assert "budget" not in refused.text, "it is nobody else's business"
    [entry] = person.get(f"{path}/logs").json()["logs"]
    assert "budget" in entry["message"]
    assert person.patch(path, json={"budget": 30}).status_code == 204
    assert httpx2.get(url, timeout=60).status_code == 200
    wait_for(lambda: person.get(path).json()["usage"]["cpu"]["value"] > 0)
