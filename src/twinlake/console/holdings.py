"""The pages on collections and items."""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from twinlake.console.describe import (
    Paths,
    box_feature,
    describe_asset,
    describe_collection,
    describe_item,
    describe_properties,
    find_thumbnail,
    footprint,
)
from twinlake.core.documents import JsonObject
from twinlake.holdings.catalogue.interfaces import Catalogue, ItemPage, ItemQuery, StoredCollection, Visibility

_NEWEST = 8


class Shelves:
    """Reads collections and items for their pages."""

    def __init__(self, *, catalogue: Catalogue, deadline_seconds: float) -> None:
        self._catalogue = catalogue
        self._deadline_seconds = deadline_seconds

    async def list_collections(self, visibility: Visibility, paths: Paths, *, limit: int | None = None) -> list[JsonObject]:
        """Return cards of the visible collections, the newest item's picture on each."""
        stored = sorted(await self._catalogue.list_collections(visibility), key=lambda one: one.id)
        counts = await self._count(visibility)
        return [await self._make_card(one, counts, visibility, paths) for one in stored[:limit]]

    async def count(self, visibility: Visibility) -> tuple[int, int]:
        """Return how many collections and items are visible."""
        counts = await self._count(visibility)
        return len(await self._catalogue.list_collections(visibility)), sum(counts.values())

    async def show_collection(self, collection: str, visibility: Visibility, paths: Paths) -> JsonObject:
        """Return what a collection's page shows."""
        stored = await self._catalogue.get_collection(collection, visibility)
        document = orjson.loads(stored.body)
        newest = await self._find_newest(collection, visibility, _NEWEST)
        months = await self._catalogue.aggregate_counts(
            ItemQuery(collections=(collection,)), visibility, by=("datetime_month",), deadline_seconds=self._deadline_seconds
        )
        queryables = await self._catalogue.queryables(collection, visibility)
        counts = await self._count(visibility)
        boxes = document["extent"]["spatial"]["bbox"]
        return {
            "one": describe_collection(document, counts.get(collection, 0), paths),
            "newest": [describe_item(orjson.loads(body), paths) for body in newest.bodies],
            "timeline": draw_timeline(months["datetime_month"]),
            "queryables": list_queryables(queryables),
            "facts": _list_facts(document, stored),
            "footprints": write_features([box_feature(box) for box in boxes[:1]]),
        }

    async def show_item(self, collection: str, item: str, visibility: Visibility, paths: Paths) -> JsonObject:
        """Return what an item's page shows."""
        stored = await self._catalogue.get_item(collection, item, visibility)
        document = orjson.loads(stored.body)
        return {
            "item": describe_item(document, paths),
            "document": document,
            "assets": [describe_asset(key, asset) for key, asset in document["assets"].items()],
            "properties": describe_properties(document["properties"]),
            "footprints": write_features([footprint(document)] if document["geometry"] else []),
        }

    async def _make_card(
        self, stored: StoredCollection, counts: Mapping[str, int], visibility: Visibility, paths: Paths
    ) -> JsonObject:
        document = orjson.loads(stored.body)
        card = describe_collection(document, counts.get(stored.id, 0), paths)
        newest = await self._find_newest(stored.id, visibility, 1)
        picture = find_thumbnail(orjson.loads(newest.bodies[0]), paths) if newest.bodies else None
        return card | {"thumbnail": picture, "access": stored.access.access}

    async def _find_newest(self, collection: str, visibility: Visibility, limit: int) -> ItemPage:
        query = ItemQuery(collections=(collection,), limit=limit, count=False)
        return await self._catalogue.search(query, visibility, deadline_seconds=self._deadline_seconds)

    async def _count(self, visibility: Visibility) -> dict[str, int]:
        counts = await self._catalogue.aggregate_counts(
            ItemQuery(), visibility, by=("collection",), deadline_seconds=self._deadline_seconds
        )
        return {bucket["key"]: bucket["count"] for bucket in counts["collection"]}


def write_features(features: Sequence[JsonObject]) -> str:
    """Write features as JSON that may stand inside an HTML element."""
    data = orjson.dumps({"type": "FeatureCollection", "features": features}).decode()
    return data.replace("<", "\\u003c")  # "<" would end the element


def draw_timeline(buckets: Sequence[Mapping[str, Any]]) -> JsonObject | None:
    """Return bars of items per month, 0-100 high, from the first month to the last."""
    if not buckets:
        return None
    counts = {_month_number(bucket["key"]): int(bucket["count"]) for bucket in buckets}
    first, last, most = min(counts), max(counts), max(counts.values())
    bars = [
        {"x": month - first, "height": 100 * count / most, "title": f"{month // 12}-{month % 12 + 1:02d}: {count}"}
        for month, count in sorted(counts.items())
    ]
    label = f"From {first // 12}-{first % 12 + 1:02d} to {last // 12}-{last % 12 + 1:02d}; at most {most} items in a month."
    return {"bars": bars, "width": last - first + 1, "label": label}


def _month_number(key: str) -> int:
    year, month = key[:7].split("-")
    return int(year) * 12 + int(month) - 1


def list_queryables(schema: JsonObject) -> list[JsonObject]:
    """Return the rows of a table of queryables."""
    return [
        {"name": name, "type": one.get("type") or ("geometry" if "$ref" in one else "any"), "range": _write_range(one)}
        for name, one in sorted(schema.get("properties", {}).items())
    ]


def _write_range(schema: JsonObject) -> str:
    if "enum" in schema:
        return ", ".join(map(str, schema["enum"]))
    if "minimum" in schema or "maximum" in schema:
        return f"{schema.get('minimum', '…')} – {schema.get('maximum', '…')}"
    return str(schema.get("format", ""))


def _list_facts(document: JsonObject, stored: StoredCollection) -> list[tuple[str, str]]:
    box = document["extent"]["spatial"]["bbox"][0]
    facts = [
        ("Id", document["id"]),
        ("Access", stored.access.access),
        ("Licence", document["license"]),
        ("Extent", ", ".join(f"{side:g}" for side in box)),
    ]
    providers = ", ".join(provider["name"] for provider in document.get("providers", []))
    if providers:
        facts.append(("Providers", providers))
    if keywords := document.get("keywords"):
        facts.append(("Keywords", ", ".join(keywords)))
    return facts
