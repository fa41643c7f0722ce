"""The ledger of quotas: nothing is promised twice, everything that was taken counts once, for thirty days."""

import random
import threading
from datetime import timedelta

import pytest

from twinlake.core.randomness import SYSTEM_RANDOMNESS
from twinlake.engines.database import MemoryDatabase, SqliteDatabase
from twinlake.engines.database.connection import open_connection
from twinlake.engines.objectstore import StoredObject
from twinlake.events.log import EventLog
from twinlake.events.schema import MIGRATIONS as EVENTS
from twinlake.jobs.models import Failure, Retry, Usage
from twinlake.jobs.requests import NewJob, RequestJournal
from twinlake.jobs.runs import RunJournal
from twinlake.jobs.schema import MIGRATIONS as JOBS
from twinlake.processing.openeo.jobs.results import put_asset
from twinlake.processing.openeo.quotas.ledger import QuotaLedger
from twinlake.processing.openeo.quotas.models import UNLIMITED, Amount, Likely, Need, Quota
from twinlake.processing.openeo.schema import MIGRATIONS
from twinlake.standards.openeo.errors import PaymentRequiredError, StorageQuotaExceededError
from twinlake.testing.clock import HandClock
from twinlake.testing.job_kinds import job_kind

ALICE, BOB = "urn:i|alice", "urn:i|bob"
ALL = (*EVENTS, *JOBS, *MIGRATIONS)
KIND = job_kind(concurrent=1000, retry=Retry(failures=2, first_delay=timedelta(0)))
SECOND = 1_000_000
DAY = timedelta(days=1)


def quota(cpu=100, size=1000, job_cpu=60, job_bytes=600):
    return Quota.of(cpu_seconds=cpu, size_bytes=size, job_cpu_seconds=job_cpu, job_bytes=job_bytes)


def need(cpu, size=1, *, high_cpu=None, high_size=None):
    return Need(Likely(cpu, high_cpu or cpu), Likely(size, high_size or size))


class Lake:
    """A journal of jobs with a ledger."""

    def __init__(self, database, clock, limits):
        log = EventLog(clock=clock)
        self.database = database
        self.clock = clock
        self.requests = RequestJournal(database=database, events=log, clock=clock, randomness=SYSTEM_RANDOMNESS)
        self.runs = RunJournal(database=database, events=log, clock=clock)
        self.ledger = QuotaLedger(database=database, clock=clock, quota=limits)

    async def start(self, needed=None, *, owner=ALICE, budget=UNLIMITED):
        def noted(tx, work, _spec):
            self.ledger.reserve(tx, work.run, owner, needed, budget_cpu=budget)

        return await self.requests.submit(NewJob(owner=owner, kind="count", spec={}), KIND, noted=noted)

    async def begin(self):
        return await self.runs.claim(KIND, SYSTEM_RANDOMNESS(8).hex())

    async def take(self, run, seconds):
        return await self.runs.add_usage(run, Usage(seconds), check=self.ledger.check_run)

    async def make(self, run, size, name="a"):
        def work(tx):
            put_asset(tx, run, name, {}, {"": StoredObject("00" * 32, size)})
            self.ledger.count_results(tx, run)

        await self.database.write(work)

    async def counted(self, owner=ALICE):
        found = (await self.ledger.find_standing(owner)).counted
        return found.cpu_seconds, found.size_bytes


@pytest.fixture
def clock():
    return HandClock()


@pytest.fixture
def open_lake(clock):
    return lambda limits=None: Lake(MemoryDatabase(migrations=ALL), clock, limits or quota())


@pytest.fixture
def lake(open_lake):
    return open_lake()


async def test_a_job_reserves_what_it_may_take_and_has_taken_what_it_took(lake):
    job = await lake.start(need(10, 50, high_cpu=30, high_size=70))
    assert await lake.counted() == (30, 70)
    run = await lake.begin()

    assert await lake.take(run.id, 4.25) is None
    await lake.make(run.id, 33)
    assert await lake.counted() == (30, 70)
    await lake.runs.succeed(run.id, run.lease, {})
    assert await lake.counted() == (4.25, 33)
    assert await lake.take(run.id, 0.5) is None, "known when the child has gone"
    assert await lake.counted() == (4.75, 33)
    assert job.run == run.id


@pytest.mark.parametrize("end", ["fail", "crash", "cancel", "forget"])
async def test_however_a_run_ends_it_keeps_nothing_reserved(lake, end):
    job = await lake.start(need(20))
    run = await lake.begin()
    await lake.take(run.id, 3)
    match end:
        case "fail":
            await lake.runs.fail(run.id, run.lease, Failure("x", "X."))
        case "crash":
            await lake.runs.crash(run.id, run.lease, Failure("x", "X."), KIND.retry)
            assert await lake.counted() == (20, 1), "it is tried again"
            run = await lake.begin()
            await lake.runs.crash(run.id, run.lease, Failure("x", "X."), KIND.retry)
        case "cancel":
            await lake.requests.cancel(job.id, owner=ALICE)
        case "forget":
            await lake.requests.cancel(job.id, owner=ALICE)
            await lake.database.write(lambda tx: lake.requests.forget(tx, job.id))
            while await lake.database.write(lambda tx: lake.requests.drop_before(tx, lake.clock.now(), limit=10)):
                pass

    assert await lake.counted() == (3, 0)


async def test_what_is_not_there_is_refused_and_nothing_is_queued(lake):
    await lake.start(need(60))

    with pytest.raises(
        PaymentRequiredError, match=r"Of 100 s of CPU time in 30 days you have 40 left, and this takes about 41"
    ) as refused:
        await lake.start(need(41))
    with pytest.raises(StorageQuotaExceededError, match=r"Of 1\.0 kB of results in 30 days you have 999 B left"):
        await Lake(lake.database, lake.clock, quota(cpu=0, job_bytes=0)).start(need(1, 1000))

    assert "wait" in refused.value.remedy
    assert len(await lake.requests.list_jobs(owner=ALICE, limit=10)) == 1
    assert (await lake.counted())[0] == 60
    assert await lake.start(need(41), owner=BOB), "another's is another's"


async def test_a_job_may_begin_with_what_is_likely_and_reserves_no_more_than_is_left(lake):
    await lake.start(need(60))

    await lake.start(need(20, high_cpu=200))

    assert (await lake.counted())[0] == 100
    with pytest.raises(PaymentRequiredError, match="you have 0 left"):
        await lake.start()


async def test_who_cannot_be_told_reserves_what_is_left_up_to_what_one_job_may_take(lake):
    await lake.start()
    assert await lake.counted() == (60, 600)

    await lake.start()

    assert await lake.counted() == (100, 1000)


async def test_one_job_may_not_take_too_much(lake):
    with pytest.raises(PaymentRequiredError, match="about 61 s of CPU time, and one job may take 60"):
        await lake.start(need(61))
    with pytest.raises(StorageQuotaExceededError, match="may take 600"):
        await lake.start(need(1, 601))
    with pytest.raises(PaymentRequiredError, match=r"about 10 s .*the budget of the job allows 5") as refused:
        await lake.start(need(10), budget=5 * SECOND)
    assert "raise the budget" in refused.value.remedy


async def test_a_run_that_needs_more_gets_more_while_there_is_some(lake):
    await lake.start(need(10))
    run = await lake.begin()

    assert await lake.take(run.id, 11) is None
    assert (await lake.counted())[0] == 60
    assert await lake.take(run.id, 40) is None
    stopped = await lake.take(run.id, 10)

    assert stopped.code == "PaymentRequired"
    assert stopped.message == "The job has taken 61 s of CPU time, and may take 60: it was ended."
    assert (await lake.counted())[0] == 61, "what it has taken counts, whatever it was allowed"


async def test_a_run_is_stopped_where_nothing_more_is_left(lake):
    await lake.start(need(10))
    run = await lake.begin()
    await lake.start(need(50))
    await lake.start(need(38))

    assert await lake.take(run.id, 11) is None
    assert (await lake.counted())[0] == 100
    assert "nothing more is left for you" in (await lake.take(run.id, 2)).message


async def test_a_budget_stops_a_run(lake):
    await lake.start(need(2, high_cpu=20), budget=5 * SECOND)
    run = await lake.begin()
    assert (await lake.counted())[0] == 5

    assert await lake.take(run.id, 5) is None
    assert "may take 5" in (await lake.take(run.id, 0.1)).message


async def test_results_that_are_too_much_are_not_taken(lake):
    await lake.start(need(1, 100))
    run = await lake.begin()
    await lake.make(run.id, 90)
    await lake.make(run.id, 90)  # in the place of the first
    await lake.make(run.id, 300, "b")
    assert (await lake.counted())[1] == 390

    with pytest.raises(StorageQuotaExceededError, match="take 601 bytes, and may take 600"):
        await lake.make(run.id, 301, "a")

    assert (await lake.counted())[1] == 390


async def test_a_joined_or_foreign_run_is_left_alone(lake):
    job = await lake.requests.submit(NewJob(owner=ALICE, kind="count", spec={}), KIND)

    assert await lake.take(job.run, 1e6) is None
    await lake.make(job.run, 1 << 40)

    assert await lake.counted() == (0, 0)


async def test_where_nothing_is_limited_everything_goes(open_lake):
    lake = open_lake(quota(0, 0, 0, 0))
    for _ in range(5):
        await lake.start()
    await lake.start(need(1e9, 1e15))
    run = await lake.begin()

    assert await lake.take(run.id, 1e7) is None
    await lake.make(run.id, 1 << 50)
    assert (await lake.ledger.require_left(ALICE)).cpu > UNLIMITED >> 1


async def test_what_was_taken_counts_for_thirty_days(lake, clock):
    await lake.start(need(10))
    run = await lake.begin()
    await lake.take(run.id, 10)
    await lake.runs.succeed(run.id, run.lease, {})
    lake.ledger.note(ALICE, Amount.of(cpu_seconds=5, size_bytes=7))
    await lake.ledger.flush()
    assert await lake.counted() == (15, 7)

    clock.later += 29 * DAY
    assert await lake.counted() == (15, 7)
    clock.later += DAY + timedelta(hours=1)
    assert await lake.counted() == (0, 0)

    dropped = await lake.database.write(lambda tx: lake.ledger.drop_before(tx, clock.now() - 30 * DAY, limit=10))
    assert dropped == 1, "the hour; the charge stays with its run"


async def test_a_reservation_of_a_run_that_waits_for_long_stays(lake, clock):
    await lake.start(need(10))

    clock.later += 40 * DAY

    assert (await lake.counted())[0] == 10


async def test_answers_count_at_once_and_are_written_together(lake):
    for _ in range(10):
        lake.ledger.note(ALICE, Amount.of(cpu_seconds=9, size_bytes=1))
    assert await lake.counted() == (90, 10)
    assert (await lake.ledger.require_left(ALICE)).cpu_seconds == 10

    await lake.ledger.flush()
    await lake.ledger.flush()
    assert await lake.counted() == (90, 10)
    lake.ledger.note(ALICE, Amount.of(cpu_seconds=11))

    with pytest.raises(PaymentRequiredError, match="you have 0 left, and this takes more"):
        await lake.ledger.require_left(ALICE)
    with pytest.raises(PaymentRequiredError):
        await lake.start(need(1))
    await lake.ledger.require_left(BOB)


async def test_what_jobs_reserve_is_seen_by_answers_after_five_seconds(lake, clock):
    await lake.ledger.require_left(ALICE)
    await lake.start(need(60))
    await lake.start(need(40))
    await lake.ledger.require_left(ALICE)

    clock.advance(seconds=6)

    with pytest.raises(PaymentRequiredError):
        await lake.ledger.require_left(ALICE)


async def test_answers_that_come_while_others_are_written_are_not_lost(tmp_path, clock):
    async with SqliteDatabase(tmp_path / "site.db", migrations=ALL) as database:
        lake = Lake(database, clock, quota())
        lake.ledger.note(ALICE, Amount.of(cpu_seconds=1))
        flushing = lake.ledger.flush()
        flushing.send(None)
        lake.ledger.note(ALICE, Amount.of(cpu_seconds=2))
        flushing.close()

        await lake.ledger.flush()

        assert (await lake.counted())[0] in {3, 4}, "never too little"


async def test_the_sums_of_any_history_are_those_of_a_plain_count(lake):
    chance = random.Random(5)
    reserved, taken, live = {}, {}, []
    for _ in range(300):
        do = chance.choice(["start", "begin", "take", "end"])
        if do == "start":
            seconds = chance.randint(1, 30)
            expected = sum(max(reserved.get(run, 0), taken[run]) for run in taken) + seconds <= 100
            try:
                job = await lake.start(need(seconds))
            except PaymentRequiredError:
                assert not expected
            else:
                assert expected
                reserved[job.run], taken[job.run] = seconds, 0
        elif do == "begin" and (run := await lake.begin()) is not None:
            live.append(run)
        elif do == "take" and live:
            run = chance.choice(live)
            if taken[run.id] < reserved[run.id]:
                assert await lake.take(run.id, 1) is None
                taken[run.id] += 1
        elif do == "end" and live:
            run = live.pop()
            await lake.runs.succeed(run.id, run.lease, {})
            del reserved[run.id]
        assert (await lake.counted())[0] == sum(max(reserved.get(run, 0), taken[run]) for run in taken) <= 100


async def test_threads_that_reserve_at_once_get_no_more_than_there_is(tmp_path, clock):
    path = tmp_path / "site.db"
    async with SqliteDatabase(path, migrations=ALL) as database:
        lake = Lake(database, clock, quota(cpu=100, job_cpu=0))
        jobs = [await lake.requests.submit(NewJob(owner=ALICE, kind="count", spec={}), KIND) for _ in range(80)]
        got, ready = [], threading.Barrier(4)

        def reserve(runs):
            connection = open_connection(path, read_only=False)
            ready.wait()
            for run in runs:
                connection.execute("begin immediate")
                try:
                    lake.ledger.reserve(connection, run, ALICE, need(3))
                    got.append(run)
                except PaymentRequiredError:
                    pass
                connection.execute("commit")
            connection.close()

        threads = [threading.Thread(target=reserve, args=([job.run for job in jobs[n::4]],)) for n in range(4)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()

        assert len(got) == 33
        assert (await lake.counted())[0] == 99
