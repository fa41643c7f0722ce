"""Queries and answers between sites, as JSON; what comes in is checked as if anybody had sent it."""

from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
import orjson
import shapely
from msgspec import Meta

from twinlake.core.documents import JsonObject
from twinlake.core.errors import InvalidInputError
from twinlake.federation.search.errors import InvalidAnswerError
from twinlake.federation.search.forms import Queryables, check_text
from twinlake.federation.search.interfaces import SourcePage
from twinlake.federation.search.keys import key_order
from twinlake.holdings.catalogue.interfaces import ItemQuery, SortKey
from twinlake.standards.cql2 import check_json
from twinlake.standards.geojson import find_box_problems, find_geometry_problems, to_shape
from twinlake.standards.problems import InvalidDocumentError
from twinlake.standards.stac.selecting import Fields

MAX_LIMIT = 1000
"""Items that one site asks another for at once."""
Name = Annotated[str, Meta(min_length=1, max_length=255)]
Chain = Annotated[list[Name], Meta(min_length=1, max_length=16)]
_Names = Annotated[list[Name], Meta(max_length=10_000)]
_Paths = Annotated[list[Annotated[str, Meta(max_length=1000)]], Meta(max_length=250)]
_Instant = Annotated[int, Meta(ge=-(2**62), le=2**62)]
_MOST_BUCKETS = 1000
_Count = Annotated[int, Meta(ge=0, le=2**53)]
_Whole = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]


class QueryMessage(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """An `ItemQuery`. The interval is in microseconds since 1970 UTC."""

    sortby: Annotated[list[tuple[Name, bool]], Meta(min_length=1, max_length=8)]
    collections: _Names | None = None
    ids: _Names | None = None
    bbox: list[float] | None = None
    intersects: dict[str, Any] | None = None
    start: _Instant | None = None
    end: _Instant | None = None
    filter: dict[str, Any] | None = None
    limit: Annotated[int, Meta(ge=1, le=MAX_LIMIT)] = 10
    after: Annotated[list[str | int | float | None], Meta(max_length=10)] | None = None
    count: bool = True


class FieldsMessage(msgspec.Struct, forbid_unknown_fields=True):
    """`Fields`."""

    include: _Paths | None
    exclude: _Paths


class SearchMessage(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """A search of one site by another."""

    chain: Chain
    """Sites through which the question has come, the first one first."""
    query: QueryMessage
    fields: FieldsMessage | None = None


class CollectionsMessage(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """A question for all collections."""

    chain: Chain


class QueryablesMessage(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """A question for what can be queried: of one collection or of all."""

    chain: Chain
    collection: Name | None = None


class AggregateMessage(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """A question for counts."""

    chain: Chain
    query: QueryMessage
    by: Annotated[list[Name], Meta(max_length=20)]


class VersionsMessage(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """A question for the versions of what a query finds, or for those of *versions* (SHA-256, hex) among them."""

    chain: Chain
    query: QueryMessage
    versions: Annotated[list[Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]], Meta(max_length=10_000)] | None = None


class _PageAnswer(msgspec.Struct):
    features: list[msgspec.Raw]
    more: bool
    matched: _Count | None
    closed: _Names = []


class _CollectionsAnswer(msgspec.Struct):
    collections: Annotated[list[dict[str, Any]], Meta(max_length=100_000)]
    closed: _Names = []


class _Bucket(msgspec.Struct):
    key: str | _Whole | float
    count: _Count


_read_page = msgspec.json.Decoder(_PageAnswer).decode
_read_collections = msgspec.json.Decoder(_CollectionsAnswer).decode
_read_queryables = msgspec.json.Decoder(Queryables).decode
_read_counts = msgspec.json.Decoder(dict[str, _Count | Annotated[list[_Bucket], Meta(max_length=_MOST_BUCKETS)]]).decode


def write_query(query: ItemQuery) -> JsonObject:
    """Return *query* as JSON that `read_query` reads."""
    return {
        "sortby": [[key.property, key.descending] for key in query.sortby],
        "collections": None if query.collections is None else list(query.collections),
        "ids": None if query.ids is None else list(query.ids),
        "bbox": None if query.bbox is None else list(query.bbox),
        "intersects": None if query.intersects is None else orjson.loads(shapely.to_geojson(query.intersects)),
        "start": query.start,
        "end": query.end,
        "filter": query.filter,
        "limit": query.limit,
        "after": None if query.after is None else list(query.after),
        "count": query.count,
    }


def read_query(message: QueryMessage) -> ItemQuery:
    """Return the query of a message.

    Raises
    ------
    InvalidInputError
        A member is not what it should be.
    """
    if message.intersects is not None and (problems := find_geometry_problems(message.intersects, "intersects")):
        raise InvalidDocumentError("The geometry of 'intersects'", problems)
    if message.bbox is not None and (len(message.bbox) != 4 or find_box_problems(message.bbox)):
        raise InvalidInputError("The bbox is not one of four degrees.")
    sortby = tuple(SortKey(name, descending) for name, descending in message.sortby)
    if len({key.property.removeprefix("properties.") for key in sortby}) < len(sortby):
        raise InvalidInputError("'sortby' names a field twice.")
    return ItemQuery(
        collections=None if message.collections is None else tuple(message.collections),
        ids=None if message.ids is None else tuple(message.ids),
        bbox=None if message.bbox is None else (message.bbox[0], message.bbox[1], message.bbox[2], message.bbox[3]),
        intersects=None if message.intersects is None else to_shape(message.intersects),
        start=message.start,
        end=message.end,
        filter=None if message.filter is None else check_json(message.filter),
        sortby=sortby,
        limit=message.limit,
        after=None if message.after is None else key_order(sortby).check(message.after),
        count=message.count,
    )


def write_fields(fields: Fields | None) -> JsonObject | None:
    """Return *fields* as JSON."""
    if fields is None:
        return None
    return {"include": None if fields.include is None else list(fields.include), "exclude": list(fields.exclude)}


def read_fields(message: FieldsMessage | None) -> Fields | None:
    """Return the fields of a message."""
    if message is None:
        return None
    return Fields(None if message.include is None else tuple(message.include), tuple(message.exclude))


def write_page(page: SourcePage) -> bytes:
    """Write a page as a site answers it to another."""
    closed = {"closed": sorted(page.closed)} if page.closed else {}
    tail = orjson.dumps({"more": page.more, "matched": page.matched, **closed})
    return b"".join((b'{"features":[', b",".join(page.bodies), b"],", tail[1:]))


def read_page(content: bytes) -> SourcePage:
    """Read what another site answered; the features stay the bytes that they are, and nobody has looked into them.

    Raises
    ------
    InvalidAnswerError
        It is no page in JSON.
    """
    answer = _decode(_read_page, content)
    return SourcePage(
        bodies=[bytes(body) for body in answer.features],
        more=answer.more,
        matched=answer.matched,
        closed=frozenset(answer.closed),
    )


def read_collections(content: bytes) -> tuple[Sequence[JsonObject], Sequence[str]]:
    """Read the collections that another site answered, and those among their addresses that it calls closed."""
    answer = _decode(_read_collections, check_text(content))
    return answer.collections, answer.closed


def read_queryables(content: bytes) -> JsonObject:
    """Read the JSON Schema of what can be queried at another site."""
    _decode(_read_queryables, check_text(content))
    try:
        return orjson.loads(content)  # type: ignore[no-any-return]
    except orjson.JSONDecodeError as error:
        raise InvalidAnswerError(f"Its schema cannot be read: {error}.") from None


def read_counts(content: bytes, by: Sequence[str]) -> JsonObject:
    """Read counts that another site answered: all of *by* and nothing else, the total as a number, all else as buckets."""
    counts = _decode(_read_counts, check_text(content))
    if counts.keys() != set(by) or any(isinstance(counts[name], int) != (name == "total_count") for name in by):
        raise InvalidAnswerError("It counted something else than was asked for.")
    return msgspec.to_builtins(counts)  # type: ignore[no-any-return]


def _decode(decode: Any, content: bytes) -> Any:
    try:
        return decode(content)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidAnswerError(f"Its answer is not of the form of such an answer: {error}.") from None
