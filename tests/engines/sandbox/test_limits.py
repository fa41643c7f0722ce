"""Children keep to their limits, find nothing of their parent, and leave nothing behind."""

import asyncio
import ctypes
import json
import os
import signal
import subprocess
import sys
import textwrap

import psutil
import pytest

from twinlake.engines.sandbox import Limits, start_child

pytestmark = pytest.mark.slow

LIMITS = Limits(memory_bytes=1 << 30, cpu_seconds=2, file_bytes=1 << 16, open_files=32)
MODULE = "twinlake.testing.sandbox_child"


@pytest.fixture
def run(tmp_path):
    """Return a function that runs statements in a child and returns how it ended."""

    async def start(code, *, readable=None, limits=LIMITS):
        child = start_child(MODULE, message=textwrap.dedent(code).encode(), limits=limits, scratch=tmp_path, readable=readable)
        async with asyncio.timeout(60):
            return await child.wait()

    return start


needs_landlock = pytest.mark.skipif(
    ctypes.CDLL(None).syscall(444, None, 0, 1) < 4, reason="this kernel has no Landlock that also guards the network"
)


async def test_output_and_status_come_back(run):
    ended = await run("print('hello'); import sys; print('there', file=sys.stderr); sys.exit(3)")

    assert (ended.code, sorted(ended.output.split())) == (3, ["hello", "there"])
    assert ended.cpu_seconds > 0
    assert ended.peak_memory_bytes > 1 << 20


async def test_only_the_end_of_much_output_is_kept(run):
    ended = await run("for n in range(200_000): print('line', n)")

    assert len(ended.output) <= 64 * 1024
    assert ended.output.endswith("line 199999\n")


async def test_memory_is_limited(run):
    ended = await run("bytearray(2 << 30)")

    assert ended.code == 1
    assert "MemoryError" in ended.output


async def test_cpu_time_is_limited(run):
    ended = await run("while True: pass")

    assert ended.code in {-signal.SIGXCPU, -signal.SIGKILL}
    assert "was ended by signal" in ended.description


async def test_files_are_limited_in_size_and_number(run):
    large = await run("open('large', 'wb').write(bytes(1 << 17))")
    many = await run("held = [open('/dev/null') for _ in range(100)]")

    assert "File too large" in large.output
    assert "Too many open files" in many.output


async def test_a_crash_leaves_no_core(run, tmp_path):
    ended = await run("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)")

    assert ended.code == -signal.SIGSEGV
    assert [path.name for path in tmp_path.iterdir()] == []


async def test_nothing_of_the_parent_is_found(run, tmp_path, monkeypatch):
    monkeypatch.setenv("TWINLAKE_TOKEN", "secret")
    descriptor = os.open("/dev/null", os.O_RDONLY)
    os.set_inheritable(descriptor, True)
    ended = await run(
        """
        import json, os, sys
        opened = [os.readlink(f"/proc/self/fd/{n}") for n in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{n}")]
        print(json.dumps({"environment": dict(os.environ), "opened": opened, "folder": os.getcwd(), "arguments": sys.argv}))
        """
    )
    os.close(descriptor)

    found = json.loads(ended.output)
    assert "secret" not in json.dumps(found)
    assert "/dev/null" not in found["opened"]
    assert found["folder"] == found["environment"]["HOME"] == found["environment"]["TMPDIR"] == str(tmp_path)


async def test_what_a_child_started_ends_with_it(run, tmp_path):
    ended = await run("import subprocess; print(subprocess.Popen(['/bin/sleep', '600']).pid)")

    pid = int(ended.output)
    psutil.wait_procs([psutil.Process(pid)] if psutil.pid_exists(pid) else [], timeout=10)
    assert not psutil.pid_exists(pid)


async def test_a_child_that_is_killed_has_ended(tmp_path):
    child = start_child(MODULE, message=b"while True: pass", limits=LIMITS, scratch=tmp_path)
    child.kill()
    async with asyncio.timeout(30):
        ended = await child.wait()
    child.kill()

    assert ended.code == -signal.SIGKILL


def test_a_child_dies_with_its_parent(tmp_path):
    parent = """
        import asyncio, sys
        from pathlib import Path
        from twinlake.engines.sandbox import Limits, start_child
        async def main():
            limits = Limits(memory_bytes=1 << 30, cpu_seconds=60, file_bytes=1)
            child = start_child("twinlake.testing.sandbox_child", message=b"import time; time.sleep(600)",
                                limits=limits, scratch=Path(sys.argv[1]))
            print(child.pid, flush=True)
            await child.wait()
        asyncio.run(main())
    """
    process = subprocess.Popen([sys.executable, "-c", textwrap.dedent(parent), tmp_path], stdout=subprocess.PIPE)
    child = psutil.Process(int(process.stdout.readline()))
    process.kill()
    process.wait()
    process.stdout.close()

    assert not psutil.wait_procs([child], timeout=10)[1]


@needs_landlock
async def test_a_confined_child_reads_what_it_was_given_and_writes_to_its_folder(run, tmp_path_factory):
    given, hidden = tmp_path_factory.mktemp("given"), tmp_path_factory.mktemp("hidden")
    for folder in (given, hidden):
        (folder / "file").write_text("content")
    tries = {
        "given": f"open({str(given / 'file')!r}).read()",
        "own": "open('mine', 'w').write('x'); os.mkdir('d'); os.rename('mine', 'd/mine')",
        "libraries": "import json, zoneinfo, ctypes.util, sqlite3, numpy",
        "hidden": f"open({str(hidden / 'file')!r}).read()",
        "listing": f"os.listdir({str(hidden)!r})",
        "write": f"open({str(given / 'new')!r}, 'w')",
        "truncate": f"os.truncate({str(given / 'file')!r}, 0)",
        "remove": f"os.remove({str(given / 'file')!r})",
        "shadow": "open('/etc/shadow').read()",
        "environment": f"open('/proc/{os.getpid()}/environ').read()",
        "temporary": "open('/tmp/left-behind', 'w')",
        "network": "socket.create_connection(('127.0.0.1', 9), 1)",
        "escape": f"os.symlink({str(hidden / 'file')!r}, 'link'); open('link').read()",
    }
    code = "import os, socket, json\nfound = {}\n" + "".join(
        f"try:\n    {statement}\n    found[{name!r}] = 'done'\nexcept OSError as error:\n    found[{name!r}] = error.errno\n"
        for name, statement in tries.items()
    )
    ended = await run(code + "print(json.dumps(found))", readable=[given, given / "not there"])

    found = json.loads(ended.output)
    assert {name for name, outcome in found.items() if outcome == "done"} == {"given", "own", "libraries"}
    assert set(found.values()) <= {"done", 13, 18}, "EACCES, or EXDEV where a link would leave"
    assert (given / "file").read_text() == "content"


@needs_landlock
async def test_a_confined_child_signals_nobody_but_its_own(run):
    ended = await run(f"import os; os.kill({os.getpid()}, 0)", readable=[])

    assert "Operation not permitted" in ended.output or ctypes.CDLL(None).syscall(444, None, 0, 1) < 6
