"""Jobs and their results in the database: whose they are, who was faster, and when they go."""

import asyncio
from datetime import timedelta

import pytest

from twinlake.core.randomness import SYSTEM_RANDOMNESS
from twinlake.engines.database import MemoryDatabase
from twinlake.engines.objectstore import StoredObject
from twinlake.events.log import EventLog
from twinlake.events.schema import MIGRATIONS as EVENTS
from twinlake.jobs.requests import NewJob, RequestJournal
from twinlake.jobs.runs import RunJournal
from twinlake.jobs.schema import MIGRATIONS as JOBS
from twinlake.processing.openeo.jobs.models import Draft
from twinlake.processing.openeo.jobs.results import (
    ResultStore,
    list_citers,
    list_held_objects,
    list_holdings,
    put_asset,
)
from twinlake.processing.openeo.jobs.store import JobChangedError, JobStore
from twinlake.processing.openeo.schema import MIGRATIONS
from twinlake.standards.openeo.errors import JobNotFoundError, StorageQuotaExceededError
from twinlake.testing.clock import HandClock
from twinlake.testing.job_kinds import job_kind, whole

ALICE, BOB = "i|alice", "i|bob"
ONE, TWO = StoredObject("11" * 32, 5), StoredObject("22" * 32, 7)
DRAFT = Draft(process=b'{"process_graph":{}}', document={"title": "T"})


@pytest.fixture
async def database():
    async with MemoryDatabase(migrations=(*EVENTS, *JOBS, *MIGRATIONS)) as database:
        yield database


@pytest.fixture
def clock():
    return HandClock()


@pytest.fixture
def store(database, clock):
    return JobStore(database=database, clock=clock, randomness=SYSTEM_RANDOMNESS)


@pytest.fixture
def results(database):
    return ResultStore(database=database)


@pytest.fixture
def journal(database, clock):
    return RequestJournal(database=database, events=EventLog(clock=clock), clock=clock, randomness=SYSTEM_RANDOMNESS)


@pytest.fixture
def start(store, journal):
    async def start(seen, **changes):
        new = NewJob(owner=seen.owner, kind="count", spec={})
        return await journal.submit(new, job_kind(**changes), noted=lambda tx, work, _: store.note_start(tx, seen, work))

    return start


def nothing(_tx):
    return


async def put(database, run, name="result.json", files=None):
    await database.write(lambda tx: put_asset(tx, run, name, {"type": "application/json"}, files or {"": ONE}))


async def test_a_job_is_its_owners(store):
    job = await store.create(ALICE, DRAFT)

    assert (await store.get(ALICE, job)).document == DRAFT.document
    assert await store.get_process(job) == DRAFT.process
    with pytest.raises(JobNotFoundError):
        await store.get(BOB, job)
    assert await store.list_jobs(BOB, limit=10, before=None) == []


async def test_jobs_are_listed_newest_first_page_by_page(store, clock):
    made = []
    for _ in range(3):
        made.insert(0, await store.create(ALICE, DRAFT))
        clock.advance(seconds=1)

    first = await store.list_jobs(ALICE, limit=2, before=None)
    rest = await store.list_jobs(ALICE, limit=2, before=first[-1].id)

    assert [each.id for each in (*first, *rest)] == made


async def test_of_two_who_change_a_job_one_is_told(store, start):
    job = await store.create(ALICE, DRAFT)
    seen = await store.get(ALICE, job)
    await store.edit(seen, Draft(process=None, document={"title": "U"}))

    with pytest.raises(JobChangedError):
        await store.edit(seen, DRAFT)
    with pytest.raises(JobChangedError):
        await start(seen)
    with pytest.raises(JobChangedError):
        await store.delete(seen, noted=nothing)
    assert (await store.get(ALICE, job)).document == {"title": "U"}
    assert await store.get_process(job) == DRAFT.process


async def test_of_many_starts_at_once_one_is_made(store, start, database):
    seen = await store.get(ALICE, await store.create(ALICE, DRAFT))

    made = await asyncio.gather(*[start(seen) for _ in range(8)], return_exceptions=True)

    assert sum(not isinstance(each, JobChangedError) for each in made) == 1
    assert await database.read(lambda tx: tx.execute("select count(*) from job_run").fetchone()) == (1,)


async def test_results_are_those_of_the_last_start(store, start, results, database):
    job = await store.create(ALICE, DRAFT)
    first = await start(await store.get(ALICE, job))
    await put(database, first.run, "cube.zarr", {"zarr.json": ONE, "c/0/0": TWO})
    kept = await store.get(ALICE, job)
    [asset] = await results.list_assets(first.run)
    assert (kept.has_results, kept.stored_bytes) == (True, 12)
    assert (asset.is_folder, dict(asset.files)) == (True, {"zarr.json": ONE, "c/0/0": TWO})
    assert await results.find_file(first.run, "cube.zarr", "c/0/0") == ({"type": "application/json"}, TWO)
    assert await results.find_file(first.run, "cube.zarr", "c/0/1") is None

    second = await start(kept)

    assert await results.list_assets(first.run) == []
    assert (await store.get(ALICE, job)).run == second.run


async def test_a_result_is_kept_as_long_as_one_of_its_jobs(store, start, results, journal, database, clock):
    first, second = await store.create(ALICE, DRAFT), await store.create(BOB, DRAFT)
    work = await start(await store.get(ALICE, first), content=whole)
    await put(database, work.run)
    assert (await start(await store.get(BOB, second), content=whole)).run == work.run

    await store.delete(await store.get(ALICE, first), noted=lambda tx: journal.forget(tx, work.id))

    assert len(await results.list_assets(work.run)) == 1
    assert (await store.get(BOB, second)).stored_bytes == 5
    last = await store.create(ALICE, DRAFT)
    joined = await start(await store.get(ALICE, last), content=whole)
    assert joined.run == work.run
    await store.delete(await store.get(BOB, second), noted=nothing)
    await start(await store.get(ALICE, last))  # with a run of its own
    assert await results.list_assets(work.run) == []
    assert (await start(await store.get(BOB, await store.create(BOB, DRAFT)), content=whole)).run != work.run


async def test_what_the_journal_forgets_of_one_job_stays_for_the_other(store, start, results, journal, database, clock):
    first, second = await store.create(ALICE, DRAFT), await store.create(BOB, DRAFT)
    runs = RunJournal(database=database, events=EventLog(clock=clock), clock=clock)
    work = await start(await store.get(ALICE, first), content=whole)
    await runs.claim(job_kind(), "lease")
    await put(database, work.run)
    await runs.succeed(work.run, "lease", {})
    clock.advance(days=2)
    await start(await store.get(BOB, second), content=whole)
    before = clock.now() - timedelta(days=1)
    for kept in (journal, results, store):
        while await database.write(lambda tx, kept=kept: kept.drop_before(tx, before, limit=10)):
            pass

    with pytest.raises(JobNotFoundError):
        await store.get(ALICE, first)
    assert (await store.get(BOB, second)).has_results
    assert len(await results.list_assets(work.run)) == 1


async def test_objects_are_held_while_a_result_names_them(store, start, database):
    job = await store.create(ALICE, DRAFT)
    run = (await start(await store.get(ALICE, job))).run
    await put(database, run)
    await put(database, run)

    assert await database.read(list_held_objects) == {ONE.sha256}
    assert await database.read(list_holdings) == [ONE]
    assert await database.read(lambda tx: list_citers(tx, ONE.sha256, limit=3)) == [(run, "result.json", "")]
    await store.delete(await store.get(ALICE, job), noted=nothing)
    assert await database.read(list_held_objects) == frozenset()


async def test_descriptions_have_so_much_room_and_no_more(store):
    large = Draft(process=b"x" * (30 << 20), document={})
    job = await store.create(ALICE, large)
    await store.create(ALICE, large)

    with pytest.raises(StorageQuotaExceededError):
        await store.create(ALICE, large)
    assert len(await store.list_jobs(ALICE, limit=9, before=None)) == 2
    await store.create(BOB, large)
    await store.edit(await store.get(ALICE, job), DRAFT)
    await store.create(ALICE, large)


async def test_what_the_journal_has_forgotten_goes(store, start, results, journal, database, clock):
    untouched, done = await store.create(ALICE, DRAFT), await store.create(ALICE, DRAFT)
    work = await start(await store.get(ALICE, done))
    await put(database, work.run)
    await journal.cancel(work.id, owner=ALICE)
    later = clock.now() + timedelta(days=1)

    async def drop(kept):
        return await database.write(lambda tx: kept.drop_before(tx, later, limit=10))

    assert (await drop(results), await drop(store)) == (0, 1)
    with pytest.raises(JobNotFoundError):
        await store.get(ALICE, untouched)
    while await drop(journal):
        pass
    assert [await drop(results) for _ in range(3)] == [1, 1, 0]
    assert await drop(store) == 1
