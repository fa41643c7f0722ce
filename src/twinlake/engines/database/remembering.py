"""Reads that are asked again and again, answered from memory as long as nothing was committed."""

from collections import OrderedDict
from collections.abc import Hashable
from typing import Any, TypeVar

from twinlake.engines.database.interfaces import Database, Work

T = TypeVar("T")


class RememberedReads:
    """Remembers the results of reads until the next commit.

    A database tells its listeners of a commit before its writers are answered, so that whoever was answered finds what
    they changed. What another process commits is not heard of: only reads of what this process alone changes belong here.

    Parameters
    ----------
    size
        Most results to keep; the one that was read first makes room.
    """

    def __init__(self, database: Database, *, size: int) -> None:
        self._database = database
        self._size = size
        self._commits = 0
        self._known: OrderedDict[Hashable, Any] = OrderedDict()
        database.on_commit(self._forget)

    async def read(self, key: Hashable, work: Work[T]) -> T:
        """Return the result of *work*, which *key* names; what it raises is not remembered."""
        try:
            known: T = self._known[key]
        except KeyError:
            pass
        else:
            return known
        commits = self._commits
        result = await self._database.read(work)
        # What was read before a commit must not be remembered after it.
        if commits == self._commits:
            self._known[key] = result
            if len(self._known) > self._size:
                self._known.popitem(last=False)
        return result

    def _forget(self) -> None:
        self._commits += 1
        self._known.clear()
