"""Bulk load: items in bounded batches, with indexes, gates and readers live."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence

from twinlake.holdings.catalogue.facts import Notes, merge_notes
from twinlake.holdings.catalogue.interfaces import ItemText, LoadReport
from twinlake.holdings.catalogue.preparing import Prepared, PreparedItem, Preparer
from twinlake.holdings.catalogue.preparing_process import Batch, PreparingProcesses

_FIRST_PREPARED, _PREPARED_AT_ONCE = 100, 500
_PREPARED_BYTES = 8 << 20
_SPARE = 2
"""Batches to be prepared beside those that are, so that no process waits."""
_POOL_ITEMS = 20_000
_POOL_BYTES = 64 << 20
"""Of packed bodies."""
_SPAN = 30 * 86_400_000_000
"""Microseconds: items of one span of time are written together."""
_FIRST_WRITTEN, _LEAST_WRITTEN, _MOST_WRITTEN = 100, 10, 2000
_HELD_SECONDS = 0.03
"""How long a batch should hold the writer; it must never hold it for more than 50 ms."""

Write = Callable[[Prepared], Awaitable[tuple[list[str], float]]]
"""Writes a batch durably; returns the outcomes and for how many seconds it held the writer."""


class BulkLoader:
    """Loads one stream of items: while some are written the next ones are prepared.

    What is prepared goes to a pool, and is taken from it in sweeps over time, so that neighbours in a batch are neighbours in
    the indexes, too: far fewer pages are written.
    """

    def __init__(self, *, preparer: Preparer, processes: PreparingProcesses, write: Write, collection: str | None) -> None:
        self._preparer = preparer
        self._processes = processes
        self._write = write
        self._collection = collection
        self._pool = _Pool()
        self._size = _FIRST_WRITTEN
        self._report = LoadReport()

    async def load(self, texts: Iterable[ItemText]) -> LoadReport:
        """Load *texts*; what cannot be an item is refused and named, the rest is kept."""
        ahead: deque[asyncio.Task[Prepared]] = deque()
        try:
            for first, some in _cut(texts):
                ahead.append(asyncio.create_task(self._prepare(first, some)))
                if len(ahead) > self._processes.count + _SPARE:
                    await self._take_up(await ahead.popleft())
            while ahead:
                await self._take_up(await ahead.popleft())
            await self._empty_pool()
        finally:
            for task in ahead:
                task.cancel()
            await asyncio.gather(*ahead, return_exceptions=True)
        return self._report

    async def _prepare(self, first: int, texts: list[ItemText]) -> Prepared:
        """Prepare a batch: the first one in a thread, for few items are not worth the start of a process."""
        if first == 0:
            return await asyncio.to_thread(self._preparer.prepare_texts, texts, first=first, collection=self._collection)
        return await self._processes.prepare(Batch(self._preparer, texts, first, self._collection))

    async def _take_up(self, batch: Prepared) -> None:
        self._report.refused.extend(batch.refused)
        # Of several of one item the last is to stay: then all are written in the order in which they came.
        in_order = self._pool.meets(batch.items)
        if in_order:
            await self._empty_pool()
        self._pool.add(batch, as_one=in_order)
        while self._pool.is_full:
            await self._write_some()
        if in_order:
            await self._empty_pool()

    async def _empty_pool(self) -> None:
        while self._pool.count:
            await self._write_some()

    async def _write_some(self) -> None:
        some = self._pool.take(self._size)
        outcomes, held_seconds = await self._write(some)
        self._report.created += outcomes.count("created")
        self._report.updated += outcomes.count("updated")
        self._report.unchanged += outcomes.count("unchanged")
        scale = min(max(_HELD_SECONDS / max(held_seconds, 1e-6), 0.5), 2.0)
        self._size = min(max(int(len(some.items) * scale), _LEAST_WRITTEN), _MOST_WRITTEN)


class _Pool:
    """Prepared items that wait to be written."""

    def __init__(self) -> None:
        self.count = 0
        """How many there are."""
        self._size = 0
        self._names: set[tuple[str, str]] = set()
        self._spans: dict[int, list[PreparedItem]] = {}
        self._reached = 0
        """The span that the sweep has come to."""
        self._notes: Notes = {}

    @property
    def is_full(self) -> bool:
        """Whether some should be written before more come."""
        return self.count >= _POOL_ITEMS or self._size >= _POOL_BYTES

    def meets(self, items: Sequence[PreparedItem]) -> bool:
        """Tell whether one of *items* waits here already, or is among them twice."""
        names = {_name(item) for item in items}
        return len(names) < len(items) or not self._names.isdisjoint(names)

    def add(self, batch: Prepared, *, as_one: bool) -> None:
        """Add the items of a batch, each to its span of time, or *as_one* that is taken out in order."""
        for item in batch.items:
            self._spans.setdefault(self._reached if as_one else item.times.at // _SPAN, []).append(item)
        self._names.update(map(_name, batch.items))
        self.count += len(batch.items)
        self._size += sum(len(item.body) for item in batch.items)
        merge_notes(self._notes, batch.notes)

    def take(self, number: int) -> Prepared:
        """Take out some *number* of the items that come next in time; after the last ones come the first again."""
        taken: list[PreparedItem] = []
        while self._spans and len(taken) < number:
            span = min((span for span in self._spans if span >= self._reached), default=None)
            self._reached = min(self._spans) if span is None else span
            waiting = self._spans.pop(self._reached)
            fitting = number - len(taken)
            taken += waiting[:fitting]
            if rest := waiting[fitting:]:
                self._spans[self._reached] = rest
        self._names.difference_update(map(_name, taken))
        self.count -= len(taken)
        self._size -= sum(len(item.body) for item in taken)
        # They may tell more than the items, never less.
        notes, self._notes = self._notes, {}
        return Prepared(sorted(taken, key=lambda item: item.collection), notes)


def _name(item: PreparedItem) -> tuple[str, str]:
    return item.collection, item.id


def _cut(texts: Iterable[ItemText]) -> Iterator[tuple[int, list[ItemText]]]:
    number, size, some = 0, 0, []
    for text in texts:
        some.append(text)
        size += len(text.text)
        if len(some) >= (_PREPARED_AT_ONCE if number else _FIRST_PREPARED) or size >= _PREPARED_BYTES:
            yield number, some
            number, size, some = number + len(some), 0, []
    if some:
        yield number, some
