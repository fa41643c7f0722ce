"""Whose turn it is with the children that answer while somebody waits.

Nobody holds more than one child with slow work, and one with quick work; slow work leaves one child to the quick; and of those
that wait goes who was served longest ago. So nobody waits for all that another one has asked, and what is quick for no slow work.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from twinlake.standards.openeo.errors import InfrastructureBusyError

_WAITING = 64
_WAITING_EACH = 16
_DeskT = TypeVar("_DeskT")


@dataclass(eq=False, slots=True)
class _Ticket(Generic[_DeskT]):
    owner: str
    is_slow: bool
    desk: asyncio.Future[_DeskT] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class Desks(Generic[_DeskT]):
    """Hands out desks, of which there are two or more."""

    def __init__(self, desks: Sequence[_DeskT]) -> None:
        self._free = list(desks)
        self._most_slow = len(desks) - 1
        self._waiting: list[_Ticket[_DeskT]] = []
        self._busy: Counter[tuple[str, bool]] = Counter()
        self._served: list[str] = []
        """Owners who wait, or are served: who was served last stands last."""

    @asynccontextmanager
    async def take(self, owner: str, *, is_slow: bool) -> AsyncIterator[_DeskT]:
        """Lend a desk to *owner*, when it is their turn.

        Raises
        ------
        InfrastructureBusyError
            Too much is waiting, of them or of all.
        """
        own = sum(each.owner == owner for each in self._waiting)
        if own >= _WAITING_EACH or len(self._waiting) >= _WAITING:
            whose = "of yours " if own >= _WAITING_EACH else ""
            raise InfrastructureBusyError(
                f"Too many graphs {whose}are waiting.", remedy="Try again in a moment, or send a batch job."
            )
        ticket = _Ticket[_DeskT](owner, is_slow)
        self._waiting.append(ticket)
        self._hand_out()
        try:
            yield await ticket.desk
        finally:
            if ticket in self._waiting:
                self._waiting.remove(ticket)
            else:
                self._busy -= Counter([(owner, is_slow)])
                self._free.append(ticket.desk.result())
            self._forget(owner)
            self._hand_out()

    def _hand_out(self) -> None:
        while self._free and (able := [each for each in self._waiting if self._may_go(each)]):
            ticket = min(able, key=lambda each: self._served.index(each.owner) if each.owner in self._served else -1)
            self._waiting.remove(ticket)
            self._busy[ticket.owner, ticket.is_slow] += 1
            if ticket.owner in self._served:
                self._served.remove(ticket.owner)
            self._served.append(ticket.owner)
            ticket.desk.set_result(self._free.pop())

    def _may_go(self, ticket: _Ticket[_DeskT]) -> bool:
        if self._busy[ticket.owner, ticket.is_slow] or ticket.desk.cancelled():
            return False
        return not ticket.is_slow or sum(count for (_, is_slow), count in self._busy.items() if is_slow) < self._most_slow

    def _forget(self, owner: str) -> None:
        """Forget when an owner was served who neither waits nor is served."""
        if not self._busy[owner, True] + self._busy[owner, False] and all(each.owner != owner for each in self._waiting):
            self._served = [each for each in self._served if each != owner]
