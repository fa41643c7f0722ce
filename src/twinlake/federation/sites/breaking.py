"""Leaving a peer alone that fails: a circuit breaker, and the budget that one question gives a peer."""

from datetime import datetime
from typing import Literal

from twinlake.core.clock import Clock
from twinlake.federation.errors import PeerDeadlineError, PeerRestingError

_FAILURES = 5
_REST_SECONDS = 30.0


class CircuitBreaker:
    """Opens after five failures in a row; half a minute later one call tries whether the peer is back."""

    def __init__(self, peer: str, *, clock: Clock) -> None:
        self._peer = peer
        self._clock = clock
        self._failures = self._lies = 0
        self._opened_at: float | None = None
        self._trying = False
        self._failing_since = self.since = clock.now()
        """Since when the peer answers; or does not, while the state is not ``closed``. As far as is known here."""

    @property
    def state(self) -> Literal["closed", "open", "half-open"]:
        """Whether calls pass, none does, or one may try."""
        if self._opened_at is None:
            return "closed"
        return "open" if self._clock.monotonic() - self._opened_at < _REST_SECONDS else "half-open"

    @property
    def failing_since(self) -> datetime | None:
        """Since when the peer has not answered; None where it answered the last call."""
        return self._failing_since if self._failures else None

    def enter(self) -> None:
        """Begin a call; exactly one of `succeeded`, `failed` and `left` must follow.

        Raises
        ------
        PeerRestingError
            The peer is left alone now.
        """
        state = self.state
        if state == "open" or (state == "half-open" and self._trying):
            raise PeerRestingError(
                f"{self._peer} failed {max(self._failures, self._lies)} times in a row and is left alone for a moment."
            )
        self._trying = state == "half-open"

    def succeeded(self) -> None:
        """The peer answered."""
        if self._opened_at is not None:
            self.since = self._clock.now()
        self._failures, self._opened_at, self._trying = 0, None, False

    def failed(self) -> None:
        """The peer did not answer, or not as it must."""
        self._note_failure()
        self._failures += 1
        self._trying = False
        self._open(self._failures)

    def judge(self, *, believed: bool) -> None:
        """Tell whether an answer, with which the peer `succeeded`, was believed; five in a row that were not are failures."""
        if believed:
            self._lies = 0
            return
        self._note_failure()
        self._lies += 1
        self._open(self._lies)

    def left(self) -> None:
        """The call ended without telling anything of the peer."""
        self._trying = False

    def _note_failure(self) -> None:
        if self._failures == self._lies == 0:
            self._failing_since = self._clock.now()

    def _open(self, failures: int) -> None:
        if failures >= _FAILURES:
            self._opened_at, self.since = self._clock.monotonic(), self._failing_since


class Budget:
    """What one question lets one peer take: time, bytes and pages."""

    def __init__(self, *, clock: Clock, seconds: float, size_bytes: int, pages: int = 1) -> None:
        self._clock = clock
        self._ends_at = clock.monotonic() + seconds
        self._pages = pages
        self.bytes_left = size_bytes

    @property
    def seconds_left(self) -> float:
        """Until it ends; not below 0."""
        return max(0.0, self._ends_at - self._clock.monotonic())

    def take_page(self) -> None:
        """Begin another page.

        Raises
        ------
        PeerDeadlineError
            Something of the budget is used up.
        """
        if self._pages <= 0 or self.bytes_left <= 0 or self.seconds_left <= 0:
            raise PeerDeadlineError("The peer has used up the time, bytes or pages that it was given.")
        self._pages -= 1
