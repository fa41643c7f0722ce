"""The use cases of finding data: here, or at all sites where there are peers."""

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

import orjson

from twinlake.core.documents import JsonObject
from twinlake.core.errors import InvalidInputError, NotFoundError
from twinlake.core.paging import TokenSeal
from twinlake.discovery.data.aggregation import AggregateRequest, aggregations_of, to_aggregations
from twinlake.discovery.data.collection_requests import CollectionRequest
from twinlake.discovery.data.collection_search import CollectionDocuments, follows, select_collections, sort_key
from twinlake.discovery.data.reach import ALL_SITES, BACKENDS, MISSING, Reach
from twinlake.discovery.data.requests import SearchRequest, binding
from twinlake.discovery.data.tokens import PageTokens
from twinlake.discovery.refusals import Refusals
from twinlake.federation.search.errors import HolderMissingError
from twinlake.federation.search.models import Completeness
from twinlake.federation.search.service import FederatedSearch
from twinlake.holdings.catalogue.errors import CollectionNotFoundError, ItemNotFoundError
from twinlake.holdings.catalogue.interfaces import Access, Catalogue, ItemQuery, StoredCollection, StoredItem, Visibility
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
    completeness: Completeness | None = None
    """Which sites answered; None where this one alone was asked."""
    partial: int | None = None
    """Number over all pages at the sites that told."""


@dataclass(frozen=True, slots=True)
class Document:
    """One finished document."""

    body: bytes
    etag: str
    """Strong, quoted, of the representation."""


class DataDiscovery:
    """Finds collections and items for callers, each within what they may discover.

    Parameters
    ----------
    deadline_seconds
        Longest that one query may run.
    federation
        This site and its peers; without it, or as long as there are no peers, this site answers alone.
    refusals
        Is told who answered when all collections were asked for.
    """

    def __init__(
        self,
        *,
        catalogue: Catalogue,
        visibility_of: VisibilityOf,
        seal: TokenSeal,
        deadline_seconds: float,
        federation: FederatedSearch | None = None,
        refusals: Refusals | None = None,
    ) -> None:
        self._catalogue = catalogue
        self._visibility_of = visibility_of
        self._item_tokens = PageTokens(seal=seal, kind="items")
        self._collection_tokens = PageTokens(seal=seal, kind="collections")
        self._deadline_seconds = deadline_seconds
        self._documents = CollectionDocuments()
        self._federation = federation
        self._refusals = refusals

    @property
    def is_federated(self) -> bool:
        """Whether there are other sites to ask."""
        return self._federation is not None and self._federation.has_peers

    def _beyond(self, reach: Reach) -> FederatedSearch | None:
        """Return whom to ask beside this site for a request of this *reach*."""
        if self._federation is None or reach.stays_here or not (self.is_federated or reach.scope.backends):
            return None
        return self._federation

    async def search(self, caller: Caller, request: SearchRequest) -> Found:
        """Find items.

        Raises
        ------
        InvalidInputError
            The token is of another query or caller, or a property cannot be used so.
        DeadlineExceededError
            The query took too long.
        """
        if (federation := self._beyond(request.reach)) is not None:
            return await self._search_everywhere(federation, caller, request)
        visibility = await self._visibility_of(caller)
        bound = binding(request.query, caller.key)
        after = self._item_tokens.read(request.token, bound)
        query = request.query if after is None else replace(request.query, after=after, count=False)
        page = await self._catalogue.search(query, visibility, deadline_seconds=self._deadline_seconds)
        bodies = page.bodies if request.fields is None else select_fields(page.bodies, request.fields, ITEM_DEFAULTS)
        token = None if page.after is None else self._item_tokens.write(page.after, bound)
        return Found(bodies=bodies, token=token, matched=page.matched)

    async def _search_everywhere(self, federation: FederatedSearch, caller: Caller, request: SearchRequest) -> Found:
        fields = request.fields
        page = await federation.search(caller, request.query, fields=fields, scope=request.reach.scope, token=request.token)
        bodies = list(page.bodies)
        if fields is not None:
            include = None if fields.include is None else (*(fields.include or ITEM_DEFAULTS), BACKENDS)
            bodies = select_fields(bodies, replace(fields, include=include), ITEM_DEFAULTS)
        return Found(bodies=bodies, token=page.token, matched=page.matched, completeness=page.completeness, partial=page.partial)

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
        if (federation := self._beyond(request.reach)) is None or not await federation.knows(caller, collection):
            await self.get_collection(caller, collection)
        return await self.search(caller, replace(request, query=replace(request.query, collections=(collection,))))

    async def get_item(
        self, caller: Caller, collection: str, item: str, *, version: str | None = None, reach: Reach = ALL_SITES
    ) -> StoredItem | Document:
        """Return an item, or an earlier *version* of it; what is not here may be at a peer, but for versions.

        Where *reach* names sites, theirs is returned, and this site's counts no more than others'.
        """
        absent: NotFoundError = ItemNotFoundError(collection, item)
        federation = self._beyond(reach) if version is None else None
        if federation is None or reach.scope.backends is None:
            try:
                return await self._catalogue.get_item(collection, item, await self._visibility_of(caller), version=version)
            except NotFoundError as error:
                if federation is None:
                    raise
                absent = error
        query = ItemQuery(collections=(collection,), ids=(item,), limit=1, count=False)
        page = await federation.search(caller, query, scope=reach.scope)
        if page.bodies:
            return _finish(page.bodies[0])
        if page.completeness.missing:
            raise HolderMissingError(page.completeness.missing)
        raise absent

    async def get_collection(self, caller: Caller, collection: str, reach: Reach = ALL_SITES) -> StoredCollection | Document:
        """Return a collection; what is not here may be at a peer. *reach* counts as for `get_item`."""
        federation = self._beyond(reach)
        if federation is None or reach.scope.backends is None:
            try:
                return await self._catalogue.get_collection(collection, await self._visibility_of(caller))
            except NotFoundError:
                if federation is None:
                    raise
        found, completeness = await federation.collections(caller, only=collection, scope=reach.scope)
        if found:
            return _finish(orjson.dumps(found[0]))
        if completeness.missing:
            raise HolderMissingError(completeness.missing)
        raise CollectionNotFoundError(collection)

    async def find_access(self, collection: str) -> Access | None:
        """Return the kind of access to a collection of this site; None where it has none of this id."""
        record = (await self._catalogue.list_access()).get(collection)
        return None if record is None else record.access

    async def list_titles(self, caller: Caller) -> list[tuple[str, str]]:
        """Return id and title of every collection that *caller* may see."""
        stored = await self._catalogue.list_collections(await self._visibility_of(caller))
        return [(each.id, self._documents.parse(each).get("title") or each.id) for each in stored]

    async def search_collections(self, caller: Caller, request: CollectionRequest) -> Found:
        """Find collections."""
        bound = request.binding(caller.key)
        after = self._collection_tokens.read(request.token, bound)
        documents, completeness = await self._list_documents(caller, request.reach)
        shelf_of = _id_of if completeness is None else _shelf
        matching = select_collections([document for document, _ in documents.values()], request)
        keyed = [(sort_key(document, request.sortby), shelf_of(document)) for document in matching]
        if completeness is not None:  # an id may stand there for several sites: each has a key of its own
            keyed = [((*key[:-1], "\0".join(shelf)), shelf) for key, shelf in keyed]
        rest = keyed if after is None else [entry for entry in keyed if follows(entry[0], after, request.sortby)]
        page = rest[: request.limit]
        bodies = [documents[shelf][1] for _, shelf in page]
        fields = request.fields
        if fields is not None and completeness is not None and fields.include is not None:
            fields = replace(fields, include=(*(fields.include or COLLECTION_DEFAULTS), BACKENDS))
        return Found(
            bodies=bodies if fields is None else select_fields(bodies, fields, COLLECTION_DEFAULTS),
            token=self._collection_tokens.write(page[-1][0], bound) if len(rest) > len(page) else None,
            matched=len(matching) if completeness is None or not completeness.missing else None,
            completeness=completeness,
            partial=len(matching),
        )

    async def _list_documents(
        self, caller: Caller, reach: Reach
    ) -> tuple[dict[tuple[str, ...], tuple[JsonObject, bytes]], Completeness | None]:
        if (federation := self._beyond(reach)) is None:
            stored = await self._catalogue.list_collections(await self._visibility_of(caller))
            return {(each.id,): (self._documents.parse(each), each.body) for each in stored}, None
        found, completeness = await federation.collections(caller, scope=reach.scope)
        if self._refusals is not None:
            self._refusals.note(caller, completeness)
        return {_shelf(document): (document, orjson.dumps(document)) for document in found}, completeness

    async def queryables(self, caller: Caller, collection: str | None, reach: Reach = ALL_SITES) -> JsonObject:
        """Return the JSON Schema of what items can be filtered by, of one collection or of all that *caller* may see."""
        if (federation := self._beyond(reach)) is not None:
            schema, completeness = await federation.queryables(caller, collection, scope=reach.scope)
            return {**schema, **({MISSING: list(completeness.missing)} if completeness.missing else {})}
        return await self._catalogue.queryables(collection, await self._visibility_of(caller))

    async def aggregations(self, caller: Caller, collection: str | None) -> list[JsonObject]:
        """Return what the items of one collection, or of all, can be counted by."""
        return aggregations_of(await self.queryables(caller, collection))

    async def aggregate(self, caller: Caller, request: AggregateRequest) -> tuple[list[JsonObject], Completeness | None]:
        """Count items; tell, too, which sites answered, where others than this one were asked."""
        if (federation := self._beyond(request.reach)) is not None:
            counts, completeness = await federation.aggregate(caller, request.query, request.by, scope=request.reach.scope)
            return to_aggregations(request.names, counts), completeness
        visibility = await self._visibility_of(caller)
        counts = await self._catalogue.aggregate_counts(
            request.query, visibility, by=request.by, deadline_seconds=self._deadline_seconds
        )
        return to_aggregations(request.names, counts), None


def _finish(body: bytes) -> Document:
    return Document(body, f'"{hashlib.sha256(body).hexdigest()[:32]}"')


def _id_of(document: JsonObject) -> tuple[str, ...]:
    return (str(document["id"]),)


def _shelf(document: JsonObject) -> tuple[str, ...]:
    """Return what tells a collection of several sites from all others: its id, and the sites that hold it."""
    return (str(document["id"]), *document[BACKENDS])
