"""The use cases of finding data."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from twinlake.core.documents import JsonObject
from twinlake.core.errors import InvalidInputError
from twinlake.core.paging import TokenSeal
from twinlake.discovery.data.aggregation import AggregateRequest, aggregations_of, to_aggregations
from twinlake.discovery.data.collection_requests import CollectionRequest
from twinlake.discovery.data.collection_search import CollectionDocuments, follows, select_collections, sort_key
from twinlake.discovery.data.requests import SearchRequest, binding
from twinlake.discovery.data.tokens import PageTokens
from twinlake.holdings.catalogue.interfaces import Catalogue, StoredCollection, StoredItem, Visibility
from twinlake.identity.principals import Caller
from twinlake.standards.stac.selecting import COLLECTION_DEFAULTS, ITEM_DEFAULTS, select_fields

VisibilityOf = Callable[[Caller], Awaitable[Visibility]]
"""Tells what a caller may discover."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One page of finished documents."""

    bodies: list[bytes]
    token: str | None
    """Of the next page; None on the last."""
    matched: int | None
    """Exact number over all pages, or None where it was not counted: it is counted for the first page only."""


class DataDiscovery:
    """Finds collections and items for callers, each within what they may discover.

    Parameters
    ----------
    deadline_seconds
        Longest that one query may run.
    """

    def __init__(self, *, catalogue: Catalogue, visibility_of: VisibilityOf, seal: TokenSeal, deadline_seconds: float) -> None:
        self._catalogue = catalogue
        self._visibility_of = visibility_of
        self._item_tokens = PageTokens(seal=seal, kind="items")
        self._collection_tokens = PageTokens(seal=seal, kind="collections")
        self._deadline_seconds = deadline_seconds
        self._documents = CollectionDocuments()

    async def search(self, caller: Caller, request: SearchRequest) -> Found:
        """Find items.

        Raises
        ------
        InvalidInputError
            The token is of another query or caller, or a property cannot be used so.
        DeadlineExceededError
            The query took too long.
        """
        visibility = await self._visibility_of(caller)
        bound = binding(request.query, caller.key)
        after = self._item_tokens.read(request.token, bound)
        query = request.query if after is None else replace(request.query, after=after, count=False)
        page = await self._catalogue.search(query, visibility, deadline_seconds=self._deadline_seconds)
        bodies = page.bodies if request.fields is None else select_fields(page.bodies, request.fields, ITEM_DEFAULTS)
        token = None if page.after is None else self._item_tokens.write(page.after, bound)
        return Found(bodies=bodies, token=token, matched=page.matched)

    async def search_collection(self, caller: Caller, collection: str, request: SearchRequest) -> Found:
        """Find items of one collection.

        Raises
        ------
        CollectionNotFoundError
            It is not there, or *caller* may not see it; and as `search`.
        InvalidInputError
            The request names other collections.
        """
        if request.query.collections not in (None, (collection,)):
            raise InvalidInputError("'collections' names others than the URL.", remedy="Search them at /search.")
        await self.get_collection(caller, collection)
        return await self.search(caller, replace(request, query=replace(request.query, collections=(collection,))))

    async def get_item(self, caller: Caller, collection: str, item: str, *, version: str | None = None) -> StoredItem:
        """Return an item, or an earlier *version* of it."""
        return await self._catalogue.get_item(collection, item, await self._visibility_of(caller), version=version)

    async def get_collection(self, caller: Caller, collection: str) -> StoredCollection:
        """Return a collection."""
        return await self._catalogue.get_collection(collection, await self._visibility_of(caller))

    async def list_titles(self, caller: Caller) -> list[tuple[str, str]]:
        """Return id and title of every collection that *caller* may see."""
        stored = await self._catalogue.list_collections(await self._visibility_of(caller))
        return [(each.id, self._documents.parse(each).get("title") or each.id) for each in stored]

    async def search_collections(self, caller: Caller, request: CollectionRequest) -> Found:
        """Find collections."""
        bound = request.binding(caller.key)
        after = self._collection_tokens.read(request.token, bound)
        stored = {each.id: each for each in await self._catalogue.list_collections(await self._visibility_of(caller))}
        matching = select_collections([self._documents.parse(each) for each in stored.values()], request)
        keyed = [(sort_key(document, request.sortby), document["id"]) for document in matching]
        rest = keyed if after is None else [entry for entry in keyed if follows(entry[0], after, request.sortby)]
        page = rest[: request.limit]
        bodies = [stored[collection].body for _, collection in page]
        return Found(
            bodies=bodies if request.fields is None else select_fields(bodies, request.fields, COLLECTION_DEFAULTS),
            token=self._collection_tokens.write(page[-1][0], bound) if len(rest) > len(page) else None,
            matched=len(matching),
        )

    async def queryables(self, caller: Caller, collection: str | None) -> JsonObject:
        """Return the JSON Schema of what items can be filtered by, of one collection or of all that *caller* may see."""
        return await self._catalogue.queryables(collection, await self._visibility_of(caller))

    async def aggregations(self, caller: Caller, collection: str | None) -> list[JsonObject]:
        """Return what the items of one collection, or of all, can be counted by."""
        return aggregations_of(await self.queryables(caller, collection))

    async def aggregate(self, caller: Caller, request: AggregateRequest) -> list[JsonObject]:
        """Count items."""
        visibility = await self._visibility_of(caller)
        counts = await self._catalogue.aggregate_counts(
            request.query, visibility, by=request.by, deadline_seconds=self._deadline_seconds
        )
        return to_aggregations(request.names, counts)
