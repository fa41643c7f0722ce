"""The catalogue's contract: queries in, bytes out."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import msgspec
from shapely.geometry.base import BaseGeometry

from twinlake.core.documents import JsonObject
from twinlake.core.errors import TwinlakeError

BBox = tuple[float, float, float, float]
"""West, south, east, north in degrees (WGS 84); west > east crosses the antimeridian."""


@dataclass(frozen=True, slots=True)
class Managed:
    """Bytes in the site's object store: durable, checksummed and sized before the item is visible."""

    sha256: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Linked:
    """A path of this site under a configured root, read but not owned."""

    path: str
    size_bytes: int
    sha256: str | None = None
    modified_ns: int | None = None
    """Last change of the file that has this hash, nanoseconds since 1970; None where nobody has hashed it."""


Holding = Managed | Linked


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemDraft:
    """An item to put. Assets that *holdings* does not name stay as the document has them (remote)."""

    document: JsonObject
    """A STAC 1.1.0 Item with `collection`, already checked by `twinlake.standards.stac`."""
    original: bytes | None = None
    """The foreign document byte for byte, where the document was migrated or changed."""
    holdings: Mapping[str, Holding] = field(default_factory=dict)


class ItemText(msgspec.Struct, frozen=True, array_like=True):
    """An item of a bulk load, not yet checked. Its assets stay as they are (remote)."""

    text: bytes
    """JSON of a STAC Item of any version that can be read."""
    original: bytes | None = None
    """The foreign document byte for byte, where *text* was made of it."""


@dataclass(frozen=True, slots=True)
class SortKey:
    """One property to sort by; nulls come last in either direction."""

    property: str
    descending: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemQuery:
    """A STAC item search, already checked. The interval is closed at both ends."""

    collections: tuple[str, ...] | None = None
    ids: tuple[str, ...] | None = None
    bbox: BBox | None = None
    intersects: BaseGeometry | None = None
    start: int | None = None
    """Items must not end before this instant, microseconds since 1970 UTC; None leaves the interval open."""
    end: int | None = None
    """Items must not start after this instant."""
    filter: JsonObject | None = None
    """CQL2 as JSON, checked by `twinlake.standards.cql2`."""
    sortby: tuple[SortKey, ...] = (SortKey("datetime", descending=True),)
    """Ties are broken by id, then collection, ascending."""
    limit: int = 10
    after: tuple[Any, ...] | None = None
    """Sort values, id and collection of the last item of the page before; None for the first page."""
    count: bool = True
    """Whether `matched` is wanted."""


@dataclass(frozen=True, slots=True, eq=False)
class Visibility:
    """What one caller may discover, compiled once and cached; equal to itself only, so that it is part of a key."""

    everything: bool = False
    """All collections, no horizon."""
    collections: frozenset[str] = frozenset()
    """Ids that may be seen; meaningless with *everything*."""
    horizons: Mapping[str, int] = field(default_factory=dict)
    """Embargo per collection id: items that start after this instant (microseconds) are not seen."""


EVERYTHING = Visibility(everything=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemPage:
    """One page of a search."""

    bodies: list[bytes]
    """Each a finished GeoJSON Feature in JSON, links included."""
    after: tuple[Any, ...] | None
    """The key to go on with; None if this is the last page."""
    matched: int | None
    """Exact number of items over all pages, or None where it was not counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredItem:
    """One version of an item as it is served."""

    body: bytes
    etag: str
    """Strong, quoted, of the representation."""
    version: str
    """SHA-256 of the canonical document, hex."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredAsset:
    """What delivery needs to know of one asset."""

    collection: str
    item: str
    key: str
    holding: "Holding | Bundle | None"
    href: str | None
    """The remote href where *holding* is None."""
    media_type: str | None
    filename: str


@dataclass(frozen=True, slots=True)
class Bundle:
    """What is held of an item, where its whole product is several assets."""

    assets: tuple[StoredAsset, ...]
    """Those with bytes here, by their keys; at least two, and none is a bundle."""


Access = Literal["open", "licensed", "restricted", "private"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectionAccess:
    """Who may see and read a collection."""

    access: Access = "open"
    owner: str | None = None
    """``issuer|subject`` of the owning principal."""
    projects: tuple[str, ...] = ()
    embargo_days: int | None = None
    """Items younger than this are hidden from all but the owner and stewards."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredCollection:
    """A collection as it is served, with what decides who sees it."""

    id: str
    body: bytes
    """Finished JSON, links included; extents and summaries as they are now."""
    etag: str
    access: CollectionAccess


@dataclass(frozen=True, slots=True)
class PutReport:
    """What a put did to each item, in order."""

    outcomes: tuple[Literal["created", "updated", "unchanged"], ...]


class Refusal(msgspec.Struct, frozen=True, array_like=True):
    """A document of a bulk load that was not taken."""

    number: int
    """Place in the stream, from 0."""
    item: str
    reason: str
    remedy: str | None
    code: str

    @classmethod
    def of(cls, number: int, item: str, error: TwinlakeError) -> "Refusal":
        """Write *error* down."""
        return cls(number, item, error.message, error.remedy, error.code)


@dataclass(slots=True)
class LoadReport:
    """What a bulk load did."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    refused: list[Refusal] = field(default_factory=list)


class Catalogue(Protocol):
    """Keeps STAC collections and items and finds them.

    Every implementation passes `twinlake.testing.catalogue.CatalogueContract`.
    """

    async def put_collection(
        self,
        document: JsonObject,
        *,
        access: CollectionAccess | None = None,
        if_match: str | None = None,
        create: bool = False,
        visibility: Visibility = EVERYTHING,
    ) -> StoredCollection:
        """Insert or replace a collection; *access* None keeps what is there (open when new).

        What *document* repeats of the extent and summaries that were computed for *visibility*, which is the caller's,
        stays computed; *if_match* is an ETag that they were given, and they are answered with what they may see.

        Raises
        ------
        ConflictError
            *create* was asked and it exists.
        PreconditionFailedError
            *if_match* is not the ETag of what is there.
        """
        ...

    async def get_collection(self, collection: str, visibility: Visibility) -> StoredCollection: ...

    async def list_collections(self, visibility: Visibility) -> list[StoredCollection]: ...

    async def list_access(self) -> Mapping[str, CollectionAccess]:
        """Return the access record of every collection: as long as none changed the same object, and no query.

        Only the process that holds the catalogue may change them.
        """
        ...

    async def set_access(self, collection: str, access: CollectionAccess) -> None: ...

    async def delete_collection(
        self, collection: str, *, if_match: str | None = None, visibility: Visibility = EVERYTHING
    ) -> None:
        """Delete a collection and its items; tombstones stay. *if_match* is an ETag that one was given who has *visibility*."""
        ...

    async def put_items(self, drafts: Sequence[ItemDraft], *, create: bool = False, if_match: str | None = None) -> PutReport:
        """Insert or replace items, all or none, durable on return; an unchanged put makes no version and no event.

        Raises
        ------
        CollectionNotFoundError, ConflictError (with *create*), PreconditionFailedError
        """
        ...

    async def load_items(self, texts: Iterable[ItemText], *, collection: str | None = None) -> LoadReport:
        """Check a stream of items and insert or replace them in bounded batches, each durable; what is no item is refused.

        Repeating it makes no versions. An asset that points at this site's own data stays as it is.

        Parameters
        ----------
        collection
            To which all must belong, and whose id those get that name none; None takes what each names.

        Raises
        ------
        CollectionNotFoundError
            An item names a collection that is not there; what was written before is kept.
        """
        ...

    async def delete_item(self, collection: str, item: str, *, if_match: str | None = None) -> None: ...

    async def get_item(self, collection: str, item: str, visibility: Visibility, *, version: str | None = None) -> StoredItem: ...

    async def get_asset(self, collection: str, item: str, asset: str, visibility: Visibility) -> StoredAsset: ...

    async def search(self, query: ItemQuery, visibility: Visibility, *, deadline_seconds: float) -> ItemPage:
        """Find items: exact, in total order, bounded in time.

        Raises
        ------
        DeadlineExceededError, InvalidInputError (a property cannot be sorted or compared so)
        """
        ...

    async def queryables(self, collection: str | None, visibility: Visibility) -> JsonObject:
        """Return the JSON Schema of what can be queried, from statistics; of all visible collections if None."""
        ...

    async def aggregate_counts(
        self, query: ItemQuery, visibility: Visibility, *, by: Sequence[str], deadline_seconds: float
    ) -> JsonObject:
        """Count items per name in *by*: ``total_count``, ``collection``, ``datetime_month`` or a property.

        The total is a number; all else is a list of buckets ``{"key": …, "count": n}``, at most 1 000: most items first,
        months in order, with the month's first instant as key. Items without the property are in no bucket.
        """
        ...
