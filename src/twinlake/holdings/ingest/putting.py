"""What the child of an ingest run has the site put: items with their bytes, documents by the thousand, the collection."""

import base64
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import msgspec
import orjson

from twinlake.core.counting import count
from twinlake.core.documents import JsonObject
from twinlake.core.errors import TwinlakeError
from twinlake.holdings.catalogue.interfaces import ItemText
from twinlake.holdings.catalogue.interfaces import Refusal as LoadRefusal
from twinlake.holdings.ingest.report import Outcome, Row
from twinlake.holdings.ingest.spec import IngestSpec
from twinlake.holdings.ingest.stores import add_store
from twinlake.holdings.readers.errors import UnreadableFileError
from twinlake.holdings.recipes import Recipe, Refusal, collection_document
from twinlake.holdings.recipes.items import THUMBNAIL, BuiltItem, build_item, read_collection, read_items
from twinlake.holdings.recipes.plans import CollectionPlan, DocumentPlan, DocumentsPlan, ItemPlan
from twinlake.jobs.context import JobContext
from twinlake.standards.stac.item import read_item
from twinlake.standards.stac.plain import read_item_text

T = TypeVar("T")
_CHUNK_ITEMS = 5000
_CHUNK_BYTES = 32 << 20
_WRITTEN: tuple[Outcome, ...] = ("created", "updated", "unchanged", "planned")


class Putter:
    """Reads what plans name and has the site put it; each method returns the row of the plan's leading file.

    Parameters
    ----------
    linked
        Names of the files that are linked, not copied.
    made
        Files that items were made of in this run, by item id: a second file of the same id is refused.
    described_by
        The file whose STAC collection describes the collection of the run: others are refused.
    tell
        Says within a long step how far it is.
    """

    def __init__(
        self,
        context: JobContext,
        spec: IngestSpec,
        recipe: Recipe,
        *,
        linked: frozenset[str],
        made: Mapping[str, str],
        described_by: str | None,
        tell: Callable[[str], None],
    ) -> None:
        self._context = context
        self._spec = spec
        self._recipe = recipe
        self._linked = linked
        self._made = made
        self._described_by = described_by
        self._tell = tell
        self._has_collection = not spec.create_collection

    def put_item(self, plan: ItemPlan | DocumentPlan) -> Row:
        """Put one item with the bytes of its files."""
        leading = plan.file.name if isinstance(plan, DocumentPlan) else _leading(plan)
        built = build_item(plan, collection=self._spec.collection, recipe=self._recipe)
        document = read_item(built.draft.document)
        if (other := self._made.get(document["id"])) is not None:
            raise UnreadableFileError(
                f"It would be item {document['id']!r}, which {other} is already.", "Tell them apart by item = ... in a recipe."
            )
        notes = " ".join(built.notes) or None
        if self._spec.dry_run:
            return Row(file=leading, outcome="planned", item=document["id"], reason=notes)
        self._ensure_collection(document)
        sources = self._gather(built, document)
        body = {"document": document, "sources": sources, "original": _encode(built.draft.original)}
        outcome = self._context.gateway.post("ingest/item", body)["outcome"]
        return Row(file=leading, outcome=outcome, item=document["id"], reason=notes)

    def put_many(self, plan: DocumentsPlan) -> Row:
        """Put the items of a file of many; what is wrong with one of them does not stop the others."""
        tally = _Tally()
        try:
            for number, (texts, refusals) in enumerate(_read_ahead(self._read_chunks(plan))):
                written = self._put_chunk(f"items:{plan.file.name}:{number}", texts)
                tally.add(written)
                tally.refuse([*refusals, *(_refusal(each) for each in written["refused"])])
                self._tell(f"{plan.file.name}: {count(tally.count, 'item')} so far")
        except UnreadableFileError as error:
            reason = f"It breaks off after {count(tally.written, 'item')}: {error.reason}"
            tally.refuse([Refusal(plan.file.name, reason, error.remedy or "")])
        return tally.row(plan.file.name)

    def put_collection(self, plan: CollectionPlan) -> Row:
        """Let the collection of the run say of itself what a STAC collection says."""
        if plan.file.name != self._described_by:
            raise UnreadableFileError(
                f"{self._described_by} describes the collection of this run already.", "Take in each collection by itself."
            )
        document = collection_document(self._spec.collection, self._recipe, [], given=read_collection(plan))
        if self._spec.dry_run:
            return Row(file=plan.file.name, outcome="planned")
        outcome = self._context.gateway.post("ingest/collection", {"document": document, "replace": True})["outcome"]
        self._has_collection = True
        return Row(file=plan.file.name, outcome=outcome)

    def _ensure_collection(self, item: JsonObject) -> None:
        """Make the collection, if the run is to make it, when the first item is ready to be put."""
        if not self._has_collection:
            document = collection_document(self._spec.collection, self._recipe, [item])
            self._context.gateway.post("ingest/collection", {"document": document, "replace": False})
            self._has_collection = True

    def _gather(self, built: BuiltItem, document: JsonObject) -> dict[str, JsonObject]:
        """Say where the bytes of each asset are; what is made of them is written to the child's folder."""
        sources: dict[str, JsonObject] = {}
        for key, file in built.files.items():
            if not file.members:
                sources[key] = {"input": file.name}
            elif file.members[0] in self._linked:
                raise UnreadableFileError("A store of many files cannot be linked.", "Ingest a copy of it, without --link.")
            else:
                sources |= add_store(document["assets"], key, file, built.members[key], self._context.scratch)
        if built.thumbnail is not None:
            (self._context.scratch / THUMBNAIL).write_bytes(built.thumbnail)
            sources[THUMBNAIL] = {"made": THUMBNAIL}
        return sources

    def _read_chunks(self, plan: DocumentsPlan) -> Iterator[tuple[list[ItemText], list[Refusal]]]:
        """Yield items with what was refused among them; bounded in number and bytes."""
        texts: list[ItemText] = []
        refusals: list[Refusal] = []
        size = 0
        for found in read_items(plan, collection=self._spec.collection):
            if isinstance(found, Refusal):
                refusals.append(found)
            else:
                texts.append(found)
                size += len(found.text) + len(found.original or b"")
            if len(texts) >= _CHUNK_ITEMS or size >= _CHUNK_BYTES:
                yield texts, refusals
                texts, refusals, size = [], [], 0
        if texts or refusals:
            yield texts, refusals

    def _put_chunk(self, name: str, texts: list[ItemText]) -> JsonObject:
        if self._spec.dry_run or not texts:
            return self._check_chunk(texts)
        if not self._has_collection:
            first = next((item for text in texts if (item := self._find_item(text)) is not None), None)
            if first is None:
                return self._check_chunk(texts)
            self._ensure_collection(first)
        step = self._context.begin(name)
        if step.result is not None:
            return step.result
        written = self._context.gateway.post_bytes("ingest/items", msgspec.msgpack.encode(texts), "application/msgpack")
        self._context.finish(name, written)
        return written

    def _find_item(self, text: ItemText) -> JsonObject | None:
        try:
            return read_item_text(text.text, collection=self._spec.collection)[0]
        except TwinlakeError:
            return None

    def _check_chunk(self, texts: list[ItemText]) -> JsonObject:
        """Say what would become of a chunk."""
        refused = []
        for number, text in enumerate(texts):
            try:
                read_item_text(text.text, collection=self._spec.collection)
            except TwinlakeError as error:
                refused.append(msgspec.to_builtins(LoadRefusal.of(number, str(orjson.loads(text.text)["id"]), error)))
        return {"planned": len(texts) - len(refused), "refused": refused}


class _Tally:
    """What became of the items of one file."""

    def __init__(self) -> None:
        self._counts: Counter[Outcome] = Counter()
        self._first_refusal: Refusal | None = None

    @property
    def count(self) -> int:
        """How many were looked at."""
        return self._counts.total()

    @property
    def written(self) -> int:
        """How many are in the catalogue now, or would be."""
        return sum(self._counts[outcome] for outcome in _WRITTEN)

    def add(self, report: JsonObject) -> None:
        """Count what the site has put."""
        for outcome in _WRITTEN:
            self._counts[outcome] += report.get(outcome, 0)

    def refuse(self, refusals: list[Refusal]) -> None:
        """Count refusals; the first is told of."""
        self._counts["refused"] += len(refusals)
        self._first_refusal = self._first_refusal or next(iter(refusals), None)

    def row(self, file: str) -> Row:
        """Write the row of the file."""
        refusal = self._first_refusal
        return Row(
            file=file,
            outcome=next((each for each in _WRITTEN if self._counts[each]), "refused"),
            items={name: count for name, count in self._counts.items() if count},
            reason=None if refusal is None else f"{refusal.name}: {refusal.reason}",
            remedy=None if refusal is None else refusal.remedy,
            code=None if refusal is None else refusal.code,
        )


def _read_ahead(chunks: Iterator[T]) -> Iterator[T]:
    """Yield *chunks*; while the site puts one, the next is read."""
    with ThreadPoolExecutor(1) as reader:
        coming = reader.submit(next, chunks, None)
        while (chunk := coming.result()) is not None:
            coming = reader.submit(next, chunks, None)
            yield chunk


def _refusal(written: list[Any]) -> Refusal:
    refused = msgspec.convert(written, LoadRefusal)
    return Refusal(refused.item, refused.reason, refused.remedy or "", refused.code)


def _encode(original: bytes | None) -> str | None:
    return None if original is None else base64.b64encode(original).decode()


def _leading(plan: ItemPlan) -> str:
    return next((each.file.name for each in plan.assets if not each.is_sidecar), plan.assets[0].file.name)
