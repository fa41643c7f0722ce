"""Code that somebody wrote: answered, told when it fails, and shut in whatever it tries."""

import os
import signal
import textwrap
import time
from contextlib import closing
from pathlib import Path

import numpy as np
import psutil
import pytest

from twinlake.engines.sandbox.confinement import FIRST_USER, Confinement, Level, find_lacking, strongest
from twinlake.engines.sandbox.user_code import UserCode, UserCodeError, spawner
from twinlake.engines.sandbox.user_program import UserLimits, UserProgram

STRONGEST = strongest()
pytestmark = pytest.mark.slow
LIMITS = UserLimits(
    memory_bytes=600 << 20,
    cpu_seconds=2,
    scratch_bytes=8 << 20,
    processes=16,
    answer_bytes=16 << 20,
    call_seconds=20,
    entries=50,
)
CONFINEMENTS = {
    "others": Confinement(bubblewrap=True, own_user=True, cgroup=True),
    "own": Confinement(bubblewrap=True, own_user=False, cgroup=False),
    "bare": Confinement(bubblewrap=False, own_user=False, cgroup=False),
}


def is_offered(confinement):
    if confinement.level is Level.OTHERS:
        return confinement == STRONGEST
    return STRONGEST.bubblewrap or not confinement.bubblewrap


class Sandbox:
    def __init__(self, user_code):
        self._user_code = user_code
        self.said = []

    def run(self, code, *arrays):
        return self._user_code.ask(textwrap.dedent(code), arrays, report=lambda *said: self.said.append(said))

    def value(self, code):
        return self.run(code).document

    def fail(self, code, *arrays):
        with pytest.raises(UserCodeError) as found:
            self.run(code, *arrays)
        return found.value


def open_sandbox(name, limits=LIMITS):
    confinement = CONFINEMENTS[name]
    if not is_offered(confinement):
        pytest.skip(f"this machine lacks, for code of '{name}': {'; '.join(find_lacking(STRONGEST))}")
    return spawner(UserProgram(module="twinlake.testing.user_program", confinement=confinement, limits=limits))


@pytest.fixture(params=CONFINEMENTS, scope="module")
def sandbox(request):
    with open_sandbox(request.param) as control, closing(UserCode(control, limits=LIMITS)) as user_code:
        yield Sandbox(user_code)


@pytest.fixture(scope="module")
def for_others():
    with open_sandbox("others") as control, closing(UserCode(control, limits=LIMITS)) as user_code:
        yield Sandbox(user_code)


@pytest.fixture
def for_others_in_a_hurry():
    limits = UserLimits(call_seconds=0.5, memory_bytes=LIMITS.memory_bytes, processes=16)
    with open_sandbox("others", limits) as control, closing(UserCode(control, limits=limits)) as user_code:
        yield Sandbox(user_code)


# What it is for


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int16", ">i4", "int64", "float32", ">f8"])
def test_arrays_come_back_as_they_were(sandbox, dtype):
    array = np.arange(24).reshape(2, 3, 4).astype(dtype)

    frame = sandbox.run("answer = arrays[0].shape", array, array.T, np.array(3.5), np.zeros((0, 5)))

    assert frame.document == [2, 3, 4]
    assert np.array_equal(frame.arrays[0], array)
    assert np.array_equal(frame.arrays[1], array.T)
    assert (frame.arrays[2].shape, frame.arrays[3].shape) == ((), (0, 5))
    assert frame.arrays[0].dtype == np.dtype(dtype).newbyteorder("<")


def test_what_is_printed_and_logged_is_told_with_its_line(sandbox):
    sandbox.said.clear()

    sandbox.run("""
        import logging, sys, warnings
        print("one\\ntwo", end="")
        print(" and more")
        print("wrong", file=sys.stderr)
        logging.getLogger("mine").error("bad: %s", 3)
        logging.info("good")
        logging.debug("unseen")
    """)

    assert sandbox.said == [
        ("info", "one", 3),
        ("info", "two and more", 4),
        ("warning", "wrong", 5),
        ("error", "bad: 3", 6),
        ("info", "good", 7),
    ]


def test_an_error_is_told_with_the_line_of_the_code_that_made_it(sandbox):
    error = sandbox.fail("""
        import json
        def read(text):
            return json.loads(text)
        read("{")
    """)

    assert error.line == 4
    assert str(error).startswith("JSONDecodeError: Expecting property name")


def test_code_that_is_no_python_is_told_with_its_line(sandbox):
    assert sandbox.fail("x = 1\ny = (").line == 2


@pytest.mark.parametrize("code", ["exit(3)", "raise KeyboardInterrupt", "raise MemoryError", "def f(): f()\nf()"])
def test_whatever_is_raised_ends_its_call_and_not_the_sandbox(sandbox, code):
    sandbox.value("import builtins; builtins.kept = 1")

    sandbox.fail(code)

    assert sandbox.value("answer = kept") == 1


def test_after_a_fall_the_next_question_is_answered_by_a_new_program(sandbox):
    sandbox.value("import builtins; builtins.fallen = 1")

    assert "status 7" in str(sandbox.fail("import os; os._exit(7)"))
    assert sandbox.value("import builtins; answer = hasattr(builtins, 'fallen')") is False


def test_a_crash_is_told_with_its_signal(sandbox):
    assert "signal 11" in str(sandbox.fail("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)"))


# What it must not do, and is told


def refused(sandbox, code, *kinds):
    error = str(sandbox.fail(code))
    assert error.startswith(kinds), error


def test_it_has_no_network(sandbox):
    for code in (
        "import socket; socket.create_connection(('127.0.0.1', 80), timeout=1)",
        "import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', 53))",
        "import socket; socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)",
        "import socket; socket.getaddrinfo('example.org', 80)",
    ):
        refused(sandbox, code, "PermissionError", "gaierror")


def test_it_reads_no_file_of_the_site_or_the_machine(sandbox, tmp_path):
    secret = tmp_path / "keys"
    secret.write_text("secret")
    for path in (secret, "/etc/passwd", "/etc/shadow", f"/proc/{os.getpid()}/environ", "/proc/1/environ", "/root/.bashrc"):
        refused(sandbox, f"open({str(path)!r}).read()", "PermissionError", "FileNotFoundError")


def test_a_link_to_a_file_leads_nowhere(sandbox, tmp_path):
    secret = tmp_path / "keys"
    secret.write_text("secret")
    for code in (
        f"import os; os.symlink({str(secret)!r}, 'link'); open('link').read()",
        f"import os; os.link({str(secret)!r}, 'hard')",
        f"import os; os.symlink('/', 'root'); open('root' + {str(secret)!r}).read()",
        "import os; os.symlink('/proc/self/root/etc/passwd', 'proc'); open('proc').read()",
    ):
        refused(sandbox, code, "PermissionError", "FileNotFoundError", "OSError: [Errno 18]")


def test_it_writes_nowhere_but_to_its_scratch(sandbox, tmp_path):
    for path in (tmp_path / "x", "/x", "/usr/x", "/dev/shm/x", "/proc/sys/kernel/core_pattern", Path(__file__)):
        refused(sandbox, f"open({str(path)!r}, 'w').write('x')", "PermissionError", "FileNotFoundError", "OSError")
    for code in ("import numpy, os; os.remove(numpy.__file__)", "import sys, os; os.rename(sys.executable, 'python')"):
        refused(sandbox, code, "PermissionError", "OSError")
    assert not any(tmp_path.iterdir())
    assert sandbox.value("open('mine', 'w').write('x'); answer = open('mine').read()") == "x"


def test_it_can_neither_see_nor_signal_nor_trace_others(sandbox):
    for number in (os.getpid(), os.getppid(), -1):
        code = f"import os, signal; os.kill({number}, signal.SIGTERM)"
        if number != -1:
            refused(sandbox, code, "PermissionError", "ProcessLookupError")
    refused(sandbox, f"import os; os.pidfd_open({os.getpid()}); open('/proc/{os.getpid()}/mem')", "Permission", "Process", "File")
    for call, arguments in (("ptrace", f"101, 16, {os.getpid()}, 0, 0"), ("process_vm_readv", f"310, {os.getpid()}, 0, 0, 0, 0")):
        code = f"import ctypes; c = ctypes.CDLL(None, use_errno=True); answer = c.syscall({arguments}), ctypes.get_errno()"
        if os.uname().machine == "x86_64":
            assert sandbox.value(code) == [-1, 1], call
    assert psutil.pid_exists(os.getpid())


def test_it_gets_no_more_rights(sandbox):
    for flag in ("0x10000000", "0x20000", "0x40000000"):  # user, mount and network namespaces
        code = f"import ctypes; c = ctypes.CDLL(None, use_errno=True); answer = c.unshare({flag}), ctypes.get_errno()"
        assert sandbox.value(code) == [-1, 1]
    refused(sandbox, "import subprocess; subprocess.run(['unshare', '-U', 'true'], check=True)", "CalledProcessError")
    told = sandbox.value("answer = open('/proc/self/status').read()")
    assert "NoNewPrivs:\t1" in told
    assert "Seccomp:\t2" in told


def test_it_has_no_rights_and_no_name_of_the_machine(for_others):
    told = for_others.value("""
        import ctypes, os
        libc = ctypes.CDLL(None)
        head, rights = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)(*[7] * 6)
        bounds = [libc.prctl(23, each, 0, 0, 0) for each in range(38)]
        found = [libc.capget(head, rights), *rights, *bounds]
        answer = [found, os.getuid(), os.getgroups(), dict(os.environ)]
    """)

    assert set(told[0]) == {0}, "neither rights, nor any that could be had"
    assert told[1] > FIRST_USER
    assert 0 not in told[2]
    assert {"HOME", "PATH"} <= told[3].keys() <= {
        "HOME", "PATH", "TMPDIR", "LANG", "PWD", "LC_CTYPE", "MALLOC_ARENA_MAX", "GLIBC_TUNABLES", "OMP_NUM_THREADS",
            "OPENBLAS_NUM_THREADS",
    }  # fmt: skip


def test_limits_cannot_be_lifted(sandbox):
    refused(sandbox, "import resource; resource.setrlimit(resource.RLIMIT_AS, (-1, -1))", "ValueError", "PermissionError")


# What it takes


def test_a_fork_bomb_is_contained(for_others):
    error = for_others.fail("""
        import os
        while True:
            os.fork()
    """)

    assert "BlockingIOError" in str(error) or "ended" in str(error)
    for_others.fail("import os; os._exit(1)")
    assert for_others.value("answer = 1") == 1


def test_memory_is_bound(sandbox):
    refused(sandbox, "bytearray(2 << 30)", "MemoryError")


def test_the_memory_of_all_its_processes_is_bound(for_others):
    ends = for_others.value("""
        import os
        ready, release = os.pipe()
        for n in range(4):
            if not os.fork():
                held = bytearray(b"x") * (300 << 20)
                os.close(release)
                os.read(ready, 1)
                os._exit(0)
        first = os.wait()[1]
        os.close(release)
        answer = [os.waitstatus_to_exitcode(each) for each in (first, *[os.wait()[1] for n in range(3)])]
    """)

    assert -signal.SIGKILL in ends
    assert for_others.value("answer = 1") == 1


def test_a_disk_cannot_be_filled(for_others):
    refused(
        for_others,
        """
        for n in range(100):
            open(f'/tmp/{n}', 'wb').write(bytes(1 << 20))
        """,
        "OSError: [Errno 28] No space left on device",
    )
    refused(for_others, "open('/tmp/large', 'wb').write(bytes(9 << 20))", "OSError")


def test_a_loop_without_end_is_ended(sandbox):
    began = time.process_time()

    assert "2 s of CPU time" in str(sandbox.fail("while True: pass"))
    assert time.process_time() - began < 2


def test_who_waits_for_ever_is_ended(for_others_in_a_hurry):
    for code in ("import time; time.sleep(600)", "import signal; signal.pause()"):
        assert "did not answer within 0.5 s" in str(for_others_in_a_hurry.fail(code))


def test_who_hears_no_signals_is_ended(for_others_in_a_hurry):
    error = for_others_in_a_hurry.fail("""
        import signal, time
        for number in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}:
            signal.signal(number, signal.SIG_IGN)
        while True:
            time.sleep(1)
    """)

    assert "did not answer" in str(error)
    assert for_others_in_a_hurry.value("answer = 1") == 1


def test_output_without_end_is_cut(sandbox):
    sandbox.said.clear()

    sandbox.run("for n in range(1000): print(n)")

    assert len(sandbox.said) == LIMITS.entries + 1
    assert "left out" in sandbox.said[-1][1]


def test_a_line_without_end_is_cut(sandbox):
    sandbox.said.clear()

    sandbox.run("print('x' * 1_000_000)")

    assert [len(text) for _, text, _ in sandbox.said] == [4096]


def test_output_past_python_fills_nothing(sandbox):
    error = sandbox.fail("""
        import os
        while True:
            os.write(1, b'x' * 65536)
    """)

    assert "File too large" in str(error)


# What it answers


def test_a_giant_answer_is_refused(sandbox):
    error = str(sandbox.fail("import numpy; arrays = [numpy.zeros(4 << 20)]"))

    assert "33554432 bytes are announced, and 16777216 are allowed" in error
    assert sandbox.value("answer = 1") == 1


@pytest.mark.parametrize(
    "arrays",
    ["[numpy.array(['a'], dtype=object)]", "[numpy.array(['a'])]", "[numpy.array([1j])]", "[1]", "['x']", "7"],
)
def test_what_is_no_array_of_numbers_is_refused(sandbox, arrays):
    sandbox.fail(f"import numpy; arrays = {arrays}")

    assert sandbox.value("answer = 1") == 1


@pytest.mark.parametrize(
    "raw",
    [
        b"garbage garbage garbage",
        b"\xff\xff\xff\xff",
        b"\x00\x00\x00\x00",
        b"\x00\x00\x00\x02\xc1\xc1",
        b"\x00\x00\x03\xe8" + b"\x91" * 1000,
        # An array whose size is more than can be counted, one of objects, one of a size below nothing.
        ["answer", 0, None, [["<f8", [1 << 62, 1 << 62]]]],
        ["answer", 0, None, [["|O", [1]]]],
        ["answer", 0, None, [["<f8", [-1]]]],
        ["answer", 0, None, [["<f8", [10]]]],
        ["answer", -1, None, []],
        ["ask", 0, None, []],
        ["say", 0, {"level": 3}, []],
        ["fail", 0, ["x"], []],
    ],
)
def test_nonsense_on_the_socket_ends_it(for_others, raw):
    """The socket is found by its descriptor, as hostile code would find it."""
    error = for_others.fail(f"""
        import gc, os, msgspec
        from twinlake.engines.sandbox.frames import Channel
        raw = {raw!r}
        channel = next(each for each in gc.get_objects() if isinstance(each, Channel))
        if isinstance(raw, list):
            import sys
            frame = sys._getframe()
            while "number" not in frame.f_locals:
                frame = frame.f_back
            raw[1] += frame.f_locals["number"]
            raw = msgspec.msgpack.encode(raw)
            raw = len(raw).to_bytes(4, "big") + raw
        os.write(channel._connection.fileno(), raw)
        os._exit(0)
    """)

    assert str(error)
    assert for_others.value("answer = 1") == 1


def test_who_closes_the_socket_is_ended(for_others_in_a_hurry):
    error = for_others_in_a_hurry.fail("""
        import os, time
        os.closerange(3, 100)
        time.sleep(600)
    """)

    assert "did not answer" in str(error)
    assert for_others_in_a_hurry.value("answer = 1") == 1


def test_an_answer_to_another_question_is_refused(for_others):
    error = for_others.fail("""
        import gc
        from twinlake.engines.sandbox.frames import Channel
        channel = next(each for each in gc.get_objects() if isinstance(each, Channel))
        channel.send("answer", "stale", number=1_000_000)
    """)

    assert "another question" in str(error)


def list_of_others():
    """Return the processes that this one has begun for other people; tests beside this one have theirs."""
    return [each for each in psutil.Process().children(recursive=True) if each.uids().real > FIRST_USER]


def test_nothing_is_left_when_its_parent_goes(for_others):
    for_others.value("answer = 1")
    own = list_of_others()
    assert own
    with open_sandbox("others") as control, closing(UserCode(control, limits=LIMITS)) as user_code:
        other = Sandbox(user_code)
        other.value("import subprocess; subprocess.Popen(['sleep', '1000'], start_new_session=True)")
        begun = [each for each in list_of_others() if each not in own]
        assert len(begun) == 2
    psutil.wait_procs(begun, timeout=20)
    assert not any(each.is_running() for each in begun)
    assert not any(Path("/sys/fs/cgroup").glob(f"*/**/twinlake-{begun[0].pid}-*"))


def test_each_fork_of_its_parent_has_a_sandbox_of_its_own(for_others):
    own = for_others.value("import os; answer = os.getuid()")
    read, write = os.pipe()
    pids = []
    for _ in range(3):
        pid = os.fork()
        if not pid:
            try:
                found = [for_others.value(f"import os, time; time.sleep(0.05); answer = os.getuid(), {n}") for n in range(3)]
                ok = len({user for user, _ in found}) == 1 and [n for _, n in found] == [0, 1, 2]
                os.write(write, f"{found[0][0] if ok else 0}\n".encode())
            finally:
                os._exit(0)
        pids.append(pid)
    for pid in pids:
        os.waitpid(pid, 0)
    os.close(write)
    with os.fdopen(read) as told:
        users = [int(line) for line in told]
    assert len({own, *users}) == 4
    assert for_others.value("answer = 5") == 5
