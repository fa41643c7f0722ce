"""What the child of an ingest run has the site put: items with their bytes, documents by the thousand, the collection."""

import base64
from collections import Counter
from collections.abc import Iterator, Mapping

from twinlake.core.documents import JsonObject
from twinlake.core.errors import TwinlakeError
from twinlake.holdings.catalogue.interfaces import ItemDraft
from twinlake.holdings.ingest.report import Outcome, Row
from twinlake.holdings.ingest.spec import IngestSpec
from twinlake.holdings.ingest.stores import add_store
from twinlake.holdings.readers.errors import UnreadableFileError
from twinlake.holdings.recipes import Recipe, Refusal, collection_document
from twinlake.holdings.recipes.items import THUMBNAIL, BuiltItem, build_item, read_collection, read_items
from twinlake.holdings.recipes.plans import CollectionPlan, DocumentPlan, DocumentsPlan, ItemPlan
from twinlake.jobs.context import JobContext
from twinlake.standards.stac.item import read_item

_CHUNK_ITEMS = 1000
_CHUNK_BYTES = 8 << 20
_WRITTEN: tuple[Outcome, ...] = ("created", "updated", "unchanged")


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
    ) -> None:
        self._context = context
        self._spec = spec
        self._recipe = recipe
        self._linked = linked
        self._made = made
        self._described_by = described_by
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
            for number, (drafts, refusals) in enumerate(self._read_chunks(plan)):
                written = self._put_chunk(f"items:{plan.file.name}:{number}", drafts)
                tally.add(written)
                tally.refuse(
                    [*refusals, *(Refusal(each["item"], each["reason"], each["remedy"] or "") for each in written["refused"])]
                )
        except UnreadableFileError as error:
            reason = f"It breaks off after {tally.written} items: {error.reason}"
            tally.refuse([Refusal(plan.file.name, reason, error.remedy or "")])
        return tally.row(plan.file.name, is_dry_run=self._spec.dry_run)

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

    def _read_chunks(self, plan: DocumentsPlan) -> Iterator[tuple[list[JsonObject], list[Refusal]]]:
        """Yield bodies of items, checked and migrated, with what was refused among them; bounded in number and bytes."""
        drafts: list[JsonObject] = []
        refusals: list[Refusal] = []
        size = 0
        for found in read_items(plan, collection=self._spec.collection):
            checked = found if isinstance(found, Refusal) else _check(found)
            if isinstance(checked, Refusal):
                refusals.append(checked)
            else:
                drafts.append(checked)
                size += len(checked["original"] or "")
            if len(drafts) >= _CHUNK_ITEMS or size >= _CHUNK_BYTES:
                yield drafts, refusals
                drafts, refusals, size = [], [], 0
        if drafts or refusals:
            yield drafts, refusals

    def _put_chunk(self, name: str, drafts: list[JsonObject]) -> JsonObject:
        if self._spec.dry_run or not drafts:
            return {"created": len(drafts), "updated": 0, "unchanged": 0, "refused": []}
        self._ensure_collection(drafts[0]["document"])
        step = self._context.begin(name)
        if step.result is not None:
            return step.result
        written = self._context.gateway.post("ingest/items", drafts)
        self._context.finish(name, written)
        return written


class _Tally:
    """What became of the items of one file."""

    def __init__(self) -> None:
        self._counts: Counter[Outcome] = Counter()
        self._first_refusal: Refusal | None = None

    @property
    def written(self) -> int:
        """How many are in the catalogue now."""
        return sum(self._counts[outcome] for outcome in _WRITTEN)

    def add(self, report: JsonObject) -> None:
        """Count what the site has put."""
        for outcome in _WRITTEN:
            self._counts[outcome] += report[outcome]

    def refuse(self, refusals: list[Refusal]) -> None:
        """Count refusals; the first is told of."""
        self._counts["refused"] += len(refusals)
        self._first_refusal = self._first_refusal or next(iter(refusals), None)

    def row(self, file: str, *, is_dry_run: bool) -> Row:
        """Write the row of the file."""
        outcome: Outcome = next((each for each in _WRITTEN if self._counts[each]), "refused")
        refusal = self._first_refusal
        return Row(
            file=file,
            outcome="planned" if is_dry_run and outcome != "refused" else outcome,
            items={name: count for name, count in self._counts.items() if count},
            reason=None if refusal is None else f"{refusal.name}: {refusal.reason}",
            remedy=None if refusal is None else refusal.remedy,
            code=None if refusal is None else refusal.code,
        )


def _check(draft: ItemDraft) -> JsonObject | Refusal:
    try:
        document = read_item(draft.document)
    except TwinlakeError as error:
        return Refusal(str(draft.document.get("id"))[:255], error.message, error.remedy or "", error.code)
    return {"document": document, "original": _encode(draft.original)}


def _encode(original: bytes | None) -> str | None:
    return None if original is None else base64.b64encode(original).decode()


def _leading(plan: ItemPlan) -> str:
    return next((each.file.name for each in plan.assets if not each.is_sidecar), plan.assets[0].file.name)
