"""Asking a program that runs somebody's code in a sandbox, and believing nothing of what it says."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any, Never, Self

import msgspec
from numpy.typing import NDArray

from twinlake.engines.sandbox.confinement import Confinement
from twinlake.engines.sandbox.frames import Channel, Frame, FrameError, GoneError
from twinlake.engines.sandbox.user_errors import UserCodeError
from twinlake.engines.sandbox.user_program import UserLimits, UserProgram

_DOOR = "SANDBOX_SPAWNER"
"""Variable of the environment in which a child finds its spawner."""
_START_SECONDS = 60.0
_NICENESS = 5
_OUTPUT_BYTES = 2000
_ANSWER_BYTES = 1024
_SIGNALS = 128
"""What the status of a program that a signal ended lies above."""

Report = Callable[[str, str, int | None], None]
"""Takes level (``error``, ``warning``, ``info``, ``debug``), message, and the line of the user's code, where it is known."""


@contextmanager
def spawner(program: UserProgram) -> Generator[socket.socket]:
    """Start the process that starts sandboxes, and yield the socket at which it is asked; it ends on exit."""
    order = {
        "parent": os.getpid(),
        "program": program.module,
        "confinement": asdict(program.confinement),
        "limits": {**asdict(program.limits), "niceness": _NICENESS},
    }
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        command = [sys.executable, "-I", "-m", "twinlake.engines.sandbox.spawner", json.dumps(order)]
        with subprocess.Popen(command, stdin=theirs.fileno()):
            theirs.close()
            try:
                yield ours
            finally:
                ours.shutdown(socket.SHUT_RDWR)


@contextmanager
def spawner_of_child(program: Mapping[str, Any]) -> Generator[None]:
    """Start the spawner of a child that will be confined; `UserCode.beside_child` finds it."""
    confinement, limits = Confinement(**program["confinement"]), UserLimits(**program["limits"])
    with spawner(UserProgram(module=program["module"], confinement=confinement, limits=limits)) as door:
        os.environ[_DOOR] = json.dumps({"door": door.fileno(), "limits": program["limits"]})
        yield


class _Said(msgspec.Struct, frozen=True):
    level: str
    message: str
    line: int | None


class _Failed(msgspec.Struct, frozen=True):
    error: str
    message: str
    line: int | None


class UserCode:
    """The sandbox beside a process: begun when it is first asked, begun anew after it fell, and another one after a fork.

    Parameters
    ----------
    door
        Where the spawner is asked (`spawner`).
    """

    def __init__(self, door: socket.socket, *, limits: UserLimits) -> None:
        self._door = door
        self._limits = limits
        self._owner = 0
        self._control: socket.socket | None = None
        self._channel: Channel | None = None
        self._output = -1
        self._number = 0

    @classmethod
    def beside_child(cls) -> Self | None:
        """Return that of the child that this is; None if it was started without a `UserProgram`."""
        if _DOOR not in os.environ:
            return None
        told = json.loads(os.environ[_DOOR])
        return cls(socket.socket(fileno=os.dup(told["door"])), limits=UserLimits(**told["limits"]))

    def ask(self, document: Any, arrays: Sequence[NDArray[Any]], *, report: Report) -> Frame:
        """Return what the program answers.

        Raises
        ------
        UserCodeError
            It failed, was ended, took too long, or answered nonsense.
        """
        if self._owner != os.getpid():
            self._enter()
        try:
            channel = self._channel or self._start()
            until = time.monotonic() + self._limits.call_seconds
            self._number += 1
            channel.send("ask", document, arrays, number=self._number, until=until)
            return self._listen(channel, until, report)
        except TimeoutError:
            self._end(b"kill")
            raise UserCodeError(f"It did not answer within {self._limits.call_seconds:g} s.") from None
        except FrameError as error:
            raise UserCodeError(self._explain(error)) from None

    def close(self) -> None:
        """End the program, if there is one; another question would begin a new one."""
        if self._owner == os.getpid():
            self._end(b"kill")
            self._forget()

    def __reduce__(self) -> Never:
        raise UserCodeError("A user-defined function runs on the machine where its sandbox was started, and on no other.")

    def _enter(self) -> None:
        """Get a socket of one's own to the spawner; what a fork has of its parent's stays the parent's."""
        self._forget()
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            socket.send_fds(self._door, [b"enter"], [theirs.fileno()])
        self._owner = os.getpid()

    def _forget(self) -> None:
        for each in (self._channel, self._control):
            if each is not None:
                each.close()
        if self._channel is not None:
            os.close(self._output)
        self._channel = self._control = None
        self._owner = 0

    def _listen(self, channel: Channel, until: float, report: Report) -> Frame:
        entries = 0
        while True:
            frame = channel.receive(until=until)
            if frame.number != self._number:
                raise FrameError("It answered another question.")
            if frame.kind == "answer":
                return frame
            try:
                if frame.kind == "say":
                    said = msgspec.convert(frame.document, _Said)
                    entries += 1
                    if entries <= self._limits.entries:
                        report(said.level, said.message, said.line)
                    elif entries == self._limits.entries + 1:
                        report("warning", f"More than {self._limits.entries} lines in one call: the others are left out.", None)
                    continue
                failed = msgspec.convert(frame.document, _Failed)
            except msgspec.ValidationError:
                raise FrameError("What came is no message.") from None
            raise UserCodeError(f"{failed.error}: {failed.message}" if failed.message else failed.error, failed.line)

    def _start(self) -> Channel:
        assert self._control is not None  # it was asked for
        try:
            self._control.send(b"start")
            told, descriptors, _, _ = socket.recv_fds(self._control, _ANSWER_BYTES, 2)
        except OSError as error:
            raise UserCodeError("No sandbox could be started: too many are there, or their spawner has gone.") from error
        if len(descriptors) != 2:
            raise UserCodeError(f"No sandbox could be started: {told.decode(errors='replace') or 'its spawner has gone'}.")
        connection, self._output = descriptors
        channel = self._channel = Channel(socket.socket(fileno=connection), most_bytes=self._limits.answer_bytes)
        channel.receive(until=time.monotonic() + _START_SECONDS)
        return channel

    def _end(self, how: bytes) -> dict[str, Any]:
        if self._channel is None or self._control is None:
            return {}
        self._channel.close()
        os.close(self._output)
        self._channel = None
        try:
            self._control.send(how)
            ended: dict[str, Any] = json.loads(self._control.recv(_ANSWER_BYTES) or b"{}")
        except OSError:
            return {}
        return ended

    def _explain(self, error: FrameError) -> str:
        """End the program and say in words why it did not answer."""
        size = os.fstat(self._output).st_size
        written = os.pread(self._output, _OUTPUT_BYTES, max(0, size - _OUTPUT_BYTES)).decode(errors="replace").strip()
        ended = self._end(b"end")
        code = ended.get("code", 0)
        number = -code if code < 0 else code - _SIGNALS
        if not isinstance(error, GoneError):
            reason = f"It answered nonsense, and was ended. {error}"
        elif ended.get("is_out_of_memory"):
            reason = f"It took more than {self._limits.memory_bytes >> 20} MiB of memory and was ended."
        elif number == signal.SIGXCPU:
            reason = f"It took more than {self._limits.cpu_seconds} s of CPU time and was ended."
        elif ended.get("was_killed"):
            reason = "It listened no more, and was ended."
        elif number > 0:
            reason = f"It was ended by signal {number}."
        else:
            reason = f"It ended by itself with status {code}, without an answer."
        return f"{reason} The last that it wrote: {written[-500:]}" if written else reason
