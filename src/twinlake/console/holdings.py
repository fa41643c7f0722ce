"""The pages on collections and items."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from twinlake.console.addresses import Addresses
from twinlake.console.describe import (
    cut_text,
    describe_asset,
    describe_collection,
    describe_item,
    describe_properties,
    draw_box,
    draw_footprint,
    measure_thumbnail,
    name_colours,
    natural_key,
    sort_simultaneous,
    write_count,
    write_features,
)
from twinlake.console.reading import read_collection, read_item, read_queryables
from twinlake.core.documents import JsonObject
from twinlake.discovery.data.aggregation import AggregateRequest
from twinlake.discovery.data.collection_requests import CollectionRequest
from twinlake.discovery.data.reach import ALL_SITES, BACKENDS, Reach
from twinlake.discovery.data.requests import SearchRequest
from twinlake.discovery.data.service import DataDiscovery
from twinlake.federation.search.models import Scope
from twinlake.holdings.catalogue.interfaces import ItemQuery
from twinlake.identity.principals import Caller
from twinlake.standards.datalake import DOWNLOAD, single_assets
from twinlake.standards.stac.bands import find_colours, list_bands

_NEWEST = 8
_ZIP = "application/zip"
_MONTH = re.compile(r"(\d{4})-(0[1-9]|1[0-2])", re.ASCII)
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
    missing: Mapping[str, str]
    """Reasons by id of the sites that did not answer."""


class Shelves:
    """Reads collections and items for their pages: of all sites, where there are others."""

    def __init__(self, *, discovery: DataDiscovery, addresses: Addresses) -> None:
        self._discovery = discovery
        self._addresses = addresses

    async def list_collections(
        self, caller: Caller, *, q: str = "", skip: int = 0, limit: int, picture_bytes: int | None = None
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
        listed = await self._discovery.search_collections(caller, CollectionRequest())
        counts, uncounted = await self._count(caller, ItemQuery())
        described = [describe_collection(read_collection(body), self._addresses) for body in listed.bodies]
        words = q.casefold().split()
        found = [one for one in described if has_words(one, words)]
        found.sort(key=lambda one: (not counts.get(one["id"]), natural_key(one["title"]), natural_key(one["id"])))
        ids = Counter(one["id"] for one in described)
        cards = [await self._make_card(one, counts, caller, is_one_of=ids[one["id"]]) for one in found[skip : skip + limit]]
        if picture_bytes is not None:
            _drop_pictures(cards, picture_bytes)
        return Shelf(
            cards=cards,
            collections=len(described),
            items=sum(counts.values()),
            found=len(found),
            missing={**({} if listed.completeness is None else listed.completeness.missing), **uncounted},
        )

    async def show_collection(self, collection: str, caller: Caller, sites: Sequence[str] = ()) -> JsonObject:
        """Return what a collection's page shows; of several of one id, that of *sites*, else this site's, else the first.

        Raises
        ------
        CollectionNotFoundError
            There is none, or it is not visible.
        """
        listed = await self._discovery.search_collections(caller, CollectionRequest(filter=_has_id(collection)))
        wanted = set(sites) or {self._addresses.site_id}
        entries = [(body, read_collection(body)[BACKENDS]) for body in listed.bodies]
        entries.sort(key=lambda entry: wanted.isdisjoint(entry[1]))
        if entries and not (sites and wanted.isdisjoint(entries[0][1])):
            body, holders = entries[0]
        else:
            body = (await self._discovery.get_collection(caller, collection, _reach(sites))).body
            holders = read_collection(body)[BACKENDS]
        reach = _reach(holders if len(entries) > 1 else sites)
        count, missing = await self._count_in(collection, caller, reach)
        newest = await self._find_newest(collection, caller, _NEWEST, reach)
        return {
            **lay_out_collection(body, self._addresses, count=count, access=await self._find_access(collection, holders)),
            "newest": [describe_item(one, self._addresses) for one in sort_simultaneous(map(read_item, newest))],
            "timeline": await self._draw_timeline(collection, caller, reach) if 0 < count <= _MOST_ON_TIMELINE else None,
            "queryables": list_queryables(await self._discovery.queryables(caller, collection, reach)),
            "missing": missing,
            "namesakes": [
                {"sites": others, "href": self._addresses.collection(collection, others)}
                for _, others in entries
                if others != holders
            ],
            "backends": sorted(reach.scope.backends or ()),
        }

    async def show_item(self, collection: str, item: str, caller: Caller, sites: Sequence[str] = ()) -> JsonObject:
        """Return what an item's page shows, and its ``document``; of several of these ids, that of *sites*.

        Raises
        ------
        NotFoundError
            There is none, or it is not visible.
        """
        found = await self._discovery.get_item(caller, collection, item, reach=_reach(sites))
        return lay_out_item(found.body, self._addresses)

    async def _make_card(self, described: JsonObject, counts: Mapping[str, int], caller: Caller, *, is_one_of: int) -> JsonObject:
        name, count = described["id"], counts.get(described["id"], 0)
        reach = _reach(described["sites"] if is_one_of > 1 else ())
        if is_one_of > 1:
            count, _ = await self._count_in(name, caller, reach)
        newest = await self._find_newest(name, caller, 1, reach) if count else []
        picture, size_bytes = measure_thumbnail(read_item(newest[0]), self._addresses) if newest else (None, 0)
        return {
            **described,
            "count": write_count(count, "item"),
            "thumbnail": picture,
            "thumbnail_bytes": size_bytes,
            "access": await self._find_access(name, described["sites"]) or "open",
        }

    async def _find_newest(self, collection: str, caller: Caller, limit: int, reach: Reach) -> list[bytes]:
        query = ItemQuery(collections=(collection,), limit=limit, count=False)
        return (await self._discovery.search(caller, SearchRequest(query=query, reach=reach))).bodies

    async def _find_access(self, collection: str, holders: Sequence[str]) -> str:
        """Return who may see a collection, where that is this site's to say."""
        is_here = not holders or self._addresses.site_id in holders
        return (await self._discovery.find_access(collection) or "") if is_here else ""

    async def _count(
        self, caller: Caller, query: ItemQuery, reach: Reach = ALL_SITES
    ) -> tuple[dict[str, int], Mapping[str, str]]:
        """Return numbers of items by collection, and the reasons of the sites that did not tell."""
        request = AggregateRequest(query=query, names=("collection_frequency",), reach=reach)
        [counted], completeness = await self._discovery.aggregate(caller, request)
        missing = {} if completeness is None else completeness.missing
        return {bucket["key"]: bucket["frequency"] for bucket in counted["buckets"]}, missing

    async def _count_in(self, collection: str, caller: Caller, reach: Reach) -> tuple[int, Mapping[str, str]]:
        counts, missing = await self._count(caller, ItemQuery(collections=(collection,)), reach)
        return counts.get(collection, 0), missing

    async def _draw_timeline(self, collection: str, caller: Caller, reach: Reach) -> JsonObject | None:
        query = ItemQuery(collections=(collection,))
        request = AggregateRequest(query=query, names=("datetime_frequency",), reach=reach)
        [counted], _ = await self._discovery.aggregate(caller, request)
        return draw_timeline([{"key": bucket["key"], "count": bucket["frequency"]} for bucket in counted["buckets"]])


def _reach(sites: Sequence[str]) -> Reach:
    """Return how far a question goes that is for *sites*; for none in particular, to all."""
    return Reach(scope=Scope(backends=frozenset(sites))) if sites else ALL_SITES


def _has_id(collection: str) -> JsonObject:
    return {"op": "=", "args": [{"property": "id"}, collection]}


def lay_out_collection(body: bytes, addresses: Addresses, *, count: int, access: str) -> JsonObject:
    """Return what a collection's page shows of its document."""
    document = read_collection(body)
    return {
        "one": describe_collection(document, addresses) | {"count": write_count(count, "item")},
        "facts": _list_facts(document, access),
        "footprints": write_features([draw_box(document["bbox"], "extent") if document["bbox"] else None]),
    }


def lay_out_item(body: bytes, addresses: Addresses) -> JsonObject:
    """Return what an item's page shows, and its ``document``."""
    document = read_item(body)
    whole = document["assets"].get(DOWNLOAD)
    document["assets"] = single_assets(document)
    footprint, sites = draw_footprint(document), document[BACKENDS]
    drawn = addresses.find_drawn(document)
    bands = [] if drawn is None else list_bands(document["assets"][drawn])
    colours = find_colours(bands)
    is_archive = DOWNLOAD not in document["assets"] and whole is not None and whole["type"] == _ZIP  # else it is one file
    return {
        "document": document,
        "item": describe_item(document, addresses),
        "assets": [describe_asset(key, asset, addresses, sites) for key, asset in document["assets"].items()],
        "whole": describe_asset(DOWNLOAD, whole, addresses, sites) if is_archive else None,
        "properties": describe_properties(document["properties"]),
        "tiles": None if drawn is None else addresses.preview(document["collection"], document["id"], drawn, colours),
        "colours": name_colours(colours, [str(band.get("name") or "") for band in bands]),
        "footprints": write_features([footprint]) if footprint else None,
    }


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
    months = [(_MONTH.match(str(bucket["key"])), int(bucket["count"])) for bucket in buckets]
    counts = {12 * int(month[1]) + int(month[2]) - 1: count for month, count in months if month}
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


def _write_month(number: int) -> str:
    return f"{number // 12:04d}-{number % 12 + 1:02d}"


def list_queryables(schema: JsonObject) -> list[JsonObject]:
    """Return the rows of a table of queryables."""
    return [
        {"name": name, "type": cut_text(_write_type(one)), "range": cut_text(_write_range(one))}
        for name, one in sorted(read_queryables(schema).items())
    ]


def _write_type(schema: JsonObject) -> str:
    return " or ".join(schema["type"]) or ("geometry" if "$ref" in schema else "any")


def _write_range(schema: JsonObject) -> str:
    if schema["enum"]:
        return ", ".join(map(str, schema["enum"]))
    if "minimum" in schema or "maximum" in schema:
        return f"{schema.get('minimum', '…')} – {schema.get('maximum', '…')}"
    return str(schema.get("format", ""))


def _list_facts(document: JsonObject, access: str) -> list[tuple[str, str]]:
    facts = [
        ("Id", document["id"]),
        ("Sites", ", ".join(document.get(BACKENDS, []))),
        ("Access", access),
        ("Licence", document["license"]),
        ("Extent", ", ".join(f"{side:g}" for side in document["bbox"] or ())),
        ("Providers", ", ".join(document["providers"])),
        ("Keywords", ", ".join(document["keywords"])),
    ]
    return [(name, cut_text(value)) for name, value in facts if value]
