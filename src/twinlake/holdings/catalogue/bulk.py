"""Bulk load: items in bounded batches, with indexes, gates and readers live."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Iterator

from twinlake.holdings.catalogue.facts import Notes, merge_notes
from twinlake.holdings.catalogue.interfaces import ItemText, LoadReport
from twinlake.holdings.catalogue.preparing import Prepared, PreparedItem, Preparer
from twinlake.holdings.catalogue.preparing_process import Batch, PreparingProcesses

_FIRST_PREPARED, _PREPARED_AT_ONCE = 100, 500
_PREPARED_BYTES = 8 << 20
_WINDOW_ITEMS = 5000
_WINDOW_BYTES = 32 << 20
"""Of packed bodies."""
_FIRST_WRITTEN, _LEAST_WRITTEN, _MOST_WRITTEN = 100, 10, 2000
_HELD_SECONDS = 0.03
"""How long a batch should hold the writer; it must never hold it for more than 50 ms."""

Write = Callable[[Prepared], Awaitable[tuple[list[str], float]]]
"""Writes a batch durably; returns the outcomes and for how many seconds it held the writer."""


class BulkLoader:
    """Loads one stream of items: while some are written the next ones are prepared.

    What is prepared is gathered in a window and written in the order of its times, so that neighbours in a batch are
    neighbours in the indexes, too: a third fewer pages are written.
    """

    def __init__(self, *, preparer: Preparer, processes: PreparingProcesses, write: Write, collection: str | None) -> None:
        self._preparer = preparer
        self._processes = processes
        self._write = write
        self._collection = collection
        self._size = _FIRST_WRITTEN
        self._report = LoadReport()

    async def load(self, texts: Iterable[ItemText]) -> LoadReport:
        """Load *texts*; what cannot be an item is refused and named, the rest is kept."""
        ahead: deque[asyncio.Task[Prepared]] = deque()
        window = _Window()
        try:
            for first, some in _cut(texts):
                ahead.append(asyncio.create_task(self._prepare(first, some)))
                if len(ahead) > self._processes.count + _WINDOW_ITEMS // _PREPARED_AT_ONCE:
                    window = await self._gather(window, await ahead.popleft())
            while ahead:
                window = await self._gather(window, await ahead.popleft())
            await self._write_window(window)
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

    async def _gather(self, window: "_Window", batch: Prepared) -> "_Window":
        """Add a batch to the window; write it when it is full, and begin another."""
        self._report.refused.extend(batch.refused)
        window.add(batch)
        if not window.is_full:
            return window
        await self._write_window(window)
        return _Window()

    async def _write_window(self, window: "_Window") -> None:
        # The notes may tell more than the items, never less: they go ahead of all.
        items, notes = window.in_order(), window.notes
        done = 0
        while done < len(items):
            some = sorted(items[done : done + self._size], key=lambda item: item.collection)
            outcomes, held_seconds = await self._write(Prepared(some, notes))
            done, notes = done + len(some), {}
            self._report.created += outcomes.count("created")
            self._report.updated += outcomes.count("updated")
            self._report.unchanged += outcomes.count("unchanged")
            scale = min(max(_HELD_SECONDS / max(held_seconds, 1e-6), 0.5), 2.0)
            self._size = min(max(int(len(some) * scale), _LEAST_WRITTEN), _MOST_WRITTEN)


class _Window:
    """Prepared items that are written together."""

    def __init__(self) -> None:
        self._items: list[PreparedItem] = []
        self._size = 0
        self.notes: Notes = {}

    @property
    def is_full(self) -> bool:
        """Whether no more should be added."""
        return len(self._items) >= _WINDOW_ITEMS or self._size >= _WINDOW_BYTES

    def add(self, batch: Prepared) -> None:
        """Add the items of a batch."""
        self._items += batch.items
        self._size += sum(len(item.body) for item in batch.items)
        merge_notes(self.notes, batch.notes)

    def in_order(self) -> list[PreparedItem]:
        """Return the items by time; as they came where one comes twice, for the last of them is to stay."""
        if len({(item.collection, item.id) for item in self._items}) < len(self._items):
            return self._items
        return sorted(self._items, key=lambda item: item.times.at)


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
