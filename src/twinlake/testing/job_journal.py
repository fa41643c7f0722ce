"""What every journal of jobs does, on every database."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from twinlake.core.documents import JsonObject
from twinlake.core.errors import ConflictError
from twinlake.core.randomness import SYSTEM_RANDOMNESS
from twinlake.engines.database import Connection, Database
from twinlake.events.log import EventLog
from twinlake.jobs.errors import JobFinishedError, JobNotFoundError, LeaseLostError
from twinlake.jobs.models import Failure, Job, JobState, LogEntry, Progress, Usage
from twinlake.jobs.requests import NewJob, RequestJournal, stop_sharing
from twinlake.jobs.runs import RunJournal
from twinlake.testing.clock import START, HandClock
from twinlake.testing.job_kinds import job_kind, whole

SECOND = timedelta(seconds=1)
CRASH = Failure("child-crashed", "The child was ended by signal 9.")
Told = Callable[[str], Awaitable[list[tuple[str, str | None]]]]
ALICE, BOB = "urn:i|alice", "urn:i|bob"


class JobJournalContract:
    """Give a fixture ``database`` with the schemas of jobs and events."""

    @pytest.fixture
    def clock(self) -> HandClock:
        return HandClock()

    @pytest.fixture
    def log(self, clock: HandClock) -> EventLog:
        return EventLog(clock=clock)

    @pytest.fixture
    def requests(self, database: Database, log: EventLog, clock: HandClock) -> RequestJournal:
        return RequestJournal(database=database, events=log, clock=clock, randomness=SYSTEM_RANDOMNESS)

    @pytest.fixture
    def runs(self, database: Database, log: EventLog, clock: HandClock) -> RunJournal:
        return RunJournal(database=database, events=log, clock=clock, lease=30 * SECOND)

    @pytest.fixture
    async def job(self, requests: RequestJournal) -> Job:
        return await requests.submit(NewJob(owner=ALICE, kind="count", spec={"steps": 3}), job_kind())

    @pytest.fixture
    def told(self, database: Database, log: EventLog) -> Told:
        """Return a function that lists last word of the type and subject of a domain's events."""

        async def read(domain: str) -> list[tuple[str, str | None]]:
            page = await database.read(lambda tx: log.read(tx, after_seq=0, limit=100))
            return [(event.type.rpartition(".")[2], event.subject) for event in page.events if event.domain == domain]

        return read

    async def test_two_equal_requests_are_two_jobs_with_runs_of_their_own(self, requests: RequestJournal, job: Job) -> None:
        again = await requests.submit(NewJob(owner=ALICE, kind="count", spec={"steps": 3}), job_kind())

        assert again.id != job.id
        assert again.run != job.run

    async def test_a_shared_kind_runs_equal_requests_once(self, requests: RequestJournal, runs: RunJournal) -> None:
        kind = job_kind(content=whole)
        first = await requests.submit(NewJob(owner=ALICE, kind="count", spec={"a": 1, "b": 2}), kind)
        claimed = await runs.claim(kind, "lease")
        second = await requests.submit(NewJob(owner=BOB, kind="count", spec={"b": 2, "a": 1}), kind)
        assert claimed is not None
        await runs.succeed(claimed.id, "lease", {"n": 1})

        assert second.run == first.run
        assert (second.state, second.joined) == (JobState.RUNNING, JobState.RUNNING)
        assert await requests.get_result(second.id, owner=BOB) == {"n": 1}
        assert first.joined is None

    async def test_what_a_shared_kind_has_done_is_taken_until_it_is_not_kept_any_more(
        self, requests: RequestJournal, runs: RunJournal, clock: HandClock, database: Database, told: Told
    ) -> None:
        kind = job_kind(content=whole)
        new = NewJob(owner=BOB, kind="count", spec={"a": 1})
        first = await requests.submit(NewJob(owner=ALICE, kind="count", spec={"a": 1}), kind)
        await runs.claim(kind, "lease")
        await runs.succeed(first.run, "lease", {"n": 1})
        clock.later += SECOND

        taken = await requests.submit(new, kind)

        assert (taken.run, taken.state, taken.has_result) == (first.run, JobState.SUCCESSFUL, True)
        assert taken.created_at == taken.started_at == taken.finished_at
        assert await requests.get_result(taken.id, owner=BOB) == {"n": 1}
        assert await told(f"principal:{BOB}") == [("successful", f"jobs/{taken.id}")]
        await database.write(lambda tx: stop_sharing(tx, first.run))
        assert (await requests.submit(new, kind)).run != first.run
        assert await requests.get_result(taken.id, owner=BOB) == {"n": 1}

    @pytest.mark.parametrize("end", ["fail", "cancel"])
    async def test_what_came_to_nothing_is_not_taken(self, requests: RequestJournal, runs: RunJournal, end: str) -> None:
        kind = job_kind(content=whole)
        first = await requests.submit(NewJob(owner=ALICE, kind="count", spec={}), kind)
        await runs.claim(kind, "lease")
        await (runs.fail(first.run, "lease", CRASH) if end == "fail" else requests.cancel(first.id, owner=ALICE))

        second = await requests.submit(NewJob(owner=BOB, kind="count", spec={}), kind)

        assert (second.run != first.run, second.joined) == (True, None)

    async def test_a_kind_says_what_is_shared(self, requests: RequestJournal) -> None:
        kind = job_kind(content=lambda spec: spec.get("content"))

        async def submit(**spec: object) -> str:
            return (await requests.submit(NewJob(owner=ALICE, kind="count", spec=spec), kind)).run

        assert await submit(content="a", title="T") == await submit(content="a", title="U")
        assert await submit(content="a") != await submit(content="b")
        assert await submit() != await submit()

    async def test_log_and_usage_of_a_run_are_of_the_request_that_it_was_made_for(
        self, requests: RequestJournal, runs: RunJournal
    ) -> None:
        kind = job_kind(content=whole)
        first = await requests.submit(NewJob(owner=ALICE, kind="count", spec={}), kind)
        joined = [await requests.submit(NewJob(owner=BOB, kind="count", spec={}), kind)]
        await runs.claim(kind, "lease")
        joined.append(await requests.submit(NewJob(owner=BOB, kind="count", spec={}), kind))
        await runs.append_log(first.run, [LogEntry("warning", "secret"), LogEntry("info", "secret, too")], lease="lease")
        await runs.add_usage(first.run, Usage(2.5, 1000))
        await runs.succeed(first.run, "lease", {})
        joined.append(await requests.submit(NewJob(owner=BOB, kind="count", spec={}), kind))

        for each in joined:
            [line] = await requests.list_log(each.id, owner=BOB)
            assert (line.number, line.at, line.level, line.node) == (1, each.created_at, "info", None)
            assert line.message.startswith("An equal result ")
            assert await requests.list_log(each.id, owner=BOB, after=1) == []
            assert await requests.list_log(each.id, owner=None, levels={"warning"}) == []
            found = await requests.get(each.id, owner=BOB)
            assert (found.usage, found.attempts) == (Usage(), 0)
        assert [line.message for line in await requests.list_log(first.id, owner=ALICE)] == ["secret", "secret, too"]
        assert (await requests.get(first.id, owner=ALICE)).usage == Usage(2.5, 1000)

    async def test_a_shared_run_ends_when_nobody_waits_for_it(self, requests: RequestJournal, runs: RunJournal) -> None:
        kind = job_kind(content=whole)
        first = await requests.submit(NewJob(owner=ALICE, kind="count", spec={}), kind)
        second = await requests.submit(NewJob(owner=BOB, kind="count", spec={}), kind)
        await runs.claim(kind, "lease")

        await requests.cancel(first.id, owner=ALICE)
        assert [run.state for run in await runs.list_running()] == [JobState.RUNNING]
        assert (await requests.get(second.id, owner=BOB)).state is JobState.RUNNING
        await requests.cancel(second.id, owner=BOB)
        assert await runs.list_running() == []

    async def test_another_owners_job_is_not_there(self, requests: RequestJournal, job: Job) -> None:
        with pytest.raises(JobNotFoundError):
            await requests.get(job.id, owner=BOB)
        with pytest.raises(JobNotFoundError):
            await requests.cancel(job.id, owner=BOB)
        with pytest.raises(JobNotFoundError):
            await requests.list_log(job.id, owner=BOB)
        assert await requests.list_jobs(owner=BOB, limit=10) == []
        assert (await requests.get(job.id, owner=None)).owner == ALICE

    async def test_jobs_are_listed_newest_first_page_by_page(self, requests: RequestJournal, clock: HandClock) -> None:
        ids = []
        for n in range(5):
            clock.later += SECOND
            ids.append((await requests.submit(NewJob(owner=ALICE, kind="count", spec={"n": n}), job_kind())).id)

        first = await requests.list_jobs(owner=ALICE, limit=3)
        second = await requests.list_jobs(owner=ALICE, limit=3, before=first[-1].id)

        assert [job.id for job in (*first, *second)] == ids[::-1]

    async def test_a_run_is_claimed_once(self, runs: RunJournal, job: Job) -> None:
        claimed = await runs.claim(job_kind(), "one")

        assert claimed is not None
        assert (claimed.id, claimed.state, claimed.attempts, claimed.lease) == (job.run, JobState.RUNNING, 1, "one")
        assert await runs.claim(job_kind(), "two") is None

    async def test_no_more_runs_of_a_kind_go_than_it_allows(self, requests: RequestJournal, runs: RunJournal) -> None:
        for _ in range(4):
            await requests.submit(NewJob(owner=ALICE, kind="count", spec={}), job_kind())
        await requests.submit(NewJob(owner=ALICE, kind="other", spec={}), job_kind("other"))

        claims = [await runs.claim(job_kind(), f"lease-{n}") for n in range(4)]

        assert [claim is not None for claim in claims] == [True, True, False, False]
        assert await runs.claim(job_kind("other"), "other") is not None

    async def test_higher_priority_goes_first(self, requests: RequestJournal, runs: RunJournal, job: Job) -> None:
        urgent = await requests.submit(NewJob(owner=ALICE, kind="count", spec={}, priority=5), job_kind())

        claimed = await runs.claim(job_kind(), "lease")

        assert claimed is not None
        assert claimed.id == urgent.run != job.run

    async def test_success_is_final_and_has_a_result(self, requests: RequestJournal, runs: RunJournal, job: Job) -> None:
        await runs.claim(job_kind(), "lease")
        await runs.set_progress(job.run, "lease", Progress(2, 3, "steps", "two of three"))
        await runs.add_usage(job.run, Usage(1.5, 1000))
        await runs.succeed(job.run, "lease", {"counted": 3})

        done = await requests.get(job.id, owner=ALICE)
        assert (done.state, done.has_result, done.error) == (JobState.SUCCESSFUL, True, None)
        assert await requests.get_result(job.id, owner=ALICE) == {"counted": 3}
        assert done.progress == Progress(2, 3, "steps", "two of three")
        assert done.usage == Usage(1.5, 1000)
        with pytest.raises(LeaseLostError):
            await runs.fail(job.run, "lease", CRASH)
        with pytest.raises(JobFinishedError):
            await requests.cancel(job.id, owner=ALICE)

    async def test_a_refusal_is_not_tried_again(self, requests: RequestJournal, runs: RunJournal, job: Job) -> None:
        await runs.claim(job_kind(), "lease")
        await runs.fail(job.run, "lease", Failure("invalid-input", "No.", "Ask otherwise."))

        failed = await requests.get(job.id, owner=ALICE)
        assert (failed.state, failed.error) == (JobState.FAILED, Failure("invalid-input", "No.", "Ask otherwise."))
        assert await runs.claim(job_kind(), "next") is None

    async def test_a_crash_is_tried_again_after_growing_delays(
        self, requests: RequestJournal, runs: RunJournal, job: Job, clock: HandClock
    ) -> None:
        kind = job_kind()
        for attempt, delay in enumerate((SECOND, 2 * SECOND), start=1):
            assert await runs.claim(kind, f"lease-{attempt}") is not None
            assert await runs.crash(job.run, f"lease-{attempt}", CRASH, kind.retry) is JobState.ACCEPTED
            assert await runs.claim(kind, "early") is None
            clock.later += delay

        assert await runs.claim(kind, "last") is not None
        assert await runs.crash(job.run, "last", CRASH, kind.retry) is JobState.FAILED
        failed = await requests.get(job.id, owner=ALICE)
        assert (failed.state, failed.error, failed.attempts) == (JobState.FAILED, CRASH, 3)

    async def test_a_run_that_gets_on_is_tried_on(self, runs: RunJournal, job: Job, clock: HandClock) -> None:
        kind = job_kind()
        for attempt in range(10):
            lease = f"lease-{attempt}"
            assert await runs.claim(kind, lease) is not None
            await runs.finish(job.run, lease, f"step-{attempt}", {})
            assert await runs.crash(job.run, lease, CRASH, kind.retry) is JobState.ACCEPTED
            clock.later += 10 * SECOND

        assert [step.is_done for step in await runs.list_checkpoints(job.run)] == [True] * 10

    async def test_checkpoints_tell_what_is_done_and_what_failed(self, runs: RunJournal, job: Job, clock: HandClock) -> None:
        kind = job_kind()
        await runs.claim(kind, "one")
        assert (await runs.begin(job.run, "one", "a")).tries == 1
        await runs.finish(job.run, "one", "a", {"n": 1})
        await runs.begin(job.run, "one", "b")
        await runs.crash(job.run, "one", CRASH, kind.retry)
        clock.later += 10 * SECOND
        await runs.claim(kind, "two")

        done, again = await runs.begin(job.run, "two", "a"), await runs.begin(job.run, "two", "b")
        assert (done.is_done, done.result, done.tries) == (True, {"n": 1}, 1)
        assert (again.is_done, again.tries, again.failure) == (False, 2, CRASH)
        await runs.finish(job.run, "two", "a", {"n": 99})
        assert (await runs.begin(job.run, "two", "a")).result == {"n": 1}

    async def test_a_step_is_not_blamed_for_the_end_of_the_site(self, runs: RunJournal, job: Job, clock: HandClock) -> None:
        kind = job_kind()
        await runs.claim(kind, "one")
        await runs.begin(job.run, "one", "a")
        await runs.crash(job.run, "one", CRASH, kind.retry, blame=False)
        clock.later += 10 * SECOND
        await runs.claim(kind, "two")

        step = await runs.begin(job.run, "two", "a")
        assert (step.tries, step.failure) == (1, None)

    async def test_a_run_given_back_is_as_if_never_begun(self, runs: RunJournal, job: Job) -> None:
        await runs.claim(job_kind(), "one")
        await runs.begin(job.run, "one", "a")
        await runs.give_back(job.run, "one")

        again = await runs.claim(job_kind(), "two")
        assert again is not None
        assert again.failures == 0
        assert (await runs.begin(job.run, "two", "a")).tries == 1

    async def test_who_lost_the_lease_changes_nothing(
        self, requests: RequestJournal, runs: RunJournal, job: Job, clock: HandClock
    ) -> None:
        kind = job_kind()
        await runs.claim(kind, "old")
        await runs.crash(job.run, "old", CRASH, kind.retry)
        clock.later += 10 * SECOND
        await runs.claim(kind, "new")

        for call in (
            runs.heartbeat(job.run, "old"),
            runs.set_progress(job.run, "old", Progress(9, 9)),
            runs.append_log(job.run, [LogEntry("info", "ghost")], lease="old"),
            runs.begin(job.run, "old", "a"),
            runs.finish(job.run, "old", "a", {}),
            runs.succeed(job.run, "old", {}),
            runs.fail(job.run, "old", CRASH),
            runs.get_held(job.run, "old"),
        ):
            with pytest.raises(LeaseLostError):
                await call
        assert await runs.crash(job.run, "old", CRASH, kind.retry) is None
        await runs.give_back(job.run, "old")
        now = await requests.get(job.id, owner=ALICE)
        assert (now.state, now.progress, await requests.list_log(job.id, owner=None)) == (JobState.RUNNING, Progress(), [])

    async def test_a_heartbeat_prolongs_the_lease(self, runs: RunJournal, job: Job, clock: HandClock) -> None:
        await runs.claim(job_kind(), "lease")
        [before] = await runs.list_running()
        clock.later += 20 * SECOND
        await runs.heartbeat(job.run, "lease")
        [after] = await runs.list_running()

        assert before.lease_until is not None
        assert after.lease_until == before.lease_until + 20_000_000
        assert after.active_at == before.active_at

    async def test_dismissing_a_running_job_takes_its_lease(self, requests: RequestJournal, runs: RunJournal, job: Job) -> None:
        await runs.claim(job_kind(), "lease")

        dismissed = await requests.cancel(job.id, owner=ALICE)

        assert dismissed.state is JobState.DISMISSED
        assert (await requests.cancel(job.id, owner=ALICE)).state is JobState.DISMISSED
        with pytest.raises(LeaseLostError):
            await runs.heartbeat(job.run, "lease")
        assert await runs.claim(job_kind(), "next") is None

    async def test_a_log_is_bounded_and_hides_error_output_from_owners(
        self, requests: RequestJournal, runs: RunJournal, job: Job
    ) -> None:
        await runs.claim(job_kind(), "lease")
        await runs.append_log(job.run, [LogEntry("info", "hello"), LogEntry("stderr", "/srv/secret/path")], lease="lease")
        await runs.append_log(job.run, [LogEntry("info", "x" * 10_000)] * 5000, lease="lease")
        await runs.append_log(job.run, [LogEntry("info", "too late")], lease="lease")

        seen = await requests.list_log(job.id, owner=ALICE, limit=10_000)
        assert len(await requests.list_log(job.id, owner=None, limit=10_000)) == 2000
        assert len(seen) == 1999
        assert (seen[0].message, len(seen[1].message), seen[-1].level) == ("hello", 2000, "warning")
        assert [line.number for line in await requests.list_log(job.id, owner=ALICE, after=seen[2].number, limit=1)] == [5]

    async def test_a_log_is_read_by_levels_with_what_stands_beside_the_messages(
        self, requests: RequestJournal, runs: RunJournal, job: Job
    ) -> None:
        await runs.claim(job_kind(), "lease")
        written = [
            LogEntry("info", "hello"),
            LogEntry("error", "no", {"path": ["n"]}),
            LogEntry("error", "vast", {"data": "x" * 9000}),
        ]
        await runs.append_log(job.run, written, lease="lease")

        seen = await requests.list_log(job.id, owner=ALICE, levels={"error", "warning"})

        assert [(line.message, line.details) for line in seen] == [("no", {"path": ["n"]}), ("vast", None)]

    async def test_what_is_forgotten_goes_before_its_time(
        self, requests: RequestJournal, runs: RunJournal, job: Job, database: Database
    ) -> None:
        await runs.claim(job_kind(), "lease")
        await runs.append_log(job.run, [LogEntry("info", "secret")], lease="lease")
        live = await requests.submit(NewJob(owner=ALICE, kind="count", spec={}), job_kind())
        await requests.cancel(job.id, owner=ALICE)
        for each in (job.id, live.id, "none"):
            await database.write(lambda tx, each=each: requests.forget(tx, each))  # type: ignore[misc]
        while await database.write(lambda tx: requests.drop_before(tx, START - SECOND, limit=10)):
            pass

        assert [found.id for found in await requests.list_jobs(owner=None, limit=9)] == [live.id]
        assert await database.read(lambda tx: tx.execute("select count(*) from job_log").fetchone()) == (0,)

    async def test_what_is_noted_with_a_request_stands_and_falls_with_it(
        self, requests: RequestJournal, job: Job, database: Database
    ) -> None:
        new = NewJob(owner=ALICE, kind="count", spec={})

        def refuse(_tx: Connection, _made: Job, _spec: JsonObject) -> None:
            raise ConflictError("Somebody was faster.")

        with pytest.raises(ConflictError):
            await requests.submit(new, job_kind(), noted=refuse)
        noted: list[Job] = []
        made = await requests.submit(new, job_kind(), noted=lambda _tx, found, _spec: noted.append(found))

        assert noted == [made]
        assert await requests.find_all([made.id, job.id, "none"]) == {made.id: made, job.id: job}
        assert await database.read(lambda tx: tx.execute("select count(*) from job_run").fetchone()) == (2,)

    async def test_every_change_of_state_is_told_to_the_owner_alone(
        self, told: Told, requests: RequestJournal, runs: RunJournal, job: Job, clock: HandClock
    ) -> None:
        kind = job_kind()
        await runs.claim(kind, "one")
        await runs.crash(job.run, "one", CRASH, kind.retry)
        clock.later += 10 * SECOND
        await runs.claim(kind, "two")
        await runs.succeed(job.run, "two", {})
        other = await requests.submit(NewJob(owner=BOB, kind="count", spec={}), kind)
        await requests.cancel(other.id, owner=BOB)

        states = ["accepted", "running", "accepted", "running", "successful"]
        assert await told(f"principal:{ALICE}") == [(state, f"jobs/{job.id}") for state in states]
        assert await told(f"principal:{BOB}") == [(state, f"jobs/{other.id}") for state in ("accepted", "dismissed")]

    async def test_what_finished_long_ago_is_dropped_batch_by_batch_and_what_lives_stays(
        self, database: Database, requests: RequestJournal, runs: RunJournal, job: Job, clock: HandClock
    ) -> None:
        kind = job_kind()
        await runs.claim(kind, "lease")
        await runs.append_log(job.run, [LogEntry("info", "hello")] * 7, lease="lease")
        for n in range(4):
            await runs.begin(job.run, "lease", f"step-{n}")
        await runs.succeed(job.run, "lease", {"n": 1})
        waiting = await requests.submit(NewJob(owner=ALICE, kind="count", spec={}), kind)
        clock.later += 100 * SECOND
        young = await requests.submit(NewJob(owner=BOB, kind="other", spec={}), job_kind("other"))
        await requests.cancel(young.id, owner=BOB)

        batches = []
        while dropped := await database.write(lambda tx: requests.drop_before(tx, START + 50 * SECOND, limit=3)):
            batches.append(dropped)

        assert batches == [1, 3, 3, 1, 3, 1, 1]  # the request, its log, its checkpoints, its run
        with pytest.raises(JobNotFoundError):
            await requests.get(job.id, owner=ALICE)
        left = await requests.list_jobs(owner=None, limit=10)
        assert [found.id for found in left] == [young.id, waiting.id]

    async def test_a_run_stays_while_another_request_or_a_run_that_it_began_is_kept(
        self, database: Database, requests: RequestJournal, runs: RunJournal, clock: HandClock
    ) -> None:
        kind = job_kind(content=whole)
        given_up = await requests.submit(NewJob(owner=ALICE, kind="count", spec={}), kind)
        awaited = await requests.submit(NewJob(owner=BOB, kind="count", spec={}), kind)
        await runs.claim(kind, "parent")
        await requests.cancel(given_up.id, owner=ALICE)
        child = await requests.submit(NewJob(owner=BOB, kind="other", spec={}), job_kind("other"))
        await database.write(lambda tx: tx.execute("update job_run set parent = ? where id = ?", (awaited.run, child.run)))

        async def drop() -> list[str]:
            clock.later += 100 * SECOND
            while await database.write(lambda tx: requests.drop_before(tx, clock.now(), limit=100)):
                pass
            rows = await database.read(lambda tx: tx.execute("select id from job_run order by id").fetchall())
            return [run for (run,) in rows]

        both = sorted([awaited.run, child.run])
        assert await drop() == both
        assert (await requests.get(awaited.id, owner=BOB)).state is JobState.RUNNING
        await runs.succeed(awaited.run, "parent", {})
        assert await drop() == both
        await requests.cancel(child.id, owner=BOB)
        assert await drop() == []
