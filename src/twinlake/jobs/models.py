"""Requests, runs and kinds of jobs."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple

from twinlake.core.documents import JsonObject
from twinlake.engines.database import Connection
from twinlake.engines.sandbox import Destination, Limits, UserProgram
from twinlake.identity.principals import Caller


class JobState(StrEnum):
    """State of a request or run, named as in OGC API - Processes 1.0 (18-062r2, 7.11, ``statusCode``)."""

    ACCEPTED = "accepted"
    RUNNING = "running"
    SUCCESSFUL = "successful"
    FAILED = "failed"
    DISMISSED = "dismissed"

    @property
    def is_final(self) -> bool:
        """Whether nothing changes any more."""
        return self not in LIVE_STATES


LIVE_STATES = (JobState.ACCEPTED, JobState.RUNNING)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is; *total* None where it is not known."""

    done: int = 0
    total: int | None = None
    unit: str = ""
    message: str = ""
    """What is being done; after the end, what came of it."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a run or an attempt ended badly, and what to do about it."""

    code: str
    message: str
    remedy: str | None = None


STALLED = "stalled"
"""Code of the failure of an attempt that got nothing done for too long."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What the attempts of a run have taken so far."""

    cpu_seconds: float = 0.0
    peak_memory_bytes: int = 0
    """The largest resident set of any attempt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A request with the run that fulfils it; specification and result, which may be large, are read on their own."""

    id: str
    owner: str
    """``issuer|subject`` of the principal."""
    project: str | None
    collection: str | None
    """The collection that it is about, for kinds whose specification names one."""
    api: str
    """The interface it came through: ``jobs``; later ``openeo``, ``processes``, ``orders``."""
    kind: str
    state: JobState
    run: str
    cost: float | None
    quota_reservation: str | None
    progress: Progress
    attempts: int
    usage: Usage
    has_result: bool
    error: Failure | None
    created_at: int
    """Microseconds since 1970 UTC, as the other instants here."""
    started_at: int | None
    finished_at: int | None
    updated_at: int
    joined: JobState | None = None
    """State of the run when this request joined it; None where the run was made for this request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A run as its supervisor sees it; the specification, which may be large, is read on its own."""

    id: str
    kind: str
    owner: str
    """The principal of the first request that asked for it: the child acts for them."""
    state: JobState
    attempts: int
    failures: int
    """Attempts that ended badly since the last finished checkpoint."""
    lease: str | None
    lease_until: int | None
    active_at: int | None
    """When the running attempt last got something done."""
    attempt_started_at: int | None


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A named step of a run."""

    name: str
    tries: int
    """How often it was begun."""
    is_done: bool
    result: JsonObject | None
    failure: Failure | None
    """Why the try before this one did not finish; None where it was not the step's fault."""


LOG_LINES = 2000
"""What a run's log holds; it takes no more."""


class LogEntry(NamedTuple):
    """What is written to a run's log."""

    level: str
    message: str
    details: dict[str, Any] | None = None
    """Members beside the message, in the words of the interface that shows them: for openEO ``code``, ``path``, ``data``."""


@dataclass(frozen=True, slots=True)
class LogLine:
    """One entry of a run's log, as it is kept."""

    number: int
    at: int
    level: str
    message: str
    details: JsonObject | None = None

    @property
    def node(self) -> str | None:
        """Id of the node of a graph that it is of, if it is of one."""
        path = (self.details or {}).get("path")
        return str(path[0]["node_id"]) if path else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """When an attempt that crashed is made again. What a child refuses is never retried."""

    failures: int = 5
    """Crashes in a row without a finished checkpoint after which the run has failed."""
    first_delay: timedelta = timedelta(seconds=1)
    """Doubles with every crash in a row."""

    def delay(self, failures: int) -> timedelta:
        """Return how long to wait after the given number of crashes in a row."""
        return self.first_delay * (1 << (failures - 1))


Prepare = Callable[[Caller, JsonObject], Awaitable[JsonObject]]
"""Check a specification and the caller's right to it; return it as it will be run, or raise."""
Content = Callable[[JsonObject], str | None]
"""Tell what a prepared specification comes to: requests for which it is equal share a run. None shares nothing."""


CheckUsage = Callable[[Connection, str], Failure | None]
"""Take what a run has taken so far, as the journal has it, into account; return why it must not go on, if it must not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobKind:
    """A kind of job: who checks it, what runs it, and within which limits."""

    name: str
    child: str
    """``module:function`` of one argument, a `JobContext`; called in the child process."""
    prepare: Prepare
    limits: Limits
    concurrent: int
    """How many runs of this kind go at the same time."""
    stall: timedelta
    """A child that gets nothing done for so long is killed."""
    longest: timedelta
    """An attempt is killed after so long, even if it gets on."""
    retry: Retry = field(default_factory=Retry)
    readable: tuple[Path, ...] | None = ()
    """What its child may read beside its inputs; None leaves it all files of the site's user."""
    user_program: UserProgram | None = None
    """What runs code that users wrote, if its child may start that (`engines.sandbox.user_code`)."""
    destination: Destination | None = None
    """What its child may connect to; None where it has no network at all."""
    content: Content | None = None
    """Where requests share runs: those that go on, and those that have succeeded, until `requests.stop_sharing`."""
    keeps_work: bool = False
    """Whether a later attempt finds what an earlier one left in its folder, until the run is over."""
    api: str = "jobs"
    """The interface through which it is asked for."""
    parallel: int | None = None
    """How many runs of one principal go at the same time; the others wait. None for no limit."""
    check_usage: CheckUsage | None = None
    """Is asked whenever it is known what a run has taken, while it goes and when an attempt has ended."""


Kinds = Mapping[str, JobKind]
