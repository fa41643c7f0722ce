"""The pages on collections and items."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from twinlake.console.addresses import Addresses
from twinlake.console.describe import (
    describe_asset,
    describe_collection,
    describe_item,
    describe_properties,
    draw_box,
    draw_footprint,
    measure_thumbnail,
    natural_key,
    sort_simultaneous,
    write_count,
    write_features,
)
from twinlake.core.documents import JsonObject
from twinlake.holdings.catalogue.interfaces import Catalogue, ItemPage, ItemQuery, StoredCollection, Visibility

_NEWEST = 8
_MOST_ON_TIMELINE = 200_000
"""Items: counting more by month takes too long for a page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
    """Cards of some collections, and how much there is in all."""

    cards: list[JsonObject]
    collections: int
    """How many are visible; of these, how many there are in `cards` depends on what was asked for."""
    items: int
    """How many are visible in all collections."""
    found: int
    """How many collections have the words that were asked for."""


class Shelves:
    """Reads collections and items for their pages."""

    def __init__(self, *, catalogue: Catalogue, addresses: Addresses, deadline_seconds: float) -> None:
        self._catalogue = catalogue
        self._addresses = addresses
        self._deadline_seconds = deadline_seconds

    async def list_collections(
        self, visibility: Visibility, *, q: str = "", skip: int = 0, limit: int, picture_bytes: int | None = None
    ) -> Shelf:
        """Return cards of collections: those with items first, then by title.

        Parameters
        ----------
        q
            Words that a collection must have.
        skip, limit
            How many to leave out, and how many to return of those that follow.
        picture_bytes
            What all pictures may take together; the largest are left out. None is no limit.
        """
        stored = await self._catalogue.list_collections(visibility)
        counts = await self._count(visibility)
        described = [(one, describe_collection(orjson.loads(one.body), self._addresses)) for one in stored]
        words = q.casefold().split()
        found = [pair for pair in described if has_words(pair[1], words)]
        found.sort(key=lambda pair: (not counts.get(pair[0].id), natural_key(pair[1]["title"]), natural_key(pair[0].id)))
        cards = [await self._make_card(one, card, counts, visibility) for one, card in found[skip : skip + limit]]
        if picture_bytes is not None:
            _drop_pictures(cards, picture_bytes)
        return Shelf(cards=cards, collections=len(stored), items=sum(counts.values()), found=len(found))

    async def show_collection(self, collection: str, visibility: Visibility) -> JsonObject:
        """Return what a collection's page shows.

        Raises
        ------
        CollectionNotFoundError
            There is none, or it is not visible.
        """
        stored = await self._catalogue.get_collection(collection, visibility)
        document = orjson.loads(stored.body)
        newest = await self._find_newest(collection, visibility, _NEWEST)
        count = (await self._count(visibility)).get(collection, 0)
        queryables = await self._catalogue.queryables(collection, visibility)
        return {
            "one": describe_collection(document, self._addresses) | {"count": write_count(count, "item")},
            "newest": [describe_item(one, self._addresses) for one in sort_simultaneous(map(orjson.loads, newest.bodies))],
            "timeline": await self._draw_timeline(collection, visibility) if 0 < count <= _MOST_ON_TIMELINE else None,
            "queryables": list_queryables(queryables),
            "facts": _list_facts(document, stored),
            "footprints": write_features([draw_box(document["extent"]["spatial"]["bbox"][0], "extent")]),
        }

    async def show_item(self, collection: str, item: str, visibility: Visibility) -> JsonObject:
        """Return what an item's page shows, and its ``document``.

        Raises
        ------
        NotFoundError
            There is none, or it is not visible.
        """
        stored = await self._catalogue.get_item(collection, item, visibility)
        document = orjson.loads(stored.body)
        return {
            "document": document,
            "item": describe_item(document, self._addresses),
            "assets": [describe_asset(key, asset, self._addresses) for key, asset in document["assets"].items()],
            "properties": describe_properties(document["properties"]),
            "tiles": self._addresses.preview(document),
            "footprints": write_features([draw_footprint(document)]) if document["geometry"] else None,
        }

    async def _make_card(
        self, stored: StoredCollection, described: JsonObject, counts: Mapping[str, int], visibility: Visibility
    ) -> JsonObject:
        count = counts.get(stored.id, 0)
        newest = (await self._find_newest(stored.id, visibility, 1)).bodies if count else []
        picture, size_bytes = measure_thumbnail(orjson.loads(newest[0]), self._addresses) if newest else (None, 0)
        return {
            **described,
            "count": write_count(count, "item"),
            "thumbnail": picture,
            "thumbnail_bytes": size_bytes,
            "access": stored.access.access,
        }

    async def _find_newest(self, collection: str, visibility: Visibility, limit: int) -> ItemPage:
        query = ItemQuery(collections=(collection,), limit=limit, count=False)
        return await self._catalogue.search(query, visibility, deadline_seconds=self._deadline_seconds)

    async def _count(self, visibility: Visibility) -> dict[str, int]:
        counts = await self._catalogue.aggregate_counts(
            ItemQuery(), visibility, by=("collection",), deadline_seconds=self._deadline_seconds
        )
        return {bucket["key"]: bucket["count"] for bucket in counts["collection"]}

    async def _draw_timeline(self, collection: str, visibility: Visibility) -> JsonObject | None:
        query = ItemQuery(collections=(collection,))
        counts = await self._catalogue.aggregate_counts(
            query, visibility, by=("datetime_month",), deadline_seconds=self._deadline_seconds
        )
        return draw_timeline(counts["datetime_month"])


def _drop_pictures(cards: Sequence[JsonObject], budget_bytes: int) -> None:
    """Take the largest pictures from *cards* until the others are within the budget."""
    for card in sorted(cards, key=lambda card: card["thumbnail_bytes"]):
        budget_bytes -= card["thumbnail_bytes"]
        if budget_bytes < 0:
            card["thumbnail"] = None


def has_words(described: JsonObject, words: Sequence[str]) -> bool:
    """Tell whether a collection's id, title or description has all *words* (in small letters)."""
    text = f"{described['id']} {described['title']} {described['description']}".casefold()
    return all(word in text for word in words)


def draw_timeline(buckets: Sequence[Mapping[str, Any]]) -> JsonObject | None:
    """Return bars of items per month, 0-100 high, from the first month to the last; None where there is nothing to compare."""
    counts = {_month_number(bucket["key"]): int(bucket["count"]) for bucket in buckets}
    if len(counts) < 2:
        return None
    first, last, most = min(counts), max(counts), max(counts.values())
    bars = [
        {"x": month - first, "height": 100 * count / most, "title": f"{_write_month(month)}: {count}"}
        for month, count in sorted(counts.items())
    ]
    return {
        "bars": bars,
        "width": last - first + 1,
        "first": _write_month(first),
        "last": _write_month(last),
        "label": f"Items per month from {_write_month(first)} to {_write_month(last)}; at most {write_count(most, 'item')}.",
    }


def _month_number(key: str) -> int:
    """Return the months since the year 0 of an instant as RFC 3339 writes it."""
    year, month = key[:7].split("-")
    return int(year) * 12 + int(month) - 1


def _write_month(number: int) -> str:
    return f"{number // 12:04d}-{number % 12 + 1:02d}"


def list_queryables(schema: JsonObject) -> list[JsonObject]:
    """Return the rows of a table of queryables."""
    return [
        {"name": name, "type": _write_type(one), "range": _write_range(one)}
        for name, one in sorted(schema.get("properties", {}).items())
    ]


def _write_type(schema: JsonObject) -> str:
    kind = schema.get("type") or ("geometry" if "$ref" in schema else "any")
    return " or ".join(kind) if isinstance(kind, list) else kind


def _write_range(schema: JsonObject) -> str:
    values = schema.get("enum") or schema.get("items", {}).get("enum")
    if values:
        return ", ".join(map(str, values))
    if "minimum" in schema or "maximum" in schema:
        return f"{schema.get('minimum', '…')} – {schema.get('maximum', '…')}"
    return str(schema.get("format", ""))


def _list_facts(document: JsonObject, stored: StoredCollection) -> list[tuple[str, str]]:
    facts = [
        ("Id", document["id"]),
        ("Access", stored.access.access),
        ("Licence", document["license"]),
        ("Extent", ", ".join(f"{side:g}" for side in document["extent"]["spatial"]["bbox"][0])),
        ("Providers", ", ".join(provider["name"] for provider in document.get("providers", []))),
        ("Keywords", ", ".join(document.get("keywords", []))),
    ]
    return [(name, value) for name, value in facts if value]
