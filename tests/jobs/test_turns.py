"""Whose run goes next."""

from datetime import timedelta

import pytest

from twinlake.core.randomness import SYSTEM_RANDOMNESS
from twinlake.engines.database import MemoryDatabase
from twinlake.events.log import EventLog
from twinlake.events.schema import MIGRATIONS as EVENTS
from twinlake.jobs.requests import NewJob, RequestJournal
from twinlake.jobs.runs import RunJournal
from twinlake.jobs.schema import MIGRATIONS
from twinlake.testing.clock import HandClock
from twinlake.testing.job_kinds import job_kind

LONG = -1
SECOND = timedelta(seconds=1)


class Queue:
    """Runs of one kind, named for their owners."""

    def __init__(self, requests, runs, clock):
        self._requests = requests
        self._runs = runs
        self._clock = clock
        self._leases = 0
        self.under_way = []

    async def add(self, *owners, priority=0):
        for owner in owners:
            self._clock.later += SECOND
            new = NewJob(owner=owner, kind="count", spec={}, priority=priority)
            await self._requests.submit(new, job_kind())

    async def begin(self, **limits):
        """Return the owner of the run that begins; None where none does."""
        self._clock.later += SECOND
        self._leases += 1
        lease = str(self._leases)
        run = await self._runs.claim(job_kind(**limits), lease)
        if run is None:
            return None
        self.under_way.append((run, lease))
        return run.owner

    async def end(self, place=0):
        run, lease = self.under_way.pop(place)
        await self._runs.succeed(run.id, lease, {})

    async def work_off(self, **limits):
        """Return the owners of all runs in the order in which they go, one after the other."""
        order = []
        while (owner := await self.begin(**limits)) is not None:
            order.append(owner)
            await self.end()
        return "".join(order)


@pytest.fixture
def clock():
    return HandClock()


@pytest.fixture
def queue(clock):
    database = MemoryDatabase(migrations=(*EVENTS, *MIGRATIONS))
    log = EventLog(clock=clock)
    requests = RequestJournal(database=database, events=log, clock=clock, randomness=SYSTEM_RANDOMNESS)
    return Queue(requests, RunJournal(database=database, events=log, clock=clock), clock)


async def test_nobody_waits_for_the_whole_queue_of_somebody_else(queue):
    await queue.add(*"aaaaabbc")

    assert await queue.work_off(concurrent=1) == "abcabaaa"


async def test_who_has_the_fewest_under_way_is_next(queue):
    await queue.add(*"aaaab")

    assert [await queue.begin(concurrent=4) for _ in range(4)] == ["a", "b", "a", "a"]


async def test_no_more_runs_of_one_go_than_they_may_have_and_the_others_wait(queue):
    await queue.add(*"aaaabb")

    begun = [await queue.begin(concurrent=10, parallel=2) for _ in range(5)]
    await queue.end(begun.index("a"))

    assert sorted(begun[:4]) == ["a", "a", "b", "b"]
    assert begun[4] is None
    assert await queue.begin(concurrent=10, parallel=2) == "a"
    assert await queue.begin(concurrent=10, parallel=2) is None


async def test_long_runs_of_somebody_leave_a_place_to_their_own_short_ones(queue):
    await queue.add(*"aab", priority=LONG)
    assert sorted([await queue.begin(concurrent=10, parallel=2) for _ in range(2)]) == ["a", "b"]
    assert await queue.begin(concurrent=10, parallel=2) is None

    await queue.add("a")

    assert await queue.begin(concurrent=10, parallel=2) == "a"
    assert await queue.begin(concurrent=10, parallel=2) is None


async def test_long_runs_leave_a_place_to_short_ones(queue):
    await queue.add(*"hhh", priority=LONG)
    assert [await queue.begin(concurrent=3) for _ in range(3)] == ["h", "h", None]

    await queue.add(*"ssss")

    assert await queue.begin(concurrent=3) == "s"
    assert await queue.begin(concurrent=3) is None
    await queue.end(2)
    assert await queue.begin(concurrent=3) == "s"


async def test_a_long_run_goes_where_there_is_one_place(queue):
    await queue.add("h", priority=LONG)

    assert await queue.begin(concurrent=1) == "h"


async def test_short_runs_that_came_later_go_before_a_long_one(queue):
    await queue.add("h", priority=LONG)
    await queue.add(*"ssss")

    assert await queue.work_off(concurrent=1) == "ssssh"


async def test_a_long_run_does_not_wait_for_ever(queue, clock):
    await queue.add("h", priority=LONG)
    clock.advance(minutes=11)
    await queue.add(*"ssss")

    assert (await queue.work_off(concurrent=1)).index("h") <= 1
