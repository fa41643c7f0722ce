"""Subscriptions and what became of their messages."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal

from twinlake.events.models import EventFilter
from twinlake.identity.principals import Caller, Principal

CallerOf = Callable[[Principal], Awaitable[Caller | None]]
"""Return a principal as a caller with what they were given by now; None if they may no longer be told anything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """One subscription."""

    id: str
    owner: Principal
    url: str
    filter: EventFilter
    state: Literal["active", "disabled"] = "active"
    reason: str | None = None
    """Why it is disabled."""
    cursor: int
    """Number in the site of the last event that was delivered or did not concern it."""
    failures: int = 0
    """Failed attempts in a row."""
    next_attempt_at: int = 0
    """Not before this instant, microseconds since 1970 UTC."""
    created_at: int
    """Microseconds since 1970 UTC."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One attempt."""

    message: str
    """Id of the event, and of the message in ``webhook-id``."""
    attempt: int
    """1 for the first."""
    at: int
    """Microseconds since 1970 UTC."""
    seconds: float
    status: int | None
    """HTTP status of the answer; None without one."""
    error: str | None
    """Why there was no answer, or none that accepts."""
