"""Starts sandboxes for a child that, once it is confined itself, cannot: `python -I -m twinlake.engines.sandbox.spawner JSON`.

A confined process may not lay out the files of another one (Landlock forbids it every mount). So a small process stands beside
it from before, knows one command, and does what the child asks: ``start`` it, ``kill`` it, or see how it does ``end``. All that
a child which a hostile file has taken over can do with it is to run a program that may do even less.

The child, and each process that it has forked, sends it one end of a socket pair of its own, and asks there. ``start`` is
answered with the socket to the program and a file in memory with what it wrote past Python; the others with how it ended.
"""

import contextlib
import json
import os
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Collection
from pathlib import Path
from typing import Any, ClassVar

from twinlake.engines.sandbox.cgroups import Cgroup
from twinlake.engines.sandbox.confinement import SCRATCH, Confinement
from twinlake.engines.sandbox.confining import adopt_orphans, die_with_parent
from twinlake.engines.sandbox.environment import bare_environment
from twinlake.engines.sandbox.families import children_of, descendants_of

_MODULE = "twinlake.engines.sandbox.user_process"
_MESSAGE_BYTES = 16
_MOST_SANDBOXES = 64
"""At a time; with the largest number of a process, 2^22, this makes the users that there are."""
_ANSWER_BYTES = 512


class Sandbox:
    """One program, from its start to its end."""

    _living: ClassVar[set[int]] = set()

    def __init__(self, order: dict[str, Any], connection: socket.socket, output: int, *, number: int) -> None:
        limits, confinement = order["limits"], Confinement(**order["confinement"])
        self._scratch = SCRATCH if confinement.bubblewrap else Path(tempfile.mkdtemp(prefix="twinlake-"))
        self._is_scratch_own = not confinement.bubblewrap
        self._cgroup = None
        if confinement.cgroup:
            self._cgroup = Cgroup.create(memory_bytes=limits["memory_bytes"], processes=limits["processes"], number=number)
        inside = {"program": order["program"], "limits": limits}
        program = [sys.executable, "-I", "-m", _MODULE, json.dumps(inside)]
        self._process = subprocess.Popen(
            confinement.command(program, scratch_bytes=limits["scratch_bytes"], user=os.getpid() * _MOST_SANDBOXES + number),
            stdin=connection.fileno(),
            stdout=output,
            stderr=output,
            cwd="/" if confinement.bubblewrap else self._scratch,
            env=bare_environment(self._scratch),
            start_new_session=True,
            preexec_fn=None if self._cgroup is None else self._cgroup.enter,  # noqa: PLW1509  # one thread is all there is
        )

        self._living.add(self._process.pid)

    def end(self, *, moment: float = 0) -> dict[str, Any]:
        """End it, if it does not end by itself within *moment* seconds, and tell how it did."""
        was_killed = False
        try:
            self._process.wait(timeout=moment)
        except subprocess.TimeoutExpired:
            was_killed = True
        if was_killed and not self._is_scratch_own:
            self._end_inside()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        code = self._process.wait()
        self._living.discard(self._process.pid)
        _end_orphans(self._living)
        is_out_of_memory = False
        if self._cgroup is not None:
            is_out_of_memory = self._cgroup.is_out_of_memory()
            self._cgroup.remove()
        if self._is_scratch_own:
            shutil.rmtree(self._scratch, ignore_errors=True)
        return {"code": code, "was_killed": was_killed, "is_out_of_memory": is_out_of_memory}

    def _end_inside(self) -> None:
        """End what runs in the namespace before its first process, so that this waits for it: what it took is counted then."""
        for first in children_of(self._process.pid):
            for each in descendants_of(first):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(each, signal.SIGKILL)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=_MOMENT_SECONDS)


def _end_orphans(others: Collection[int]) -> None:
    """End what a sandbox has left behind, and wait for it: so what it took counts as taken by this process, too."""
    while orphans := set(children_of(os.getpid())) - set(others):
        for orphan in orphans:
            with contextlib.suppress(ProcessLookupError):
                os.kill(orphan, signal.SIGKILL)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(orphan, 0)


_MOMENT_SECONDS = 0.2
"""How long a program that has closed its socket is given to end by itself, so that it can be told how it did."""


class Client:
    """A process that asks, and the sandbox that it has."""

    def __init__(self, connection: socket.socket, order: dict[str, Any], number: int) -> None:
        self.connection = connection
        self._order = order
        self._number = number
        self._sandbox: Sandbox | None = None

    def answer(self) -> bool:
        """Do what it asks; False if it has gone."""
        try:
            asked = self.connection.recv(_MESSAGE_BYTES)
            if asked == b"start" and self._sandbox is None:
                self._start()
            elif asked in {b"end", b"kill"} and self._sandbox is not None:
                ended, self._sandbox = self._sandbox.end(moment=_MOMENT_SECONDS if asked == b"end" else 0), None
                self.connection.send(json.dumps(ended).encode())
        except ConnectionError:
            return False
        return bool(asked)

    def close(self) -> None:
        """End what it has."""
        if self._sandbox is not None:
            self._sandbox.end()
        self.connection.close()

    def _start(self) -> None:
        ours, theirs = socket.socketpair()
        output = os.memfd_create("output", os.MFD_CLOEXEC)
        with ours, theirs:
            try:
                self._sandbox = Sandbox(self._order, theirs, output, number=self._number)
            except OSError as error:
                self.connection.send(str(error).encode()[:_ANSWER_BYTES])
            else:
                socket.send_fds(self.connection, [b"started"], [ours.fileno(), output])
        os.close(output)


def run(door: socket.socket, order: dict[str, Any]) -> None:
    """Do what is asked until the child has gone."""
    free = set(range(_MOST_SANDBOXES))
    with selectors.DefaultSelector() as selector:
        selector.register(door, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                number = key.data[0] if key.data else -1
                if key.data is None:
                    asked, descriptors, _, _ = socket.recv_fds(door, _MESSAGE_BYTES, 1)
                    if not asked:
                        for each in [*selector.get_map().values()]:
                            if each.data is not None:
                                each.data[1].close()
                        return
                    for descriptor in descriptors:
                        connection = socket.socket(fileno=descriptor)
                        if not free:
                            connection.close()
                            continue
                        number = free.pop()
                        selector.register(connection, selectors.EVENT_READ, (number, Client(connection, order, number)))
                elif not key.data[1].answer():
                    selector.unregister(key.fileobj)
                    key.data[1].close()
                    free.add(number)


def main() -> None:
    """Serve the child that started this process."""
    order = json.loads(sys.argv[1])
    die_with_parent(order["parent"])
    adopt_orphans()
    with socket.socket(fileno=0) as door:
        run(door, order)


if __name__ == "__main__":
    main()
