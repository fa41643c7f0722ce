"""A limit on guessing: bad sign-ins per address."""

import math
from collections import OrderedDict

from twinlake.core.clock import Clock
from twinlake.identity.errors import TooManyAttemptsError

_ALLOWED = 10
_WINDOW_SECONDS = 900.0
_ADDRESSES = 10_000


class AttemptLimit:
    """Lets an address fail ten times, and once more every minute and a half."""

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock
        # Address to (failures that still count, when that was so); failures fade evenly over the window.
        self._failures: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def check(self, client: str) -> None:
        """Refuse *client* while too many of its failures count.

        Raises
        ------
        TooManyAttemptsError
            Says when to come back.
        """
        excess = self._count(client) - (_ALLOWED - 1)
        if excess > 0:
            raise TooManyAttemptsError(
                "Too many sign-ins from this address failed.",
                remedy="Wait, then sign in with a token that is good.",
                retry_after_seconds=math.ceil(excess * _WINDOW_SECONDS / _ALLOWED),
            )

    def note_failure(self, client: str) -> None:
        """Count a failure of *client*."""
        self._failures[client] = (self._count(client) + 1, self._clock.monotonic())
        self._failures.move_to_end(client)
        if len(self._failures) > _ADDRESSES:
            self._failures.popitem(last=False)

    def _count(self, client: str) -> float:
        failures, at = self._failures.get(client, (0.0, 0.0))
        return max(0.0, failures - (self._clock.monotonic() - at) * _ALLOWED / _WINDOW_SECONDS)
