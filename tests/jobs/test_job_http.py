"""`/jobs` over HTTP: one's own, page by page, cancelled, and told of as they change."""

import asyncio

import orjson
import pytest

from twinlake.jobs.models import Failure, LogEntry, Progress
from twinlake.testing.site import local_site


@pytest.fixture
async def site(tmp_path):
    async with local_site(tmp_path) as site:
        yield site


@pytest.fixture
async def alice(site):
    async with site.client(await site.token("alice", roles=["data-steward"])) as client:
        yield client


@pytest.fixture
async def bob(site):
    async with site.client(await site.token("bob")) as client:
        yield client


@pytest.fixture
def order(alice):
    """Return a function that has Alice ask for an ingest of an empty file."""

    async def submit(**changes):
        upload = (await alice.post("/uploads", json={"name": "empty.csv", "size": 0})).json()["id"]
        spec = {"collection": "new", "files": [{"name": "empty.csv", "upload": upload}], "create_collection": True, **changes}
        return await alice.post("/jobs", json={"kind": "ingest", "spec": spec})

    return submit


async def test_a_job_is_made_shown_listed_and_cancelled(alice, order):
    made = await order()
    assert made.status_code == 201
    job = made.json()

    assert (job["status"], job["processID"], job["type"]) == ("accepted", "ingest", "process")
    assert (await alice.get(made.headers["location"])).json() == job
    assert [each["jobID"] for each in (await alice.get("/jobs")).json()["jobs"]] == [job["jobID"]]
    early = await alice.get(f"/jobs/{job['jobID']}/results")
    assert (early.status_code, early.json()["code"]) == (404, "result-not-ready")

    cancelled = await alice.delete(f"/jobs/{job['jobID']}")
    assert (cancelled.status_code, cancelled.json()["status"]) == (200, "dismissed")
    assert "finished" in cancelled.json()


async def test_another_principals_jobs_are_not_there_but_operators_see_them(site, order, bob):
    job = (await order()).json()["jobID"]

    for method, path in (("GET", ""), ("DELETE", ""), ("GET", "/logs"), ("GET", "/results"), ("GET", "/events")):
        answer = await bob.request(method, f"/jobs/{job}{path}")
        assert (answer.status_code, answer.json()["code"]) == (404, "job-not-found")
    assert (await bob.get("/jobs")).json()["jobs"] == []
    async with site.client(await site.token("olga", roles=["operator"])) as operator:
        assert [each["jobID"] for each in (await operator.get("/jobs")).json()["jobs"]] == [job]
        assert (await operator.delete(f"/jobs/{job}")).json()["status"] == "dismissed"


async def test_nobody_has_no_jobs(site):
    async with site.client() as nobody:
        for method, path in (
            ("GET", "/jobs"),
            ("POST", "/jobs"),
            ("GET", "/jobs/x"),
            ("DELETE", "/jobs/x"),
            ("GET", "/jobs/x/events"),
        ):
            assert (await nobody.request(method, path)).status_code == 401


async def test_pages_lead_through_all_jobs_and_tokens_are_their_callers_own(site, alice, order):
    made = [(await order()).json()["jobID"] for _ in range(5)]
    found, path, second = [], "/jobs?limit=2", ""
    while path:
        page = (await alice.get(path)).json()
        found += [job["jobID"] for job in page["jobs"]]
        path = next((link["href"] for link in page["links"] if link["rel"] == "next"), None)
        second = path or second

    assert found == made[::-1]
    async with site.client(await site.token("olga", roles=["operator"])) as operator:
        assert (await operator.get(second)).status_code == 400
    for query in ("limit=0", "limit=-1", "limit=two", "token=forged", f"token={'A' * 4000}"):
        assert (await alice.get(f"/jobs?{query}")).status_code == 400
    assert len((await alice.get("/jobs?limit=100000")).json()["jobs"]) == 5


async def test_a_wrong_order_is_refused_and_makes_no_job(alice, order):
    answers = [
        await alice.post("/jobs", content=b"{"),
        await alice.post("/jobs", json=[]),
        await alice.post("/jobs", json={"kind": "ingest"}),
        await alice.post("/jobs", json={"kind": "ingest", "spec": {}, "prio": 1}),
        await alice.post("/jobs", json={"kind": "mine-bitcoin", "spec": {}}),
        await order(files=[]),
        await order(colour="red"),
        await order(collection="a/b"),
        await order(recipe="[["),
        await order(recipe="colour = 1"),
        await order(files=[{"name": "../x", "link": "/etc/passwd"}]),
        await order(files=[{"name": "x"}]),
        await order(files=[{"name": "x", "link": "/a", "upload": "b"}]),
        await order(files=[{"name": "x", "link": "/a"}, {"name": "x", "link": "/b"}]),
        await order(files=[{"name": "x", "upload": "no such upload"}]),
    ]

    assert [answer.status_code for answer in answers] == [400] * 14 + [404]
    assert all(answer.json()["detail"] for answer in answers)
    assert "ingest" in answers[4].json()["remedy"]
    assert (await alice.get("/jobs")).json()["jobs"] == []


async def test_an_unfinished_upload_cannot_be_taken_in(alice, order):
    upload = (await alice.post("/uploads", json={"name": "a.csv", "size": 10})).json()["id"]

    answer = await order(files=[{"name": "a.csv", "upload": upload}])

    assert (answer.status_code, answer.json()["code"]) == (409, "upload-incomplete")


async def test_events_tell_each_change_until_the_end(site, alice, order):
    job = (await order()).json()["jobID"]
    run = (await site.services.journal.get(job, owner=None)).run
    runs = site.services.run_journal
    kind = site.services.jobs._kinds["ingest"]
    told = asyncio.create_task(alice.get(f"/jobs/{job}/events"))
    await site.services.database.read(lambda tx: None)

    await runs.claim(kind, "lease")
    await runs.append_log(run, [LogEntry("info", "looking")], lease="lease")
    await runs.set_progress(run, "lease", Progress(1, 4, "items", "a.csv"))
    await asyncio.sleep(0.2)  # longer than states are held together for readers
    await runs.fail(run, "lease", Failure("broken", "It broke.", "Mend it."))

    answer = await told
    states = [orjson.loads(line.removeprefix("data: ")) for line in answer.text.splitlines() if line.startswith("data: ")]
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert states[-1]["status"] == "failed"
    assert states[-1]["error"] == {"code": "broken", "detail": "It broke.", "remedy": "Mend it."}
    assert any((state["status"], state.get("progress")) == ("running", 25) for state in states)
    log = (await alice.get(f"/jobs/{job}/logs")).json()["logs"]
    assert [(line["level"], line["message"]) for line in log] == [("info", "looking")]
    assert (await alice.get(f"/jobs/{job}/logs?after={log[-1]['id']}")).json()["logs"] == []


async def test_the_public_application_has_no_address_of_children(site, alice, order):
    job = (await order()).json()["jobID"]
    run = (await site.services.journal.get(job, owner=None)).run

    for path in ("", "/spec", "/heartbeat", "/result", "/ingest/inputs"):
        for method in ("GET", "POST"):
            answer = await alice.request(method, f"/internal/runs/{run}{path}")
            assert answer.status_code == 404
