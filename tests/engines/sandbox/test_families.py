"""What a child takes is counted with all that it has started, however both end."""

import asyncio
import os
import resource
import textwrap
from contextlib import closing

import pytest

from twinlake.engines.sandbox import Confinement, Limits, UserLimits, UserProgram, Worker, start_child
from twinlake.engines.sandbox.confinement import strongest
from twinlake.engines.sandbox.families import children_of, cpu_seconds_of
from twinlake.engines.sandbox.user_code import UserCode, spawner

pytestmark = pytest.mark.slow

LIMITS = Limits(memory_bytes=1 << 30, cpu_seconds=60, file_bytes=1 << 16)
FORK = """
    import os, sys, time
    def spin(seconds):
        while time.process_time() < seconds:
            pass
    pid = os.fork()
    if pid == 0:
        spin(SECONDS)
        open("spun", "w").close()
        while HANGS:
            time.sleep(0.01)
        os._exit(0)
    os.waitpid(pid, 0)
"""


def start(folder, **changes):
    code = FORK
    for name, value in changes.items():
        code = code.replace(name, str(value))
    return start_child("twinlake.testing.sandbox_child", message=textwrap.dedent(code).encode(), limits=LIMITS, scratch=folder)


def taken_by_children():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


async def wait_for(condition):
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110  # the child sets no event of ours
            await asyncio.sleep(0.01)


async def test_a_fork_that_was_waited_for_counts(tmp_path):
    ended = await start(tmp_path, SECONDS=1.0, HANGS=False).wait()

    assert ended.code == 0
    assert ended.cpu_seconds > 1.0


async def test_a_fork_of_a_child_that_is_killed_counts(tmp_path):
    child = start(tmp_path, SECONDS=1.0, HANGS=True)
    await wait_for((tmp_path / "spun").exists)
    assert children_of(child.pid)

    child.kill()
    ended = await child.wait()

    assert ended.code < 0
    assert ended.cpu_seconds > 1.0


def test_nobody_takes_nothing():
    gone = os.fork()
    if gone == 0:
        os._exit(0)
    os.waitpid(gone, 0)

    assert (cpu_seconds_of(gone), children_of(gone)) == (0.0, [])


@pytest.mark.parametrize("confinement", {strongest(), Confinement(bubblewrap=False, own_user=False, cgroup=False)})
def test_what_code_in_a_sandbox_takes_is_its_spawners(confinement):
    program = UserProgram(module="twinlake.testing.user_program", confinement=confinement, limits=UserLimits())
    code = """
        import os, time
        if os.fork() == 0:
            while time.process_time() < 1.0:
                pass
            os._exit(0)
        os.wait()
        while time.process_time() < 1.0:
            pass
        answer = 1
    """
    before = taken_by_children()

    with spawner(program) as door, closing(UserCode(door, limits=program.limits)) as user_code:
        user_code.ask(textwrap.dedent(code), (), report=lambda *_: None)

    assert taken_by_children() - before > 1.9


async def test_a_worker_counts_what_its_messages_take_and_not_its_start(tmp_path):
    worker = Worker("twinlake.testing.counting_worker", work=tmp_path / "work", limits=LIMITS, readable=None)
    assert worker.cpu_seconds == 0

    await worker.ask(b"0", seconds=60)
    idle = worker.cpu_seconds
    await worker.ask(b"0.5", seconds=60)
    taken = worker.cpu_seconds
    await worker.close()

    assert idle < 0.2
    assert taken - idle > 0.45
    assert taken <= worker.cpu_seconds < taken + 0.2
