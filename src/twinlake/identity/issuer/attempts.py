"""Limits on guessing passwords and codes, which slow a guesser down and lock nobody out for good.

Failures count against the address that they came from, and against the account as that address names it, whether or not
there is such an account. The delay grows with every failure to a quarter of an hour and fades. For a second factor, which
is short, failures count against the account as well, but not for an address from which its owner has signed in.
"""

import ipaddress
import math
from collections import OrderedDict
from collections.abc import Iterator

from twinlake.core.clock import Clock
from twinlake.identity.errors import TooManyAttemptsError

_FREE_OF_PAIR = 5
_FREE_OF_ADDRESS = 30
_FREE_OF_FACTOR = 10
_FIRST_SECONDS = 15.0
_LONGEST_SECONDS = 900.0
_FADES_SECONDS = 3600.0
_KEPT = 20_000


class GuessLimit:
    """Counts failures in memory; a restart forgives them."""

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock
        # Key to (failures, monotonic seconds of the last one).
        self._failures: OrderedDict[str, tuple[int, float]] = OrderedDict()
        self._known: OrderedDict[tuple[str, str], None] = OrderedDict()

    def begin(self, address: str, username: str, *, factor: bool = False) -> None:
        """Count an attempt as failed until `note_good` takes it back: many at once are no way around the limit.

        Raises
        ------
        TooManyAttemptsError
            Too many before it failed; says when to come back.
        """
        keys = list(self._keys(address, username, factor=factor))
        wait = max(self._wait(key, free) for key, free in keys)
        if wait > 0:
            seconds = math.ceil(wait)
            raise TooManyAttemptsError(f"Too many attempts failed. Try again in {seconds} seconds.", retry_after_seconds=seconds)
        for key, _ in keys:
            count, _ = self._current(key)
            self._failures[key] = (count + 1, self._clock.monotonic())
            self._failures.move_to_end(key)
        while len(self._failures) > _KEPT:
            self._failures.popitem(last=False)

    def note_good(self, address: str, username: str, *, factor: bool = False) -> None:
        """Take an attempt back that did not fail."""
        for key, _ in self._keys(address, username, factor=factor):
            count, at = self._current(key)
            self._failures[key] = (max(0, count - 1), at)

    def note_sign_in(self, address: str, username: str) -> None:
        """Forget what this address failed with this account, and know it as its owner's from now on."""
        address = _network_of(address)
        self._failures.pop(f"pair|{username}|{address}", None)
        self._known[username, address] = None
        self._known.move_to_end((username, address))
        if len(self._known) > _KEPT:
            self._known.popitem(last=False)

    def _keys(self, address: str, username: str, *, factor: bool) -> Iterator[tuple[str, int]]:
        address = _network_of(address)
        yield f"address|{address}", _FREE_OF_ADDRESS
        yield f"pair|{username}|{address}", _FREE_OF_PAIR
        if factor and (username, address) not in self._known:
            yield f"factor|{username}", _FREE_OF_FACTOR

    def _current(self, key: str) -> tuple[int, float]:
        count, at = self._failures.get(key, (0, 0.0))
        return (0, 0.0) if self._clock.monotonic() - at > _FADES_SECONDS else (count, at)

    def _wait(self, key: str, free: int) -> float:
        count, at = self._current(key)
        if count < free:
            return 0.0
        delay = min(_LONGEST_SECONDS, _FIRST_SECONDS * 2.0 ** min(count - free, 10))
        return at + delay - self._clock.monotonic()


def _network_of(address: str) -> str:
    """Return what one customer of a network has: an IPv4 address, or all 2^64 addresses of an IPv6 subnet."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    return str(ipaddress.ip_network((parsed, 64), strict=False)) if parsed.version == 6 else str(parsed)
