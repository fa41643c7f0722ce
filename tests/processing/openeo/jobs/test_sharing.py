"""Jobs with equal results share a run: who may, what each of them sees, and what becomes of it when they go."""

import hashlib
from contextlib import AsyncExitStack
from itertools import count

import numpy as np
import pytest
import pytest_asyncio

from processing.openeo.loading.lake import open_lake, write_raster
from twinlake.holdings.catalogue.interfaces import CollectionAccess
from twinlake.identity.principals import Principal
from twinlake.jobs.models import Failure, LogEntry, Usage
from twinlake.processing.openeo.jobs.results import put_asset

pytestmark = pytest.mark.asyncio(loop_scope="module")

API = "/openeo/1.2"
RECIPE = r"""
datetime_format = "%Y%m%d"
[[rules]]
files = '(?P<item>[a-z]+_(?P<datetime>\d{8}))/(?P<asset>\w+)\.tif'
"""
ALICE = Principal("urn:twinlake:site:central", "alice")
MINE = CollectionAccess(access="restricted", owner=str(ALICE))
CONSTANTS = count(1)
"""What makes each test's graph another one."""


class Person:
    """Somebody with jobs."""

    def __init__(self, client):
        self.client = client

    async def make(self, graph, **more):
        made = await self.client.post(f"{API}/jobs", json={"process": {"process_graph": graph}, **more})
        assert made.status_code == 201, made.text
        return made.headers["openeo-identifier"]

    async def start(self, job):
        started = await self.client.post(f"{API}/jobs/{job}/results")
        assert started.status_code == 202, started.text

    async def begin(self, graph, **more):
        """Make a job and start it."""
        job = await self.make(graph, **more)
        await self.start(job)
        return job

    async def show(self, job):
        return (await self.client.get(f"{API}/jobs/{job}")).json()

    async def status(self, job):
        return (await self.show(job))["status"]

    async def stop(self, job):
        assert (await self.client.delete(f"{API}/jobs/{job}/results")).status_code == 204

    async def delete(self, job):
        assert (await self.client.delete(f"{API}/jobs/{job}")).status_code == 204

    async def log(self, job):
        return [each["message"] for each in (await self.client.get(f"{API}/jobs/{job}/logs")).json()["logs"]]

    async def read(self, job):
        """Return the bytes of the result, from the address that anybody may use."""
        told = (await self.client.get(f"{API}/jobs/{job}/results")).json()
        [asset] = told["assets"].values()
        return (await self.client.get(asset["href"], headers={"authorization": ""})).content


class Worker:
    """Does what waits, as children do."""

    def __init__(self, services):
        self.services = services
        self.kind = services.jobs._kinds["openeo"]
        self.numbers = count()
        self.lease = ""

    async def take(self):
        """Begin the next run; None where none waits."""
        lease = f"lease-{next(self.numbers)}"
        run = await self.services.run_journal.claim(self.kind, lease)
        self.lease = self.lease if run is None else lease
        return run

    async def finish(self, run, content=b"result"):
        stored = await self.services.objects.put_bytes(content)
        await self.services.database.write(lambda tx: put_asset(tx, run.id, "result.tif", {}, {"": stored}))
        await self.services.run_journal.append_log(run.id, [LogEntry("info", "of the one who began")], lease=self.lease)
        await self.services.run_journal.add_usage(run.id, Usage(cpu_seconds=2.0, peak_memory_bytes=1000))
        await self.services.run_journal.succeed(run.id, self.lease, {})

    async def work(self, content=b"result"):
        """Do the next run, which there is."""
        run = await self.take()
        assert run is not None
        await self.finish(run, content)
        return run.id


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def lake(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sharing")
    settings = {"ingest": {"link_roots": [folder / "linked"]}, "openeo": {"currency": "EUR", "price_per_cpu_hour": 36.0}}
    async with open_lake(folder, **settings) as lake:
        for collection in ("series", "closed", "changing", "closing"):
            await put(lake, collection, 1, access=MINE if collection == "closed" else None)
        write_raster(folder / "linked/a_20240101/v.tif", raster(1))
        await lake.hold(folder / "linked", collection="linked", recipe=RECIPE, link=True)
        yield lake


def raster(seed):
    return np.random.default_rng(seed).integers(1, 100, (20, 20)).astype("uint16")


async def put(lake, collection, seed, **more):
    """Put the one item of a collection, in a new version if there is one."""
    write_raster(lake.folder / "files" / f"{collection}-{seed}" / "a_20240101/v.tif", raster(seed))
    await lake.hold(lake.folder / "files" / f"{collection}-{seed}", collection=collection, recipe=RECIPE, **more)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def people(lake):
    async with AsyncExitStack() as stack:
        found = []
        for name in ("alice", "bob", "carol"):
            token = await lake.site.token(name, scopes=("search", "read", "process"))
            found.append(Person(await stack.enter_async_context(lake.site.client(token))))
        yield found


@pytest.fixture
def alice(people):
    return people[0]


@pytest.fixture
def bob(people):
    return people[1]


@pytest.fixture
def carol(people):
    return people[2]


@pytest.fixture
def worker(lake):
    return Worker(lake.services)


def node(process_id, **arguments):
    return {"process_id": process_id, "arguments": arguments}


def of(name):
    return {"from_node": name}


def larger(by, **more):
    return {"process_graph": {"add": {**node("add", x={"from_parameter": "x"}, y=by, **more), "result": True}}}


def graph(by=None, collection="series"):
    """Return a graph like no other, but for its arguments."""
    load = node("load_collection", id=collection, spatial_extent=None, temporal_extent=None)
    return {
        "load": load,
        "add": node("apply", data=of("load"), process=larger(next(CONSTANTS) if by is None else by)),
        "save": {**node("save_result", data=of("add"), format="GTiff"), "result": True},
    }


def in_other_words(written):
    """Return the same graph as somebody else might write it."""
    by = written["add"]["arguments"]["process"]["process_graph"]["add"]["arguments"]["y"]
    load = written["load"]["arguments"]
    return {
        "of bob": {
            **node("save_result", options={"compress": "deflate"}, format="gtiff", data=of("more")),
            "result": True,
            "description": "Bob's.",
        },
        "more": node("apply", context=None, process=larger(by), data=of("of bob, too")),
        "nothing": node("add", y=1, x=1),
        "of bob, too": node("load_collection", **dict(reversed(load.items())), bands=None, properties={}),
    }


async def test_whoever_asks_for_the_same_waits_for_the_same(alice, bob, worker):
    asked = graph()
    first = await alice.begin(asked, title="Of Alice", log_level="debug")
    second = await bob.begin(in_other_words(asked), title="Of Bob", log_level="info", job_options={"a": 1})
    run = await worker.take()
    third = await bob.begin(asked)
    assert [await bob.status(each) for each in (second, third)] == ["running", "running"]
    assert await worker.take() is None

    await worker.finish(run)

    assert [await person.status(job) for person, job in ((alice, first), (bob, second), (bob, third))] == ["finished"] * 3
    assert await alice.read(first) == await bob.read(second) == await bob.read(third) == b"result"
    assert (await bob.show(second))["title"] == "Of Bob"


async def test_what_is_there_is_taken_at_once(alice, bob, worker):
    asked = graph()
    await alice.begin(asked)
    await worker.work()

    job = await bob.begin(in_other_words(asked))

    shown = await bob.show(job)
    assert (shown["status"], shown["progress"]) == ("finished", 100)
    assert shown["queued"] == shown["started"] == shown["finished"]
    assert await bob.read(job) == b"result"
    assert await worker.take() is None


async def test_logs_and_costs_are_of_the_one_who_began(lake, alice, bob, worker):
    asked = graph()
    first = await alice.begin(asked)
    waiting = await bob.begin(asked)
    await worker.work()
    taking = await bob.begin(asked)

    mine = await alice.show(first)
    assert (mine["costs"], mine["usage"]["cpu"]["value"], mine["usage"]["storage"]["value"]) == (0.02, 2.0, 6)
    assert "twinlake:note" not in mine
    assert (await alice.log(first))[-1] == "of the one who began"
    for job in (waiting, taking):
        shown = await bob.show(job)
        nothing = {"value": 0, "unit": "cpu-seconds"}
        assert (shown["costs"], shown["usage"]) == (0, {"cpu": nothing, "storage": {"value": 6, "unit": "b"}})
        assert shown["twinlake:note"] == "The result of an equal job was taken."
        [line] = await bob.log(job)
        assert line.startswith("An equal result ")
        assert "alice" not in str(shown).lower()
        request = (await lake.services.batch_jobs.store.get(None, job)).request
        own = (await bob.client.get(f"/jobs/{request}")).json()
        assert (own["usage"], own["attempts"]) == ({"cpu_seconds": 0.0, "peak_memory_bytes": 0}, 0)
        assert "alice" not in str(own)


async def test_a_reason_to_fail_is_told_to_all_who_waited(alice, bob, worker):
    asked = graph()
    first, second = await alice.begin(asked), await bob.begin(asked)
    run = await worker.take()
    failure = Failure("Broken", "It broke.")
    await worker.services.run_journal.append_log(run.id, [LogEntry("error", failure.message, {"path": []})], lease=worker.lease)
    await worker.services.run_journal.fail(run.id, worker.lease, failure)

    assert (await alice.log(first))[1:] == ["It broke."]
    assert (await bob.log(second))[1:] == ["It broke."]
    assert await bob.status(await bob.begin(asked)) == "queued", "what failed is tried again"
    await worker.work()


@pytest.mark.parametrize("who", ["alice", "bob"])
async def test_of_two_with_one_result_each_may_delete_theirs(lake, alice, bob, carol, worker, who):
    asked = graph()
    jobs = {"alice": (alice, await alice.begin(asked))}
    run = await worker.work()
    jobs["bob"] = (bob, await bob.begin(asked))
    goes, job = jobs.pop(who)
    [(stays, kept)] = jobs.values()

    await goes.delete(job)
    await lake.services.upkeep.go_round()

    assert await stays.read(kept) == b"result"
    assert (await stays.show(kept))["usage"]["storage"]["value"] == 6
    taken = await carol.begin(asked)
    assert await carol.status(taken) == "finished"
    await carol.delete(taken)
    await stays.delete(kept)
    await lake.services.upkeep.go_round()
    assert await lake.services.batch_jobs.results.list_assets(run) == []
    assert await carol.status(await carol.begin(asked)) == "queued", "nobody has it any more"
    await worker.work()


@pytest.mark.parametrize("who", ["alice", "bob"])
async def test_of_two_with_one_result_each_may_start_anew(alice, bob, worker, who):
    asked = graph()
    jobs = {"alice": (alice, await alice.begin(asked))}
    await worker.work(b"old")
    jobs["bob"] = (bob, await bob.begin(asked))
    goes, job = jobs.pop(who)
    [(stays, kept)] = jobs.values()

    await goes.start(job)
    assert await goes.status(job) == "finished", "its own result is equal, too"
    assert await goes.read(job) == b"old"
    await goes.client.patch(f"{API}/jobs/{job}", json={"process": {"process_graph": graph()}})
    await goes.start(job)
    await worker.work(b"new")

    assert (await goes.read(job), await stays.read(kept)) == (b"new", b"old")


@pytest.mark.parametrize("how", ["stop", "delete"])
@pytest.mark.parametrize("who", ["alice", "bob"])
async def test_of_two_who_wait_each_may_give_up(lake, alice, bob, worker, who, how):
    asked = graph()
    jobs = {"alice": (alice, await alice.begin(asked)), "bob": (bob, await bob.begin(asked))}
    run = await worker.take()
    goes, job = jobs.pop(who)
    [(stays, kept)] = jobs.values()

    await (goes.stop(job) if how == "stop" else goes.delete(job))
    assert await stays.status(kept) == "running"
    await worker.finish(run)

    assert await stays.read(kept) == b"result"
    if how == "stop":
        assert await goes.status(job) == "created", "what was made after that is not of a job that was cancelled"
        await goes.start(job)
        assert await goes.read(job) == b"result"


async def test_a_run_for_which_nobody_waits_ends(lake, alice, bob, worker):
    asked = graph()
    first, second = await alice.begin(asked), await bob.begin(asked)
    await worker.take()

    await alice.stop(first)
    await bob.stop(second)

    assert await lake.services.run_journal.list_running() == []
    assert [await alice.status(first), await bob.status(second)] == ["created", "created"]
    assert await bob.status(await bob.begin(asked)) == "queued"
    await worker.work()


async def test_whoever_may_not_read_what_is_loaded_learns_nothing(alice, bob, worker):
    asked = graph(collection="closed")
    await alice.begin(asked)
    job = await bob.make(asked)
    unknown = await bob.make(graph(collection="closed"))

    refused = [await bob.client.post(f"{API}/jobs/{each}/results") for each in (job, unknown)]
    await worker.work()
    refused.append(await bob.client.post(f"{API}/jobs/{job}/results"))

    assert {each.status_code for each in refused} == {403}
    assert len({each.text.replace(each.json().get("id", ""), "") for each in refused}) == 1
    assert await bob.status(job) == "created"


async def test_whoever_may_no_longer_read_keeps_what_they_have_and_takes_no_more(lake, bob, alice, worker):
    asked = graph(collection="closing")
    await alice.begin(asked)
    await worker.work()
    had = await bob.begin(asked)
    await lake.services.catalogue.set_access("closing", MINE)

    refused = await bob.client.post(f"{API}/jobs/{await bob.make(asked)}/results")
    again = await bob.client.post(f"{API}/jobs/{had}/results")

    assert (refused.status_code, again.status_code) == (403, 403)
    assert await bob.read(had) == b"result"
    assert await alice.status(await alice.begin(asked)) == "finished"


async def test_another_version_of_an_item_is_another_input(lake, alice, bob, worker):
    asked = graph(collection="changing")
    await alice.begin(asked)
    await worker.work()
    await put(lake, "changing", 2)

    assert await bob.status(await bob.begin(asked)) == "queued"
    await worker.work()
    await put(lake, "changing", 1)
    assert await bob.status(await bob.begin(asked)) == "finished", "the first one is back"


async def test_files_that_are_known_by_size_and_time_alone_are_equal_to_none(alice, worker):
    asked = graph(collection="linked")
    await alice.begin(asked)
    await worker.work()

    assert await alice.status(await alice.begin(asked)) == "queued"
    await worker.work()


@pytest.mark.slow
async def test_code_of_users_is_shared_with_themselves_alone(lake, alice, bob, worker):
    if lake.services.processing.user_code.program is None:
        pytest.skip("this machine lacks what user-defined functions are shut in with: apt-get install bubblewrap")
    udf = f"import xarray\ndef apply_datacube(cube: xarray.DataArray, context: dict) -> xarray.DataArray:\n    return cube + {next(CONSTANTS)}\n"
    function = {**node("run_udf", data={"from_parameter": "x"}, udf=udf, runtime="Python"), "result": True}
    asked = graph()
    asked["add"] = node("apply", data=of("load"), process={"process_graph": {"f": function}})
    await alice.begin(asked)
    await worker.work()

    assert await bob.status(await bob.begin(asked)) == "queued"
    assert await alice.status(await alice.begin(asked)) == "finished"
    await worker.work()
    assert await bob.status(await bob.begin(asked)) == "finished"


FREEZE = {"job_options": {"freeze": "creation"}}


async def test_inputs_are_those_of_the_start_or_of_the_making(lake, alice, bob, worker):
    asked = graph(collection="versions")
    await put(lake, "versions", 3)
    frozen, loose = await alice.make(asked, **FREEZE), await alice.make(asked)
    await bob.begin(asked)
    await worker.work(b"third")
    await put(lake, "versions", 4)
    await alice.client.patch(f"{API}/jobs/{frozen}", json={"title": "T"})

    await alice.start(frozen)
    assert await alice.read(frozen) == b"third"
    await alice.start(loose)
    assert await alice.status(loose) == "queued"
    await worker.work(b"fourth")
    for change in ({"process": {"process_graph": asked}}, {"job_options": None}):
        await alice.client.patch(f"{API}/jobs/{frozen}", json=change)
        await alice.start(frozen)
        assert await alice.read(frozen) == b"fourth", change


async def test_what_is_called_freezes_with_what_is_loaded(alice, worker):
    async def define(by):
        process = {"process_graph": larger(by)["process_graph"], "parameters": [{"name": "x", "schema": {}, "description": ""}]}
        assert (await alice.client.put(f"{API}/process_graphs/mine", json=process)).status_code == 200

    asked = graph()
    asked["add"]["arguments"]["process"] = {"process_graph": {"m": {**node("mine", x={"from_parameter": "x"}), "result": True}}}
    before, after = next(CONSTANTS), next(CONSTANTS)
    await define(before)
    frozen = await alice.make(asked, **FREEZE)
    await alice.begin(asked)
    await worker.work(b"before")
    await define(after)

    await alice.start(frozen)

    assert await alice.read(frozen) == b"before"


async def test_frozen_inputs_are_read_by_who_may_read_now(lake, bob, alice, worker):
    await put(lake, "passing", 1)
    asked = graph(collection="passing")
    await alice.begin(asked)
    await worker.work()
    job = await bob.make(asked, **FREEZE)
    await lake.services.catalogue.set_access("passing", MINE)

    refused = await bob.client.post(f"{API}/jobs/{job}/results")

    assert refused.status_code == 403
    assert await bob.status(job) == "created"


@pytest.mark.parametrize("what", ["item", "bytes", "link", "own"])
async def test_frozen_inputs_that_are_gone_are_told(lake, alice, what):
    collection = f"going-{what}"
    path = lake.folder / f"files/{collection}-77/a_20240101/v.tif"
    linked = lake.folder / "linked/a_20240102/v.tif"
    asked = graph(collection=collection)
    if what == "link":
        write_raster(linked, raster(1))
        await lake.hold(linked.parents[1], collection=collection, recipe=RECIPE, link=True)
    else:
        await put(lake, collection, 77)
    if what == "own":
        await alice.client.put(f"{API}/files/own.tif", content=path.read_bytes())
        asked["load"] = node("load_uploaded_files", paths=["own.tif"], format="GTiff")
    job = await alice.make(asked, **FREEZE)
    match what:
        case "item":
            await lake.services.catalogue.delete_item(collection, "a_20240101")
        case "link":
            write_raster(linked, raster(2)[:10])
        case _:
            await lake.services.objects.delete(hashlib.sha256(path.read_bytes()).hexdigest())

    refused = await alice.client.post(f"{API}/jobs/{job}/results")

    assert (refused.status_code, refused.json()["code"]) == (400, "FileUnreadable")
    assert any(word in refused.json()["message"] for word in ("gone", "changed"))
    assert await alice.status(job) == "created"


@pytest.mark.parametrize("when", ["start", None, 1, ["creation"]])
async def test_inputs_freeze_at_no_other_time(alice, when):
    options = {"job_options": {"freeze": when}}
    refused = await alice.client.post(f"{API}/jobs", json={"process": {"process_graph": graph()}, **options})
    job = await alice.make(graph())
    changed = await alice.client.patch(f"{API}/jobs/{job}", json=options)

    assert (refused.status_code, changed.status_code) == (400, 400)
    assert "freeze" in refused.json()["message"]


async def test_what_cannot_be_frozen_is_not_made(alice, bob):
    for asked, status in ((graph(collection="nosuch"), {404, 400}), (graph(collection="closed"), {403})):
        refused = await bob.client.post(f"{API}/jobs", json={"process": {"process_graph": asked}, **FREEZE})
        assert refused.status_code in status, refused.text


async def test_what_somebody_sends_as_frozen_is_not_read(bob, worker):
    sent = '{"definitions": {}, "pins": {"load": {"reads": "files", "format": "GTiff", "options": {}, "kept": []}}}'
    job = await bob.begin(graph(), frozen=sent)

    assert await bob.status(job) == "queued"
    await worker.work()
