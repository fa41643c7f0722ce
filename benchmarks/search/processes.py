"""Servers under test: started, waited for, measured by the CPU of their whole process tree, stopped."""

import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

_SCHEDULED = 2
"""The kernel's name for the kind of clock that counts user and system time together (CPUCLOCK_SCHED)."""
_TICK_SECONDS = 1 / os.sysconf("SC_CLK_TCK")
_START_SECONDS = 60.0
_STOP_SECONDS = 20.0


def free_port() -> int:
    """Return a TCP port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def cpu_seconds(roots: Sequence[int]) -> float:
    """Return user and system time of the processes *roots* and all that descend from them, finished ones included.

    What lives is read from its CPU clock, to the nanosecond; /proc counts in ticks, which only the finished are taken from.
    """
    parents, spent = {}, {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        process = int(stat.parent.name)
        parents[process] = int(fields[1])
        spent[process] = sum(map(int, fields[13:15])) * _TICK_SECONDS
    members = set(roots)
    while more := {process for process, parent in parents.items() if parent in members} - members:
        members |= more
    return sum(spent.get(process, 0.0) + _clock_seconds(process) for process in members)


def _clock_seconds(process: int) -> float:
    """Return the CPU time of a living process; its clock has the number that clock_getcpuclockid(3) makes of its id."""
    try:
        return time.clock_gettime((~process << 3) | _SCHEDULED)
    except OSError:
        return 0.0


@contextmanager
def running(command: Sequence[str], *, env: Mapping[str, str] | None = None, log: Path) -> Generator[int]:
    """Run *command* and yield its process id; stop it at the end, gently and then not."""
    with log.open("ab") as output:
        process = subprocess.Popen(command, env={**os.environ, **(env or {})}, stdout=output, stderr=output)
    try:
        yield process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_for(url: str) -> None:
    """Return once *url* answers 200."""
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                if answer.status == 200:
                    return
        except (urllib.error.URLError, ConnectionError):
            if time.monotonic() > deadline:
                raise
        time.sleep(0.1)
