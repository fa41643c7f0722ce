"""Starting, watching and ending one child process."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

from twinlake.engines.sandbox.destination import Destination
from twinlake.engines.sandbox.environment import bare_environment
from twinlake.engines.sandbox.families import cpu_seconds_of
from twinlake.engines.sandbox.limits import Limits
from twinlake.engines.sandbox.user_program import UserProgram

_OUTPUT_BYTES = 64 * 1024
_READ_BYTES = 16 * 1024


@dataclass(frozen=True, slots=True)
class Exit:
    """How a child ended and what it took."""

    code: int
    """Exit status; the negative signal number if a signal ended it."""
    cpu_seconds: float
    """Of the child and of all processes that it has started, but for what these took unseen (`Child.cpu_seconds`)."""
    peak_memory_bytes: int
    output: str
    """The end of what it wrote to standard output and error, at most 64 KiB."""

    @property
    def description(self) -> str:
        """Say in words how it ended."""
        if self.code >= 0:
            return f"ended with status {self.code}"
        return f"was ended by signal {-self.code} ({signal.strsignal(-self.code)})"


class Child:
    """A running child. Whoever starts it must await `wait`."""

    def __init__(self, process: "subprocess.Popen[bytes]", output: IO[bytes]) -> None:
        self.pid = process.pid
        self._process = process
        self._pidfd = os.pidfd_open(process.pid)
        self._output = output
        self._kept = bytearray()
        self._cpu_seconds = 0.0
        self._ended = asyncio.Event()
        os.set_blocking(output.fileno(), False)
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(output.fileno(), self._read_output)
        self._loop.add_reader(self._pidfd, self._on_end)

    @property
    def cpu_seconds(self) -> float:
        """CPU time that the child and all that it has started have taken so far.

        Of processes that outlive the one that has started them nothing is known but what was seen here before; so whoever wants
        them counted looks now and then.
        """
        if not self._ended.is_set():
            self._cpu_seconds = max(self._cpu_seconds, cpu_seconds_of(self.pid))
        return self._cpu_seconds

    def kill(self) -> None:
        """End the child and all of its process group at once. No error if it has ended."""
        if not self._ended.is_set():
            _ = self.cpu_seconds  # nobody waits for what its own processes have taken
            self._kill_group()

    async def wait(self) -> Exit:
        """Return once the child has ended and been reaped."""
        await self._ended.wait()
        _, status, usage = self._reaped
        return Exit(
            code=os.waitstatus_to_exitcode(status),
            cpu_seconds=max(self._cpu_seconds, usage.ru_utime + usage.ru_stime),
            peak_memory_bytes=usage.ru_maxrss * 1024,
            output=self._kept.decode(errors="replace"),
        )

    def _on_end(self) -> None:
        self._loop.remove_reader(self._pidfd)
        os.close(self._pidfd)
        self._kill_group()  # what the child left behind; its own id is not free before it is reaped
        self._reaped = os.wait4(self.pid, 0)
        self._process.returncode = os.waitstatus_to_exitcode(self._reaped[1])
        self._read_output()
        if not self._output.closed:
            self._close_output()
        self._ended.set()

    def _kill_group(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)

    def _read_output(self) -> None:
        while not self._output.closed:
            try:
                chunk = os.read(self._output.fileno(), _READ_BYTES)
            except BlockingIOError:
                return
            if not chunk:
                self._close_output()
            self._kept += chunk
            del self._kept[:-_OUTPUT_BYTES]

    def _close_output(self) -> None:
        self._loop.remove_reader(self._output.fileno())
        self._output.close()


def start_child(
    module: str,
    *,
    message: bytes,
    limits: Limits,
    scratch: Path,
    readable: Sequence[Path] | None = None,
    user_program: UserProgram | None = None,
    destination: Destination | None = None,
) -> Child:
    """Run *module* in a new, limited process whose standard input is *message*.

    Call it from the thread of the event loop, and let that thread live as long as its children:
    the kernel ties their lives to it.

    Parameters
    ----------
    message
        At most 64 KiB (it must fit a pipe). It is seen by the child alone, so secrets may be in it.
    scratch
        An existing directory: the child's working directory, home and place for temporary files.
    readable
        What else the child may read, beside the interpreter and its libraries; it writes to *scratch* alone then,
        and has no network (Landlock, where the kernel has it). None leaves it all files of this user.
    user_program
        What it may start sandboxes with, by `user_code.UserCode.beside_child`, for code that its users wrote.
    destination
        What it may connect to, by `dialing.Dialer.beside_child`.
    """
    allowed = None if readable is None else [str(path) for path in readable]
    order = {
        "parent": os.getpid(),
        "limits": asdict(limits),
        "module": module,
        "readable": allowed,
        "user_program": None if user_program is None else asdict(user_program),
        "destination": None if destination is None else asdict(destination),
    }
    read_end, write_end = os.pipe()
    try:
        os.write(write_end, message)
        os.close(write_end)
        process = subprocess.Popen(
            [sys.executable, "-I", "-m", "twinlake.engines.sandbox.launch", json.dumps(order)],
            stdin=read_end,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=scratch,
            env=bare_environment(scratch) | {"GDAL_NUM_THREADS": "1"},
            start_new_session=True,
        )
    finally:
        os.close(read_end)
    assert process.stdout is not None  # a pipe was asked for
    return Child(process, process.stdout)
