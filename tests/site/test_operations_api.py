"""The OpenAPI document of `/api` and of what stands beside it is what the site does."""

import asyncio

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from notification.webhook_receiver import Receiver
from twinlake.identity.web import list_guarded_routes
from twinlake.jobs import routes as job_routes
from twinlake.jobs.models import Failure, LogEntry, Progress
from twinlake.notification.webhooks.routes import routes as webhook_routes
from twinlake.testing.delivery_site import new_collection
from twinlake.testing.site import local_site


@pytest.fixture
async def receiver():
    async with Receiver() as receiver:
        yield receiver


@pytest.fixture
async def site(tmp_path, receiver):
    async with local_site(tmp_path, settings={"webhooks": {"allow": [receiver.origin]}}) as site:
        yield site


@pytest.fixture
async def document(site):
    async with site.client() as nobody:
        return (await nobody.get("/api/openapi.json")).json()


@pytest.fixture
async def alice(site):
    async with site.client(await site.token("alice", roles=["data-steward"])) as client:
        yield client


@pytest.fixture
def ask(alice, document):
    """Return a function that asks as Alice and holds the answer, and the body sent, to the document."""

    async def send(method, template, *, expect=200, body=None, **path):
        operation = document["paths"][template][method.lower()]
        if body is not None:
            validator(document, operation["requestBody"]["content"]["application/json"]["schema"]).validate(body)
        answer = await alice.request(method, template.format(**path), **({} if body is None else {"json": body}))
        assert answer.status_code == expect, answer.text
        described = operation["responses"].get(str(expect)) or operation["responses"]["default"]
        media_type = answer.headers.get("content-type")
        assert set(described.get("content", {})) == (set() if media_type is None else {media_type})
        assert all(name in answer.headers for name in described.get("headers", {}))
        if media_type is None:
            return answer
        validator(document, described["content"][media_type]["schema"]).validate(answer.json())
        return answer.json()

    return send


def validator(document, schema):
    return Draft202012Validator({**schema, "components": document["components"]})


def methods_of(routes):
    return {(route.path, method) for route in routes for method in route.methods if method != "HEAD"}


def described(document, *, beside):
    return {
        (path, method.upper())
        for path, item in document["paths"].items()
        for method in item
        if method in {"get", "put", "post", "delete", "patch"} and ("servers" in item) == beside
    }


async def test_it_is_openapi_and_says_where_the_paths_are(document):
    validate(document)
    url = document["servers"][0]["url"].removesuffix("/api")
    assert document["paths"]["/jobs"]["servers"] == document["paths"]["/webhooks"]["servers"] == [{"url": url}]
    assert {"/me", "/tokens", "/audit", "/usage"} <= document["paths"].keys()


async def test_it_describes_every_route_and_no_other(site, document):
    services = site.services
    jobs = job_routes.routes(jobs=services.jobs, watcher=services.watcher, seal=services.seal, public_url="")
    webhooks = webhook_routes(services.webhooks, services.event_ids)
    api = {
        (route.path.removeprefix("/api"), method)
        for route in list_guarded_routes(site.app)
        for method in route.methods
        if route.path.startswith("/api/") and method != "HEAD"
    }

    assert described(document, beside=True) == methods_of([*jobs, *webhooks])
    assert described(document, beside=False) == api - {("/openapi.json", "GET")}


async def test_it_is_linked_where_jobs_and_webhooks_are_listed(site, alice, document):
    links = (await alice.get("/jobs")).json()["links"]
    [href] = [link["href"] for link in links if link["rel"] == "service-desc"]
    listed = await alice.get("/webhooks")

    assert (await alice.get(href)).json() == document
    assert (await alice.get(listed.links["service-desc"]["url"])).json() == document


async def test_answers_of_jobs_are_as_described(site, alice, ask):
    upload = (await alice.post("/uploads", json={"name": "empty.csv", "size": 0})).json()["id"]
    spec = {"collection": "new", "create_collection": True, "files": [{"name": "empty.csv", "upload": upload}]}
    body = {"kind": "ingest", "spec": spec}
    done, failing, cancelled = [(await ask("POST", "/jobs", body=body, expect=201))["jobID"] for _ in range(3)]
    await ask("DELETE", "/jobs/{job}", job=cancelled)
    await ask("DELETE", "/jobs/{job}", job="none", expect=404)
    journal = site.services.run_journal
    kind = site.services.jobs._kinds["ingest"]
    for lease in ("one", "two"):
        run = await journal.claim(kind, lease)
        await journal.set_progress(run.id, lease, Progress(1, 2, "items", "empty.csv"))
        await journal.append_log(run.id, [LogEntry("info", "hello")], lease=lease)
        running = await ask("GET", "/jobs/{job}", job=done if lease == "one" else failing)
        assert running["progress"] == 50
        if lease == "one":
            await journal.succeed(run.id, lease, {"files": []})
        else:
            await journal.fail(run.id, lease, Failure("memory-exceeded", "It is too large.", None))

    for job in (done, failing, cancelled):
        await ask("GET", "/jobs/{job}", job=job)
        await ask("GET", "/jobs/{job}/logs", job=job)
    assert (await ask("GET", "/jobs/{job}/results", job=done)) == {"files": []}
    await ask("GET", "/jobs/{job}/results", job=failing, expect=404)
    assert len((await ask("GET", "/jobs"))["jobs"]) == 3
    await ask("DELETE", "/jobs/{job}", job=done, expect=409)
    async with alice.stream("GET", f"/jobs/{done}/events") as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")


async def test_answers_of_webhooks_are_as_described(site, alice, ask, receiver):
    body = {"url": receiver.url, "types": ["org.ogc.api.collection.create"], "collections": ["c", "d"]}
    made = await ask("POST", "/webhooks", body=body, expect=201)
    other = await ask("POST", "/webhooks", body={"url": receiver.url, "bbox": [0, 1, 2, 3], "types": ["none"]}, expect=201)
    await ask("POST", "/webhooks", body={"url": "http://127.0.0.1:1/hook"}, expect=400)
    delivering = asyncio.create_task(site.services.dispatcher.run())
    for collection in ("c", "d"):
        assert (await alice.post("/stac/v2/collections", json=new_collection(collection))).status_code == 201
    await receiver.wait_for(2)  # the first is recorded before the second is sent

    shown = await ask("GET", "/webhooks/{webhook}", webhook=made["id"])
    assert shown["deliveries"][-1]["status"] == 204
    assert len((await ask("GET", "/webhooks"))["webhooks"]) == 2
    for webhook in (made["id"], other["id"]):
        await ask("DELETE", "/webhooks/{webhook}", webhook=webhook, expect=204)
    await ask("GET", "/webhooks/{webhook}", webhook=made["id"], expect=404)
    site.services.closing.set()
    await delivering


async def test_bodies_that_it_does_not_describe_are_refused(alice, document):
    schema = document["paths"]["/jobs"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    for body in ({"kind": "none", "spec": {}}, {"kind": "ingest", "spec": {"collection": "c"}}, {"kind": "ingest"}):
        assert not validator(document, schema).is_valid(body)
        assert (await alice.post("/jobs", json=body)).status_code in {400, 404}
