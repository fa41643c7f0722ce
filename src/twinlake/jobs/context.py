"""What the function of a job kind is given in its child process."""

import threading
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx2

from twinlake.core.documents import JsonObject
from twinlake.core.errors import ConflictError
from twinlake.jobs.gateway import Gateway, GatewayRefusedError
from twinlake.jobs.models import Checkpoint, Failure, LogEntry

_HEARTBEAT_SECONDS = 3.0


class JobContext:
    """One attempt at a run, seen from its child.

    Attributes
    ----------
    spec
        The run's specification.
    scratch
        A directory for this attempt alone, removed after it; or for the run, where its kind keeps work.
    gateway
        For the calls of the kind's own.
    """

    def __init__(self, gateway: Gateway, *, scratch: Path) -> None:
        self.gateway = gateway
        self.scratch = scratch
        self.spec: JsonObject = gateway.get("spec")["spec"]
        self._lost = threading.Event()
        self._ended = threading.Event()

    @property
    def is_cancelled(self) -> bool:
        """Whether the run was cancelled or given to somebody else: nothing that is done from here on counts."""
        return self._lost.is_set()

    def begin(self, name: str, *, patience_seconds: float = 0.0) -> Checkpoint:
        """Begin the step *name*; skip it if the answer says that it is done, give it up if it failed too often.

        *patience_seconds* is how long it may take beyond what its kind allows without a sign that it gets on.
        """
        answer = self.gateway.post("begin", {"name": name, "patience_seconds": patience_seconds})
        failure = answer["failure"]
        return Checkpoint(
            name=name,
            tries=answer["tries"],
            is_done=answer["is_done"],
            result=answer["result"],
            failure=None if failure is None else Failure(**failure),
        )

    def finish(self, name: str, result: JsonObject) -> None:
        """Record that the step *name* is done; a later attempt skips it."""
        self.gateway.post("checkpoint", {"name": name, "result": result})

    def progress(self, done: int, total: int | None, unit: str, message: str = "") -> None:
        """Say how far the run is, which also says that the child does not hang."""
        self.gateway.post("progress", {"done": done, "total": total, "unit": unit, "message": message})

    def log(self, message: str, *, level: str = "info") -> None:
        """Write a line to the run's log, for its owner's eyes."""
        self.write_log([LogEntry(level, message)])

    def write_log(self, entries: Sequence[LogEntry]) -> None:
        """Write to the run's log."""
        self.gateway.post("log", {"lines": [list(each) for each in entries]})

    @contextmanager
    def heartbeats(self) -> Generator[None]:
        """Give signs of life while the context lasts, from a thread of its own."""
        thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._ended.set()
            thread.join()

    def _beat(self) -> None:
        while not self._ended.wait(_HEARTBEAT_SECONDS):
            try:
                self.gateway.post("heartbeat", {})
            except GatewayRefusedError as error:
                if error.refusal_status == ConflictError.status:
                    self._lost.set()
                    return
            except httpx2.TransportError:
                continue  # the site is busy or gone; in the latter case the kernel ends this process
