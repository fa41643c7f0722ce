"""Bulk load: documents in bounded batches, with indexes, gates and readers live."""

import asyncio
from collections.abc import AsyncIterable, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field

from twinlake.core.errors import InvalidInputError
from twinlake.holdings.catalogue.facts import Notes, note_items
from twinlake.holdings.catalogue.interfaces import ItemDraft, LoadReport, Refusal
from twinlake.holdings.catalogue.preparing import PreparedItem, Preparer

_FIRST_BATCH = 100
_SMALLEST_BATCH, _LARGEST_BATCH = 10, 1000
_HELD_SECONDS = 0.03
"""How long a batch should hold the writer; it must never hold it for more than 50 ms."""

Write = Callable[[Sequence[PreparedItem], Notes], Awaitable[tuple[list[str], float]]]
"""Writes a batch durably; returns the outcomes and for how many seconds it held the writer."""


@dataclass(slots=True)
class _Batch:
    items: list[PreparedItem] = field(default_factory=list)
    notes: Notes = field(default_factory=dict)
    refused: list[Refusal] = field(default_factory=list)


class BulkLoader:
    """Loads a stream of drafts. Preparing and writing take turns: side by side they would only wait for each other."""

    def __init__(self, *, preparer: Preparer, write: Write) -> None:
        self._preparer = preparer
        self._write = write
        self._size = _FIRST_BATCH

    async def load(self, drafts: AsyncIterable[ItemDraft] | Iterable[ItemDraft]) -> LoadReport:
        """Load *drafts*; what cannot be an item is refused and named, the rest is kept."""
        report = LoadReport()
        async for number, some in self._cut(drafts):
            batch = await asyncio.to_thread(self._prepare, number, some)
            await self._write_batch(batch, report)
        return report

    async def _cut(self, drafts: AsyncIterable[ItemDraft] | Iterable[ItemDraft]) -> "AsyncIterable[tuple[int, list[ItemDraft]]]":
        number, some = 0, []
        async for draft in _stream(drafts):
            some.append(draft)
            if len(some) >= self._size:
                yield number, some
                number, some = number + len(some), []
        if some:
            yield number, some

    def _prepare(self, number: int, drafts: list[ItemDraft]) -> _Batch:
        batch = _Batch()
        try:
            batch.items = self._preparer.prepare(drafts)
        except InvalidInputError:
            for place, draft in enumerate(drafts, start=number):
                try:
                    batch.items += self._preparer.prepare([draft])
                except InvalidInputError as error:
                    batch.refused.append(Refusal(place, str(draft.document.get("id")), error.message, error.remedy))
        batch.items.sort(key=lambda item: item.collection)
        batch.notes = note_items(batch.items)
        return batch

    async def _write_batch(self, batch: _Batch, report: LoadReport) -> None:
        report.refused.extend(batch.refused)
        if not batch.items:
            return
        outcomes, held_seconds = await self._write(batch.items, batch.notes)
        report.created += outcomes.count("created")
        report.updated += outcomes.count("updated")
        report.unchanged += outcomes.count("unchanged")
        scale = min(max(_HELD_SECONDS / max(held_seconds, 1e-6), 0.5), 2.0)
        self._size = min(max(int(len(batch.items) * scale), _SMALLEST_BATCH), _LARGEST_BATCH)


async def _stream(drafts: AsyncIterable[ItemDraft] | Iterable[ItemDraft]) -> "AsyncIterable[ItemDraft]":
    if isinstance(drafts, AsyncIterable):
        async for draft in drafts:
            yield draft
    else:
        for draft in drafts:
            yield draft
