"""Items made ready to be written: everything that can be worked out without the database, outside its writer."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
import orjson

from twinlake.core.documents import JsonObject
from twinlake.core.errors import InvalidInputError, TwinlakeError
from twinlake.core.ids import check_id
from twinlake.holdings.catalogue.bodies import body_packer
from twinlake.holdings.catalogue.documents import compile_item, digest, origin_item
from twinlake.holdings.catalogue.facts import Notes, note_items
from twinlake.holdings.catalogue.footprints import NOWHERE, Footprint, Outline, outline_of, read_footprints
from twinlake.holdings.catalogue.interfaces import Holding, ItemDraft, ItemText, Managed, Refusal
from twinlake.holdings.catalogue.properties import promote
from twinlake.standards.rfc3339 import parse_instant
from twinlake.standards.stac.canonical import canonical_members, join_members
from twinlake.standards.stac.plain import read_item_text

Held = tuple[Holding, str]
"""What is held of an asset, and the file name it has."""
AssetRow = tuple[str, str, bytes | None, int, str | None, str | None, str, int | None]
"""Key, kind, SHA-256, size in bytes, path, media type, file name."""


class Times(msgspec.Struct, frozen=True, array_like=True):
    """When an item is, in microseconds since 1970 UTC; the interval is closed at both ends."""

    at: int
    """What `datetime` sorts by: the item's `datetime`, or its start where that is null."""
    starts: int
    ends: int


class PreparedItem(msgspec.Struct, kw_only=True, array_like=True):
    """One version of an item as the tables hold it."""

    collection: str
    id: str
    sha256: bytes
    """Of the canonical document."""
    body: bytes
    """Packed."""
    etag: bytes
    original: bytes | None
    """Packed."""
    times: Times
    footprint: Footprint
    promoted: tuple[str | int | float | None, ...]
    properties: bytes
    """JSON."""
    assets: tuple[AssetRow, ...]
    """Only those whose bytes this site holds or links."""
    bbox: list[float] | None
    """As the document gives it, for the event."""


class Prepared(msgspec.Struct, array_like=True):
    """Items ready to be written, and what they tell."""

    items: list[PreparedItem] = []
    notes: Notes = {}
    refused: list[Refusal] = []


class Compiled(NamedTuple):
    """What a document comes to."""

    sha256: bytes
    """Of the canonical document of what is the origin's."""
    body: bytes
    properties: JsonObject
    """The origin's."""
    written_properties: bytes
    """The same as JSON."""


_Unplaced = tuple[PreparedItem, Outline, JsonObject]
"""An item that lacks its footprint, its outline, and its properties."""


class _Named(msgspec.Struct):
    id: Any = None


class Preparer(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """Prepares items for one site."""

    site_id: str
    api_path: str
    data_prefix: str
    """How this site's own data URLs begin."""

    def claims(self, draft: ItemDraft) -> list[str]:
        """Return the keys of assets that point at this site's own data but that *draft* brings no bytes for."""
        assets = draft.document.get("assets") or {}
        return [
            key
            for key, asset in assets.items()
            if key not in draft.holdings and str(asset.get("href", "")).startswith(self.data_prefix)
        ]

    def prepare(
        self, drafts: Sequence[ItemDraft], inherited: Mapping[tuple[str, str], Mapping[str, Held]] | None = None
    ) -> Prepared:
        """Prepare *drafts*, in order.

        Parameters
        ----------
        drafts
            Checked documents.
        inherited
            Holdings of current versions by (collection, item), for what `claims` named.

        Raises
        ------
        InvalidInputError
            An id is not one, an instant is missing, or a holding belongs to no asset.
        """
        pack, known = body_packer(), inherited or {}
        return _place([self._prepare(draft, known, pack) for draft in drafts])

    def prepare_texts(self, texts: Sequence[ItemText], *, first: int, collection: str | None) -> Prepared:
        """Check and prepare the STAC Items in *texts*; what cannot be one is refused and named, the rest is prepared.

        Parameters
        ----------
        first
            The place of the first of them in its stream.
        collection
            To which all must belong; None takes what each names.
        """
        # Each document is done with before the next is read: what it takes up stays in the cache of the processor.
        pack, unplaced, refused = body_packer(), [], []
        for number, text in enumerate(texts, start=first):
            try:
                document, is_as_sent = read_item_text(text.text, collection=collection)
                original = text.original or (None if is_as_sent else text.text)
                unplaced.append(self._prepare(ItemDraft(document=document, original=original), {}, pack))
            except TwinlakeError as error:
                refused.append(Refusal.of(number, _name_in(text.text), error))
        prepared = _place(unplaced)
        prepared.refused = refused
        return prepared

    def _prepare(
        self,
        draft: ItemDraft,
        inherited: Mapping[tuple[str, str], Mapping[str, Held]],
        pack: Callable[[bytes], bytes],
    ) -> _Unplaced:
        document = draft.document
        collection, item = check_id(document.get("collection"), "collection"), check_id(document.get("id"), "item")
        assets = document.get("assets") or {}
        kept = inherited.get((collection, item), {})
        holdings = {**{key: holding for key, (holding, _) in kept.items()}, **draft.holdings}
        filenames = {key: filename for key, (_, filename) in kept.items() if key not in draft.holdings}
        for key in holdings:
            check_id(key, "asset")
            if key not in assets:
                raise InvalidInputError(f"Item {item!r} has no asset {key!r} for the bytes that came with it.")
        sha256, body, properties, written_properties = self.compile(document, holdings)
        prepared = PreparedItem(
            collection=collection,
            id=item,
            sha256=sha256,
            body=pack(body),
            etag=digest(body),
            original=None if draft.original is None else pack(draft.original),
            times=read_times(item, properties),
            footprint=NOWHERE,
            promoted=promote(properties),
            properties=written_properties,
            assets=tuple(_asset_row(key, assets[key], holding, filenames.get(key)) for key, holding in sorted(holdings.items())),
            bbox=document.get("bbox"),
        )
        return prepared, outline_of(document), properties

    def compile(self, document: JsonObject, holdings: Mapping[str, Holding]) -> Compiled:
        """Compile the body of an item of which *holdings* are held here."""
        origin = origin_item(document, holdings, data_prefix=self.data_prefix)
        written = canonical_members(origin)
        sha256 = hashlib.sha256(join_members(written)).digest()
        written["properties"] = written_properties = orjson.dumps(origin["properties"])
        body = compile_item(origin, written, holdings, site_id=self.site_id, api_path=self.api_path)
        return Compiled(sha256, body, origin["properties"], written_properties)


def _place(unplaced: Sequence[_Unplaced]) -> Prepared:
    """Read all footprints together, which costs a fraction of one by one, and gather what the items tell."""
    footprints = read_footprints([outline for _, outline, _ in unplaced])
    for (item, _, _), footprint in zip(unplaced, footprints, strict=True):
        item.footprint = footprint
    noted = ((item.collection, item.times.starts, properties) for item, _, properties in unplaced)
    return Prepared([item for item, _, _ in unplaced], note_items(noted))


def _name_in(text: bytes) -> str:
    """Return the id that a text which is no Item gives itself, to name it by."""
    try:
        return str(msgspec.json.decode(text, type=_Named).id)[:255]
    except msgspec.MsgspecError:
        return "None"


def read_times(item: str, properties: JsonObject) -> Times:
    """Read when an item is: its `start_datetime` and `end_datetime` where it has both, else its `datetime`.

    Raises
    ------
    InvalidInputError
        It has neither, or they are no instants.
    """
    at, starts, ends = (properties.get(name) for name in ("datetime", "start_datetime", "end_datetime"))
    try:
        if starts is not None and ends is not None:
            first, last = parse_instant(starts), parse_instant(ends)
            if first > last:
                raise InvalidInputError(f"Item {item!r} ends before it starts.")
            return Times(first if at is None else parse_instant(at), first, last)
        if at is not None:
            instant = parse_instant(at)
            return Times(instant, instant, instant)
    except (TypeError, ValueError) as error:
        raise InvalidInputError(f"Item {item!r} has a time that cannot be read: {error}.") from error
    raise InvalidInputError(f"Item {item!r} has no time.", remedy="Give it a `datetime`, or `start_datetime` and `end_datetime`.")


def _asset_row(key: str, asset: JsonObject, holding: Holding, filename: str | None) -> AssetRow:
    is_managed = isinstance(holding, Managed)
    path = None if isinstance(holding, Managed) else holding.path
    return (
        key,
        "managed" if is_managed else "linked",
        None if holding.sha256 is None else bytes.fromhex(holding.sha256),
        holding.size_bytes,
        path,
        asset.get("type"),
        filename or filename_of(path or str(asset.get("href") or "")) or key,
        None if isinstance(holding, Managed) else holding.modified_ns,
    )


def filename_of(source: str) -> str:
    """Return the last segment of a path or URL."""
    return source.partition("?")[0].partition("#")[0].rstrip("/").rpartition("/")[2]
