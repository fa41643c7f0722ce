"""What runs in a sandbox: `python -I -m twinlake.engines.sandbox.user_process JSON`; standard input is the socket to its parent.

It takes its limits, shuts itself in as far as a process can do that by itself, and answers one question after the other with the
program that it was started for: a module with `answer` and `FILE`, the name under which that compiles what somebody wrote.
"""

import ctypes
import importlib
import io
import json
import logging
import os
import resource
import socket
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from types import FrameType, TracebackType
from typing import Any, Protocol, cast

from twinlake.engines.sandbox.confining import confine_files, forbid_new_privileges
from twinlake.engines.sandbox.frames import Channel, Frame
from twinlake.engines.sandbox.seccomp import refuse_calls

_LONGEST_LINE = 4096
_LEVELS = {logging.DEBUG: "debug", logging.INFO: "info", logging.WARNING: "warning"}
Say = Callable[[str, str, int | None], None]


class Program(Protocol):
    """A module that answers."""

    FILE: str

    def answer(self, frame: Frame) -> tuple[Any, tuple[Any, ...]]:
        """Return document and arrays of the answer; whatever it raises is told to whoever asked."""
        ...


class Lines(io.TextIOBase):
    """Standard output or error, of which each line is said with the line of the user's file that wrote it."""

    def __init__(self, level: str, say: Say, file: str) -> None:
        self._level, self._say, self._file = level, say, file
        self._begun = ""
        self._guard = threading.RLock()

    def writable(self) -> bool:
        return True

    def write(self, text: str, /) -> int:
        with self._guard:
            *lines, self._begun = (self._begun + text).split("\n")
            self._begun = self._begun[:_LONGEST_LINE]
            number = line_of(sys._getframe(1), self._file) if lines else None  # noqa: SLF001  # the only way to know who called
            for line in lines:
                self._say(self._level, line[:_LONGEST_LINE], number)
        return len(text)

    def finish(self) -> None:
        """Say what has no end of line yet."""
        if self._begun:
            self.write("\n")


class _Handler(logging.Handler):
    def __init__(self, say: Say, file: str) -> None:
        super().__init__()
        self._say, self._file = say, file

    def emit(self, record: logging.LogRecord) -> None:
        is_own = record.pathname == self._file
        number = record.lineno if is_own else line_of(sys._getframe(1), self._file)  # noqa: SLF001
        text = record.getMessage()
        if (data := getattr(record, "data", None)) is not None:  # of `inspect`
            text = f"{text} {data!r}".strip()
        self._say(_LEVELS.get(record.levelno // 10 * 10, "error"), text[:_LONGEST_LINE], number)


def line_of(frame: FrameType | None, file: str) -> int | None:
    """Return the line of *file* that is being run, nearest to *frame*."""
    while frame is not None:
        if frame.f_code.co_filename == file:
            return frame.f_lineno
        frame = frame.f_back
    return None


def lines_of(trace: TracebackType | None, file: str) -> Iterator[int]:
    """Yield the lines of *file* in a traceback, innermost last."""
    for frame, number in traceback.walk_tb(trace):
        if frame.f_code.co_filename == file:
            yield number


def serve(channel: Channel, program: Program) -> None:
    """Answer until there is nobody to answer to."""
    own, number = os.getpid(), 0

    def say(level: str, message: str, line: int | None) -> None:
        channel.send("say", {"level": level, "message": message, "line": line}, number=number)

    lines = Lines("info", say, program.FILE), Lines("warning", say, program.FILE)
    sys.stdout, sys.stderr = lines
    logging.basicConfig(level=logging.INFO, handlers=[_Handler(say, program.FILE)], force=True)
    while True:
        frame = channel.receive()
        number = frame.number
        try:
            document, arrays = program.answer(frame)
            if os.getpid() != own:  # somebody's code has forked, and does not ask itself where it is
                os._exit(0)
            for each in lines:
                each.finish()
            channel.send("answer", document, arrays, number=number)
        except BaseException as error:  # noqa: BLE001  # also exit() of somebody's code ends its call, not the sandbox
            for each in lines:
                each.finish()
            channel.send("fail", _describe(error, program.FILE), number=number)


def _describe(error: BaseException, file: str) -> dict[str, Any]:
    number = next(reversed([*lines_of(error.__traceback__, file)]), None)
    if isinstance(error, SyntaxError) and error.filename == file:
        number = error.lineno
    try:
        text = str(error)
    except Exception:  # noqa: BLE001  # of a class of somebody's code
        text = ""
    return {"error": type(error).__name__, "message": text[:_LONGEST_LINE], "line": number}


def shut_in(limits: dict[str, int]) -> None:
    """Set limits for good, and leave this process no file but libraries and its scratch, no network and no strange calls."""
    for kind, name in (
        (resource.RLIMIT_AS, "memory_bytes"),
        (resource.RLIMIT_CPU, "cpu_seconds"),
        (resource.RLIMIT_FSIZE, "scratch_bytes"),
        (resource.RLIMIT_NPROC, "processes"),
        (resource.RLIMIT_NOFILE, "open_files"),
    ):
        value, hard = limits[name], resource.getrlimit(kind)[1]
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        # Whoever takes too much CPU time is told so by a signal, and then killed.
        resource.setrlimit(kind, (value, value + 1 if kind == resource.RLIMIT_CPU and value != hard else value))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.nice(limits["niceness"])
    forbid_new_privileges(ctypes.CDLL(None, use_errno=True))
    confine_files(())
    refuse_calls()


def main() -> None:
    """Shut this process in, then answer."""
    order = json.loads(sys.argv[1])
    connection = socket.socket(fileno=os.dup(0))
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    shut_in(order["limits"])
    sys.argv = [order["program"]]
    program = cast("Program", importlib.import_module(order["program"]))
    channel = Channel(connection, most_bytes=order["limits"]["memory_bytes"])
    channel.send("say", {"level": "debug", "message": "ready", "line": None}, number=0)
    serve(channel, program)


if __name__ == "__main__":
    main()
