"""Starts sandboxes for a child that, once it is confined itself, cannot: `python -I -m twinlake.engines.sandbox.spawner JSON`.

A confined process may not lay out the files of another one (Landlock forbids it every mount). So a small process stands beside
it from before, knows one command, and does what the child asks over a socket pair: ``start`` it, or ``end`` it. All that
a child which a hostile file has taken over can do with it is to run a program that may do even less.

``start`` is answered with the socket to the program and a file in memory with what it wrote past Python; ``end`` with how it
ended.
"""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from twinlake.engines.sandbox.cgroups import Cgroup
from twinlake.engines.sandbox.confinement import SCRATCH, Confinement
from twinlake.engines.sandbox.confining import die_with_parent

_MODULE = "twinlake.engines.sandbox.user_process"
_MESSAGE_BYTES = 16
_ANSWER_BYTES = 512


class Sandbox:
    """One program, from its start to its end."""

    def __init__(self, order: dict[str, Any], connection: socket.socket, output: int) -> None:
        limits, confinement = order["limits"], Confinement(**order["confinement"])
        self._scratch = SCRATCH if confinement.bubblewrap else Path(tempfile.mkdtemp(prefix="twinlake-"))
        self._is_scratch_own = not confinement.bubblewrap
        self._cgroup = None
        if confinement.cgroup:
            self._cgroup = Cgroup.create(memory_bytes=limits["memory_bytes"], processes=limits["processes"])
        inside = {"program": order["program"], "limits": limits}
        program = [sys.executable, "-I", "-m", _MODULE, json.dumps(inside)]
        self._process = subprocess.Popen(
            confinement.command(program, scratch_bytes=limits["scratch_bytes"], user=os.getpid()),
            stdin=connection.fileno(),
            stdout=output,
            stderr=output,
            cwd="/" if confinement.bubblewrap else self._scratch,
            env=_environment(self._scratch),
            start_new_session=True,
            preexec_fn=None if self._cgroup is None else self._cgroup.enter,  # noqa: PLW1509  # one thread is all there is
        )

    def end(self) -> dict[str, Any]:
        """End it, if it has not ended, and tell how it did."""
        was_killed = False
        try:
            self._process.wait(timeout=_MOMENT_SECONDS)
        except subprocess.TimeoutExpired:
            was_killed = True
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        code = self._process.wait()
        is_out_of_memory = False
        if self._cgroup is not None:
            is_out_of_memory = self._cgroup.is_out_of_memory()
            self._cgroup.remove()
        if self._is_scratch_own:
            shutil.rmtree(self._scratch, ignore_errors=True)
        return {"code": code, "was_killed": was_killed, "is_out_of_memory": is_out_of_memory}


_MOMENT_SECONDS = 0.2
"""How long a program that has closed its socket is given to end by itself, so that it can be told how it did."""


def run(control: socket.socket, order: dict[str, Any]) -> None:
    """Do what the child asks until it has gone."""
    sandbox: Sandbox | None = None
    while asked := control.recv(_MESSAGE_BYTES):
        if asked == b"start":
            ours, theirs = socket.socketpair()
            output = os.memfd_create("output", os.MFD_CLOEXEC)
            with ours, theirs:
                try:
                    sandbox = Sandbox(order, theirs, output)
                except OSError as error:
                    control.send(str(error).encode()[:_ANSWER_BYTES])
                else:
                    socket.send_fds(control, [b"started"], [ours.fileno(), output])
            os.close(output)
        elif sandbox is not None:
            control.send(json.dumps(sandbox.end()).encode())
            sandbox = None
    if sandbox is not None:
        sandbox.end()


def _environment(scratch: Path) -> dict[str, str]:
    return {
        "PATH": "/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "HOME": str(scratch),
        "TMPDIR": str(scratch),
        "MALLOC_ARENA_MAX": "2",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }


def main() -> None:
    """Serve the child that started this process."""
    order = json.loads(sys.argv[1])
    die_with_parent(order["parent"])
    with socket.socket(fileno=0) as control:
        run(control, order)


if __name__ == "__main__":
    main()
