"""The whole site is killed, again and again, while runs are under way."""

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

import orjson
import psutil
import pytest
from pysqlite3 import dbapi2

from twinlake.jobs.models import JobState
from twinlake.testing.job_site import COUNTING, open_job_site

STEPS = 25


@contextmanager
def running_site(folder: Path):
    process = subprocess.Popen([sys.executable, "-m", "twinlake.testing.job_site", folder], stdout=subprocess.PIPE)
    try:
        assert process.stdout.readline() == b"ready\n"
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


async def submit(folder: Path, count: int) -> list[str]:
    async with open_job_site(folder, []) as site:
        site.kinds["count"] = COUNTING
        spec = {"steps": STEPS, "seconds": 0.01}
        return [(await site.submit("count", {**spec, "journal": f"{folder}/{n}.txt"})).id for n in range(count)]


def read_states(folder: Path) -> Counter[str]:
    connection = dbapi2.connect(f"file:{folder / 'site.db'}?mode=ro", uri=True)
    try:
        return Counter(row[0] for row in connection.execute("select state from job_request"))
    finally:
        connection.close()


def wait_until(condition, *, seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "nothing came of it"
        time.sleep(0.02)


def live_and_be_killed(folder: Path, seconds: float) -> None:
    with running_site(folder) as process:
        time.sleep(seconds)  # the moment of death is the point, not a state that is waited for
        children = psutil.Process(process.pid).children()
        os.kill(process.pid, signal.SIGKILL)
        _, alive = psutil.wait_procs(children, timeout=10)
    assert not alive, "children die with their site"


def live_until_all_is_done(folder: Path) -> None:
    with running_site(folder):
        wait_until(lambda: not read_states(folder).keys() & {"accepted", "running"})


async def kill_again_and_again(folder: Path, *, rounds: int, count: int) -> None:
    chance = random.Random(7)
    jobs = await submit(folder, count)
    for _ in range(rounds):
        live_and_be_killed(folder, chance.uniform(0.05, 0.7))
    live_until_all_is_done(folder)

    assert read_states(folder) == {JobState.SUCCESSFUL: count}
    async with open_job_site(folder, []) as site:
        for number, job in enumerate(jobs):
            assert await site.requests.get_result(job, owner=None) == {"counted": STEPS}
            found = await site.requests.get(job, owner=None)
            steps = await site.runs.list_checkpoints(found.run)
            assert [step.result for step in steps] == [{"step": n} for n in range(STEPS)]
            taken = Counter((folder / f"{number}.txt").read_text().split())
            assert set(taken) == {step.name for step in steps}
            assert sum(taken.values()) - STEPS < found.attempts, "no step that was finished is taken again"
        told = await site.database.read(lambda tx: tx.execute("select data from event order by seq").fetchall())
    ended = Counter(event["job"] for (data,) in told if (event := orjson.loads(data))["status"] == "successful")
    assert ended == dict.fromkeys(jobs, 1), "every end is told once"


@pytest.mark.slow
async def test_every_run_ends_however_often_its_site_is_killed(tmp_path):
    await kill_again_and_again(tmp_path, rounds=6, count=4)


@pytest.mark.soak
@pytest.mark.timeout(0)
async def test_every_run_ends_after_a_thousand_kills(tmp_path):
    await kill_again_and_again(tmp_path, rounds=1000, count=600)
