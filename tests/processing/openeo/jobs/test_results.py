"""Results of jobs over HTTP: addresses that are good for whoever has them, and for a while only."""

import hashlib
import json
from datetime import timedelta
from urllib.parse import urlsplit

import msgspec
import pytest

from twinlake.jobs.models import Failure, LogEntry, Usage
from twinlake.jobs.requests import NewJob
from twinlake.processing.openeo.jobs.orders import Order
from twinlake.processing.openeo.jobs.results import put_asset
from twinlake.processing.openeo.loading.pins import FilePins, Image, KeptFile, PinnedFile, RasterPins, write_pinned
from twinlake.processing.openeo.runner.running import facts_of
from twinlake.testing.clock import HandClock
from twinlake.testing.site import local_site

API = "/openeo/1.2"
GRAPH = {"load": {"process_id": "add", "arguments": {"x": 1, "y": 2}, "result": True}}
FILES = {"zarr.json": b'{"zarr_format": 3}', "c/0/0": bytes(range(200)) * 1000}
CONTENT = b"3" * 100_000


@pytest.fixture
def clock():
    return HandClock()


@pytest.fixture
async def site(tmp_path, clock):
    async with local_site(tmp_path, clock=clock) as site:
        yield site


@pytest.fixture
async def alice(site):
    async with site.client(await site.token("alice", scopes=("search", "read", "process"))) as client:
        yield client


@pytest.fixture
async def nobody(site):
    async with site.client() as client:
        yield client


async def make(alice):
    made = await alice.post(f"{API}/jobs", json={"process": {"process_graph": GRAPH}})
    return made.headers["openeo-identifier"]


async def put(site, run, name, files, **members):
    """Put a result as a child would."""
    stored = {path: await site.services.objects.put_bytes(data) for path, data in files.items()}
    await site.services.database.write(lambda tx: put_asset(tx, run, name, {"type": "text/plain", **members}, stored))


async def start(site, job, **order):
    """Start a job as the API does, but for the check of its graph; return the run."""
    services, seen = site.services, await site.services.batch_jobs.store.get(None, job)
    new, kind = NewJob(owner=seen.owner, kind="openeo", spec=order, api="openeo"), services.jobs._kinds["openeo"]
    noted = services.batch_jobs.store.note_start
    return (await services.journal.submit(new, kind, noted=lambda tx, work, _: noted(tx, seen, work))).run


async def run_of(site, job):
    return (await site.services.batch_jobs.store.get(None, job)).run


@pytest.fixture
async def job(site, alice):
    """A job that runs and has two results."""
    job = await make(alice)
    run = await start(site, job)
    await site.services.run_journal.claim(site.services.jobs._kinds["openeo"], "lease")
    box = {"bbox": [-10, 40, 5, 60], "interval": ["2020-01-01T00:00:00Z", "2020-02-01T00:00:00Z"]}
    await put(site, run, "one.txt", {"": CONTENT}, **box, title="One")
    await put(site, run, "cube.zarr", FILES, bbox=[0, 50, 20, 70], interval=["2020-01-15T00:00:00Z", "2020-03-01T00:00:00Z"])
    return job


async def results_of(alice, job, query=""):
    return (await alice.get(f"{API}/jobs/{job}/results{query}")).json()


async def test_results_are_told_when_there_are_all_or_when_some_are_asked_for(site, alice, job):
    created = await make(alice)
    assert (await results_of(alice, created))["code"] == "JobNotStarted"
    assert (await results_of(alice, created, "?partial=true"))["code"] == "JobNotStarted"
    assert (await results_of(alice, job))["code"] == "JobNotFinished"
    partial = await results_of(alice, job, "?partial=true")
    assert (partial["openeo:status"], partial["assets"].keys()) == ("running", {"one.txt", "cube.zarr"})

    await site.services.run_journal.succeed(await run_of(site, job), "lease", {})

    answer = await alice.get(f"{API}/jobs/{job}/results")
    whole = answer.json()
    assert (whole["type"], whole["openeo:status"]) == ("Collection", "finished")
    assert "openeo-costs" not in answer.headers
    assert answer.headers["openeo-identifier"] == whole["id"] == job
    assert whole["extent"]["spatial"]["bbox"] == [[-10, 40, 20, 70]]
    assert whole["extent"]["temporal"]["interval"] == [["2020-01-01T00:00:00Z", "2020-03-01T00:00:00Z"]]
    one = whole["assets"]["one.txt"]
    assert (one["title"], one["file:size"]) == ("One", len(CONTENT))
    assert one["file:checksum"] == "1220" + hashlib.sha256(CONTENT).hexdigest()
    assert whole.get("cube:dimensions") is None
    assert whole["expires"] == "2026-01-02T00:00:00.000000Z"


async def test_results_are_an_item_for_who_wants_geojson(site, alice, job):
    accept = {"accept": "application/geo+json"}
    url = f"{API}/jobs/{job}/results?partial=true"

    item = (await alice.get(url, headers=accept)).json()

    assert (item["type"], item["bbox"], item["geometry"]["type"]) == ("Feature", [-10, 40, 20, 70], "Polygon")
    assert item["properties"]["start_datetime"] == "2020-01-01T00:00:00Z"
    assert item["assets"].keys() == {"one.txt", "cube.zarr"}
    unplaced = await make(alice)
    await start(site, unplaced)
    item = (await alice.get(f"{API}/jobs/{unplaced}/results?partial=true", headers=accept)).json()
    assert (item["geometry"], item["properties"]["datetime"], "bbox" in item) == (None, None, False)


async def test_results_over_the_antimeridian_are_cut_there(site, alice):
    job = await make(alice)
    run = await start(site, job)
    await site.services.run_journal.claim(site.services.jobs._kinds["openeo"], "lease")
    url, accept = f"{API}/jobs/{job}/results?partial=true", {"accept": "application/geo+json"}
    await put(site, run, "one.txt", {"": CONTENT}, bbox=[170, -10, -160, 10])
    item = (await alice.get(url, headers=accept)).json()

    assert item["bbox"] == [170, -10, -160, 10]
    assert item["geometry"]["type"] == "MultiPolygon"
    assert [polygon[0][0][0] for polygon in item["geometry"]["coordinates"]] == [170, -180]
    await put(site, run, "two.txt", {"": CONTENT}, bbox=[0, -20, 5, 5])
    assert (await alice.get(url, headers=accept)).json()["bbox"] == [-180, -20, 180, 10]


async def test_results_tell_what_they_were_made_of(site, alice, nobody):
    job = await make(alice)
    address = "https://other.example/table.csv"
    kept = [
        KeptFile(name=name, sha256=each * 64, size_bytes=1) for name, each in ((f"{address}?token=secret", "a"), ("my.csv", "b"))
    ]
    linked = PinnedFile(collection="c", item="i", asset="d", size_bytes=9, modified_ns=1)
    image = Image(file=linked, crs=32631, transform=(10, 0, 0, 0, -10, 0), shape=(1, 1))
    pinned = {
        "table": FilePins(format="CSV", options={}, kept=tuple(kept)),
        "image": RasterPins(dimensions=(), dtype="uint8", images=(image, image), parts=()),
    }
    await start(site, job, pins=write_pinned(pinned))
    url = f"{API}/jobs/{job}/results?partial=true"

    collection = (await alice.get(url)).json()
    item = (await alice.get(url, headers={"accept": "application/geo+json"})).json()
    [canonical] = [link["href"] for link in collection["links"] if link["rel"] == "canonical"]

    expected = [
        {"id": "c/i/d"},
        {"id": f"{address}?token=removed", "sha256": "a" * 64},
        {"id": "my.csv", "sha256": "b" * 64},
    ]
    assert collection["twinlake:lineage"] == item["properties"]["twinlake:lineage"] == expected
    assert (await nobody.get(canonical)).json()["twinlake:lineage"] == expected
    embedded = facts_of("r", {}, pinned).embedded()["openeo_lineage"]
    assert json.loads(embedded) == expected, "files carry the same"


async def test_a_job_that_failed_says_why(site, alice, job):
    await site.services.run_journal.fail(await run_of(site, job), "lease", Failure("Broken", "It broke.", "Mend it."))

    refused = await alice.get(f"{API}/jobs/{job}/results")

    assert (refused.status_code, refused.json()["code"], refused.json()["level"]) == (424, "Broken", "error")
    assert (await results_of(alice, job, "?partial=true"))["openeo:status"] == "error"
    logs = (await alice.get(f"{API}/jobs/{job}/logs?level=error")).json()
    assert [(each["id"], each["message"]) for each in logs["logs"]] == [("end", "It broke. Mend it.")]
    assert (await alice.get(f"{API}/jobs/{job}/logs?offset=end")).json()["logs"] == []


async def test_logs_come_page_by_page_and_end_with_the_reason(site, alice, job):
    run = await run_of(site, job)
    written = [LogEntry("info", "one"), LogEntry("debug", "two", {"code": "User"}), LogEntry("info", "three")]
    await site.services.run_journal.append_log(run, written, lease="lease")
    await site.services.run_journal.fail(run, "lease", Failure("Broken", "It broke."))
    url, pages = f"{API}/jobs/{job}/logs?limit=2&level=info", []

    while url:
        page = (await alice.get(url)).json()
        pages.append([each["message"] for each in page["logs"]])
        url = next((link["href"] for link in page["links"] if link["rel"] == "next"), None)

    assert pages == [["one", "three"], ["It broke."]]
    assert page["level"] == "info"
    for query in ("limit=0", "level=loud", "offset=x"):
        assert (await alice.get(f"{API}/jobs/{job}/logs?{query}")).status_code == 400


async def test_a_cancelled_job_keeps_what_it_had_made(alice, job):
    assert (await alice.delete(f"{API}/jobs/{job}/results")).status_code == 204

    assert (await alice.get(f"{API}/jobs/{job}")).json()["status"] == "canceled"
    assert (await results_of(alice, job))["openeo:status"] == "canceled"
    assert (await alice.post(f"{API}/jobs/{job}/results")).status_code == 202
    assert (await results_of(alice, job, "?partial=true"))["assets"] == {}
    assert (await alice.delete(f"{API}/jobs/{job}/results")).status_code == 204
    assert (await alice.get(f"{API}/jobs/{job}")).json()["status"] == "created"


async def test_whoever_has_the_address_of_a_file_gets_it(alice, nobody, job):
    href = (await results_of(alice, job, "?partial=true"))["assets"]["one.txt"]["href"]
    assert urlsplit(href).path.startswith(f"{API}/")

    head = await nobody.head(href)
    part = await nobody.get(href, headers={"range": "bytes=10-19"})
    whole = await nobody.get(href)
    stale = await nobody.get(href, headers={"authorization": "Bearer basic//tl_no.longer"})
    known = await nobody.get(href, headers={"if-none-match": whole.headers["etag"]})

    assert (head.headers["accept-ranges"], head.headers["content-length"]) == ("bytes", str(len(CONTENT)))
    assert (part.status_code, part.content) == (206, CONTENT[10:20])
    assert (whole.content, whole.headers["content-type"].partition(";")[0]) == (CONTENT, "text/plain")
    assert stale.content == CONTENT
    assert known.status_code == 304


async def test_paths_are_appended_to_the_address_of_a_folder(alice, nobody, job):
    asset = (await results_of(alice, job, "?partial=true"))["assets"]["cube.zarr"]
    assert asset["href"].endswith(f"/{job}/cube.zarr")
    assert asset["file:size"] == sum(map(len, FILES.values()))

    for path, data in FILES.items():
        assert (await nobody.get(f"{asset['href']}/{path}")).content == data
    described = await nobody.get(f"{asset['href']}/zarr.json", headers={"authorization": "Bearer basic//stale"})
    missing = await nobody.get(f"{asset['href']}/c/0/1")
    outside = await nobody.get(f"{asset['href']}/../one.txt")

    assert described.headers["content-type"] == "application/json"
    assert [missing.status_code, missing.json()["code"]] == [404, "NotFound"]
    assert outside.status_code in {403, 404}


async def test_the_description_of_results_is_passed_on_with_its_address(alice, nobody, job, clock):
    partial = await results_of(alice, job, "?partial=true")
    [canonical] = [link["href"] for link in partial["links"] if link["rel"] == "canonical"]
    clock.later = timedelta(hours=23)

    passed_on = (await nobody.get(canonical)).json()

    assert passed_on["assets"] == partial["assets"], "they end when the address ends that leads to them"
    assert passed_on["links"] == partial["links"]
    clock.later = timedelta(hours=24)
    expired = await nobody.get(canonical)
    assert (expired.status_code, expired.json()["code"]) == (410, "ResultLinkExpired")
    fresh = (await results_of(alice, job, "?partial=true"))["assets"]["one.txt"]["href"]
    assert (await nobody.get(fresh)).status_code == 200


@pytest.mark.parametrize("asset", ["one.txt", "cube.zarr"])
async def test_addresses_end(alice, nobody, job, clock, asset):
    href = (await results_of(alice, job, "?partial=true"))["assets"][asset]["href"]
    href += "/zarr.json" if asset == "cube.zarr" else ""
    clock.later = timedelta(hours=24)

    expired = await nobody.get(href)

    assert (expired.status_code, expired.json()["code"]) == (410, "ResultLinkExpired")


async def test_addresses_that_were_not_signed_for_it_are_refused(site, alice, nobody, job):
    assets = (await results_of(alice, job, "?partial=true"))["assets"]
    other = await make(alice)
    await put(site, await start(site, other), "one.txt", {"": b"another's"})
    file, folder = assets["one.txt"]["href"], assets["cube.zarr"]["href"]
    seal = folder.split("/results/")[1].split("/")[0]
    tried = [
        file[:-1],
        file.replace("expires=", "expires=9"),
        file.replace("one.txt", "two.txt"),
        file.replace(job, other),
        file.partition("?")[0],
        file.replace("/results/assets/one.txt", "/results/collection.json"),
        folder.replace("cube.zarr", "one.txt") + "/",
        folder.replace(seal, seal + "x") + "/zarr.json",
        folder.replace(seal, "9" + seal) + "/zarr.json",
        folder.replace(seal, seal.partition(".")[0]) + "/zarr.json",
        folder.replace(job, other) + "/zarr.json",
    ]

    for url in tried:
        refused = await nobody.get(url)
        assert (refused.status_code, refused.json()["code"]) == (403, "PermissionsInsufficient"), url


async def test_results_of_a_deleted_job_are_gone(site, alice, nobody, job):
    href = (await results_of(alice, job, "?partial=true"))["assets"]["one.txt"]["href"]

    assert (await alice.delete(f"{API}/jobs/{job}")).status_code == 204

    assert (await nobody.get(href)).json()["code"] == "JobNotFound"
    assert (await alice.get(f"{API}/jobs/{job}")).json()["code"] == "JobNotFound"
    assert len((await alice.get("/jobs")).json()["jobs"]) == 1
    await site.services.upkeep.go_round()
    assert (await alice.get("/jobs")).json()["jobs"] == []


async def test_objects_that_results_name_are_not_swept(site, alice, nobody, job, clock):
    href = (await results_of(alice, job, "?partial=true"))["assets"]["one.txt"]["href"]
    clock.later = timedelta(hours=3)
    sha256 = hashlib.sha256(CONTENT).hexdigest()

    await site.services.upkeep.go_round()

    assert (await nobody.get(href)).content == CONTENT
    await alice.delete(f"{API}/jobs/{job}")
    clock.later = timedelta(days=400)  # the file's own time is that of the machine
    await site.services.upkeep.go_round()
    assert await site.services.objects.find_size(sha256) is None


async def test_secrets_in_a_graph_are_not_passed_on(alice, site):
    url = "https://me:secret@other.example/collection?signature=secret"
    graph = {"n": {"process_id": "text_concat", "arguments": {"data": [url, "x"], "token": "secret"}, "result": True}}
    made = await alice.post(f"{API}/jobs", json={"process": {"process_graph": graph}})
    job = made.headers["openeo-identifier"]
    await start(site, job)

    told = await results_of(alice, job, "?partial=true")

    arguments = {"data": ["https://other.example/collection", "x"], "token": "removed"}
    [provider] = told["providers"]
    assert provider["processing:expression"]["expression"]["n"]["arguments"] == arguments


async def test_what_work_costs_is_told_in_the_currency_of_the_site(tmp_path):
    settings = {"openeo": {"currency": "EUR", "price_per_cpu_hour": 36.0}}
    async with local_site(tmp_path, settings=settings) as site, site.client(await site.token("alice")) as alice:
        assert (await alice.get(f"{API}/")).json()["billing"] == {"currency": "EUR"}
        job = await make(alice)
        run = await start(site, job)
        await site.services.run_journal.claim(site.services.jobs._kinds["openeo"], "lease")
        await site.services.run_journal.succeed(run, "lease", {})
        await site.services.run_journal.add_usage(run, Usage(cpu_seconds=2.0, peak_memory_bytes=1))

        assert (await alice.get(f"{API}/jobs/{job}")).json()["costs"] == 0.02
        assert (await alice.get(f"{API}/jobs/{job}/results")).headers["openeo-costs"] == "0"


async def test_an_order_says_how_much_memory_its_processes_may_take(tmp_path):
    async with (
        local_site(tmp_path, settings={"openeo": {"job_memory_bytes": 123_456_789}}) as site,
        site.client(await site.token("alice", scopes=("search", "read", "process"))) as alice,
    ):
        job = await make(alice)
        assert (await alice.post(f"{API}/jobs/{job}/results")).status_code == 202
        order = await site.services.run_journal.get_spec(await run_of(site, job))

    assert msgspec.convert(order, Order).memory_bytes == 123_456_789
