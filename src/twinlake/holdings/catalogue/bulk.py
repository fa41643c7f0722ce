"""Bulk load: items in bounded batches, with indexes, gates and readers live."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Iterator

from twinlake.holdings.catalogue.interfaces import ItemText, LoadReport
from twinlake.holdings.catalogue.preparing import Prepared, Preparer
from twinlake.holdings.catalogue.preparing_process import Batch, PreparingProcesses

_FIRST_BATCH = 100
_SMALLEST_BATCH, _LARGEST_BATCH = 10, 1000
_BATCH_BYTES = 8 << 20
_HELD_SECONDS = 0.03
"""How long a batch should hold the writer; it must never hold it for more than 50 ms."""

Write = Callable[[Prepared], Awaitable[tuple[list[str], float]]]
"""Writes a batch durably; returns the outcomes and for how many seconds it held the writer."""


class BulkLoader:
    """Loads one stream of items: while a batch is written the next ones are prepared."""

    def __init__(self, *, preparer: Preparer, processes: PreparingProcesses, write: Write, collection: str | None) -> None:
        self._preparer = preparer
        self._processes = processes
        self._write = write
        self._collection = collection
        self._size = _FIRST_BATCH
        self._report = LoadReport()

    async def load(self, texts: Iterable[ItemText]) -> LoadReport:
        """Load *texts*; what cannot be an item is refused and named, the rest is kept."""
        ahead: deque[asyncio.Task[Prepared]] = deque()
        try:
            for first, some in self._cut(texts):
                ahead.append(asyncio.create_task(self._prepare(first, some)))
                if len(ahead) > self._processes.count + 1:
                    await self._write_batch(await ahead.popleft())
            while ahead:
                await self._write_batch(await ahead.popleft())
        finally:
            for task in ahead:
                task.cancel()
            await asyncio.gather(*ahead, return_exceptions=True)
        return self._report

    def _cut(self, texts: Iterable[ItemText]) -> Iterator[tuple[int, list[ItemText]]]:
        number, size, some = 0, 0, []
        for text in texts:
            some.append(text)
            size += len(text.text)
            if len(some) >= self._size or size >= _BATCH_BYTES:
                yield number, some
                number, size, some = number + len(some), 0, []
        if some:
            yield number, some

    async def _prepare(self, first: int, texts: list[ItemText]) -> Prepared:
        """Prepare a batch: the first one in a thread, for few items are not worth the start of a process."""
        if first == 0:
            return await asyncio.to_thread(self._preparer.prepare_texts, texts, first=first, collection=self._collection)
        return await self._processes.prepare(Batch(self._preparer, texts, first, self._collection))

    async def _write_batch(self, batch: Prepared) -> None:
        report = self._report
        report.refused.extend(batch.refused)
        if not batch.items:
            return
        outcomes, held_seconds = await self._write(batch)
        report.created += outcomes.count("created")
        report.updated += outcomes.count("updated")
        report.unchanged += outcomes.count("unchanged")
        scale = min(max(_HELD_SECONDS / max(held_seconds, 1e-6), 0.5), 2.0)
        self._size = min(max(int(len(batch.items) * scale), _SMALLEST_BATCH), _LARGEST_BATCH)
