"""Real children: they finish, crash, hang, swell, are cancelled, and die with their site."""

import os
import signal
from datetime import timedelta
from pathlib import Path

import pytest

from twinlake.engines.sandbox import Limits
from twinlake.jobs.models import Failure, JobState, Retry
from twinlake.testing.clock import HandClock
from twinlake.testing.job_kinds import job_kind
from twinlake.testing.job_site import open_job_site

pytestmark = pytest.mark.slow

SECOND = timedelta(seconds=1)
QUICK = Retry(failures=3, first_delay=timedelta(milliseconds=20))
NAMES = ("count", "die", "hang", "freeze", "swell", "refuse", "look_around")


@pytest.fixture
async def site(tmp_path):
    kinds = [job_kind(name, retry=QUICK, concurrent=4) for name in NAMES]
    kinds.append(job_kind("stalling", child="twinlake.testing.job_children:hang", retry=QUICK, stall=SECOND))
    async with open_job_site(tmp_path, kinds) as site:
        yield site


def is_alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists() and "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


async def test_a_child_counts_and_reports(site, tmp_path):
    job = await site.submit("count", {"steps": 5, "journal": str(tmp_path / "journal")})

    done = await site.finish(job.id)

    assert (done.state, done.attempts) == (JobState.SUCCESSFUL, 1)
    assert await site.requests.get_result(job.id, owner=None) == {"counted": 5}
    assert (done.progress.done, done.progress.total, done.progress.unit) == (5, 5, "steps")
    await site.wait(job.id, lambda job: job.usage.cpu_seconds > 0)
    assert (tmp_path / "journal").read_text().split() == [f"step-{n:04}" for n in range(5)]


async def test_a_killed_child_goes_on_at_its_checkpoint(site, tmp_path):
    spec = {"steps": 40, "journal": str(tmp_path / "journal"), "seconds": 0.02}
    job = await site.submit("count", spec)
    for at in (5, 15, 25):
        await site.wait(job.id, lambda job, at=at: job.progress.done >= at)
        for attempt in site.supervisor._attempts.values():
            os.kill(attempt.child.pid, signal.SIGKILL)

    done = await site.finish(job.id)

    taken = (tmp_path / "journal").read_text().split()
    assert (done.state, done.attempts) == (JobState.SUCCESSFUL, 4)
    assert sorted(set(taken)) == [f"step-{n:04}" for n in range(40)]
    assert len(taken) <= 43, "only the step under way is taken again"


async def test_a_step_that_kills_is_tried_twice_and_left_out(site):
    job = await site.submit("die", {"steps": 4, "fatal": 2})

    done = await site.finish(job.id)

    assert (done.state, done.attempts) == (JobState.SUCCESSFUL, 3)
    steps = {step.name: step for step in await site.runs.list_checkpoints(job.run)}
    assert [name for name, step in steps.items() if step.is_done] == ["step-0", "step-1", "step-3"]
    assert steps["step-2"].failure.message == "The child process was ended by signal 9 (Killed)."


async def test_cancelling_kills_the_child(site, tmp_path):
    job = await site.submit("hang", {"pid": str(tmp_path / "pid")})
    await site.wait(job.id, lambda _: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text())
    pid = int((tmp_path / "pid").read_text())
    assert is_alive(pid)

    dismissed = await site.requests.cancel(job.id, owner=None)

    assert dismissed.state is JobState.DISMISSED
    await site.wait(job.id, lambda _: not is_alive(pid))
    assert (await site.finish(job.id)).attempts == 1


async def test_a_child_that_gets_nothing_done_is_given_up(site):
    job = await site.submit("stalling", {})

    failed = await site.finish(job.id)

    assert (failed.state, failed.error.code, failed.attempts) == (JobState.FAILED, "stalled", 3)


async def test_too_much_memory_is_refused_with_a_reason(site):
    job = await site.submit("swell", {"bytes": 3 << 30})

    failed = await site.finish(job.id)

    assert (failed.state, failed.error.code, failed.attempts) == (JobState.FAILED, "memory-exceeded", 1)
    assert "memory_bytes" in failed.error.remedy


async def test_what_a_child_refuses_reaches_its_owner(site):
    job = await site.submit("refuse", {})

    failed = await site.finish(job.id)

    assert (failed.error.code, failed.error.remedy) == ("invalid-input", "Ask for something else.")
    assert [line.message for line in await site.requests.list_log(job.id, owner=job.owner)] == ["I will not."]


async def test_a_child_finds_nothing_of_its_site(site, monkeypatch):
    monkeypatch.setenv("TWINLAKE_SECRET", "do not tell")
    leaked = os.open("/dev/null", os.O_RDONLY)
    os.set_inheritable(leaked, True)

    job = await site.finish((await site.submit("look_around", {})).id)
    found = await site.requests.get_result(job.id, owner=None)
    os.close(leaked)

    assert "TWINLAKE_SECRET" not in found["environment"]
    assert leaked not in found["descriptors"] or leaked <= 4, "0 to 2, the socket and the listing itself"
    assert len(found["descriptors"]) <= 5
    assert (found["group"], found["nice"]) == (True, min(os.nice(0) + 5, 19))
    scratch = Path(found["scratch"])
    await site.wait(job.id, lambda _: not scratch.parent.exists())


async def test_a_site_that_stops_gives_its_runs_back(tmp_path):
    kind = job_kind("hang")
    async with open_job_site(tmp_path, [kind]) as site:
        job = await site.submit("hang", {"pid": str(tmp_path / "pid")})
        await site.wait(job.id, lambda _: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text())
        pid = int((tmp_path / "pid").read_text())
    assert not is_alive(pid)

    async with open_job_site(tmp_path, []) as site:
        waiting = await site.requests.get(job.id, owner=None)
        assert (waiting.state, waiting.attempts) == (JobState.ACCEPTED, 1)


async def test_a_child_without_signs_of_life_loses_its_run(tmp_path):
    clock = HandClock()
    kind = job_kind("freeze", retry=Retry(failures=1))
    async with open_job_site(tmp_path, [kind], clock=clock) as site:
        job = await site.submit("freeze", {})
        await site.wait(job.id, lambda _: any(stopped(each.child.pid) for each in site.supervisor._attempts.values()))
        clock.later += 29 * SECOND
        assert (await site.requests.get(job.id, owner=None)).state is JobState.RUNNING
        clock.later += 2 * SECOND

        failed = await site.finish(job.id)

    assert (failed.state, failed.error.code) == (JobState.FAILED, "heartbeat-lost")


async def test_an_attempt_of_nobody_expires(tmp_path):
    clock = HandClock()
    kind = job_kind("count", retry=QUICK)
    async with open_job_site(tmp_path, [], clock=clock) as site:
        site.kinds["count"] = kind
        job = await site.submit("count", {"steps": 1, "journal": str(tmp_path / "journal")})
        await site.runs.claim(kind, "a lease that no child has")

    async with open_job_site(tmp_path, [kind], clock=clock) as site:
        clock.later += 31 * SECOND
        await site.wait(job.id, lambda job: job.state is JobState.ACCEPTED or job.attempts > 1)
        clock.later += SECOND

        assert (await site.finish(job.id)).has_result


async def test_cpu_time_is_limited(tmp_path):
    limits = Limits(memory_bytes=1 << 30, cpu_seconds=1, file_bytes=1 << 20)
    kind = job_kind("spin", retry=Retry(failures=1), limits=limits)
    async with open_job_site(tmp_path, [kind]) as site:
        failed = await site.finish((await site.submit("spin", {})).id)

    assert failed.state is JobState.FAILED
    assert "signal" in failed.error.message


def stopped(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


async def test_what_a_run_takes_is_told_while_it_goes_and_it_is_ended_when_that_is_too_much(tmp_path):
    seen = []

    def check(tx, run):
        [(taken,)] = tx.execute("select cpu_seconds from job_run where id = ?", (run,)).fetchall()
        seen.append(taken)
        return Failure("PaymentRequired", "It took too much.", "Take less.") if taken > 2 else None

    async with open_job_site(tmp_path, [job_kind("spin", check_usage=check)]) as site:
        job = await site.submit("spin", {"forks": True})

        failed = await site.finish(job.id)
        ended = await site.wait(job.id, lambda _: not site.supervisor._attempts)

        assert (failed.state, failed.error.code, failed.attempts) == (JobState.FAILED, "PaymentRequired", 1)
        [line] = await site.requests.list_log(job.id, owner=job.owner)
        assert (line.level, line.message, line.details) == ("error", "It took too much. Take less.", {"code": "PaymentRequired"})
        assert ended.usage.cpu_seconds == pytest.approx(seen[-1])
        assert len(seen) >= 3, "while it went, at its end, and when it was gone"
        assert seen == sorted(seen)
