"""The two kinds of sources that there are: the catalogue of this site, and a peer."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence

import orjson

from twinlake.core.documents import JsonObject
from twinlake.federation.search.combining import check_collections
from twinlake.federation.search.errors import InvalidAnswerError
from twinlake.federation.search.forms import check_items
from twinlake.federation.search.hrefs import DataHrefs
from twinlake.federation.search.interfaces import Abilities, Budget, PeerCalls, SourcePage
from twinlake.federation.search.wire import (
    read_collections,
    read_counts,
    read_page,
    read_queryables,
    write_fields,
    write_query,
)
from twinlake.holdings.catalogue.errors import CollectionNotFoundError
from twinlake.holdings.catalogue.interfaces import Catalogue, ItemQuery, Visibility
from twinlake.identity.principals import Caller
from twinlake.standards.stac.selecting import Fields

_ALL = Abilities()


class LocalSource:
    """The catalogue of this site; implements `SearchSource`."""

    abilities = _ALL
    is_listed = True

    def __init__(self, *, site_id: str, catalogue: Catalogue, visibility_of: Callable[[Caller], Awaitable[Visibility]]) -> None:
        self.id = site_id
        self._catalogue = catalogue
        self._visibility_of = visibility_of

    async def list_ids(self, caller: Caller) -> frozenset[str]:
        visibility, records = await self._visibility_of(caller), await self._catalogue.list_access()
        return frozenset(records) if visibility.everything else visibility.collections & records.keys()

    async def search(self, query: ItemQuery, *, fields: Fields | None, caller: Caller, budget: Budget) -> SourcePage:
        _ = fields
        visibility = await self._visibility_of(caller)
        page = await self._catalogue.search(query, visibility, deadline_seconds=budget.seconds)
        return SourcePage(bodies=page.bodies, more=page.after is not None, matched=page.matched)

    def settle(self, bodies: Sequence[bytes], *, closed: Collection[str], are_whole: bool) -> Sequence[bytes]:
        _ = closed, are_whole
        return bodies

    async def collections(self, *, caller: Caller, budget: Budget) -> Sequence[JsonObject]:
        _ = budget
        stored = await self._catalogue.list_collections(await self._visibility_of(caller))
        return [orjson.loads(each.body) for each in stored]

    async def queryables(self, collection: str | None, *, caller: Caller, budget: Budget) -> JsonObject:
        _ = budget
        return await self._catalogue.queryables(collection, await self._visibility_of(caller))

    async def aggregate(self, query: ItemQuery, by: Sequence[str], *, caller: Caller, budget: Budget) -> JsonObject:
        visibility = await self._visibility_of(caller)
        return await self._catalogue.aggregate_counts(query, visibility, by=by, deadline_seconds=budget.seconds)


class PeerSource:
    """Another site, asked over its internal routes; implements `SearchSource`.

    Parameters
    ----------
    collections
        What its descriptor lists: what anonymous callers may discover there.
    is_listed
        Whether that is all of it.
    stac_root
        URL of the peer's STAC API, as its documents have it, without a slash at its end. In what it sends it becomes
        *own_stac_root*: a client that follows links stays with the site that it is signed in to.
    data_root
        How the addresses begin at which the peer delivers, up to the collection. Those of collections that it calls closed
        begin with *own_data_root* in what comes from here: no client is led to hand its token to the peer.
    """

    def __init__(
        self,
        *,
        peer: str,
        asker: str,
        collections: frozenset[str],
        is_listed: bool = True,
        calls: PeerCalls,
        stac_root: str,
        own_stac_root: str,
        data_root: str,
        own_data_root: str,
        abilities: Abilities = _ALL,
    ) -> None:
        self.id = peer
        self.abilities = abilities
        self.is_listed = is_listed
        self._chain = [asker]
        self._collections = collections
        self._calls = calls
        self._roots = [(f'"{stac_root}{end}'.encode(), f'"{own_stac_root}{end}'.encode()) for end in ('"', "/")]
        self._hrefs = DataHrefs(data_root)
        self._own_data_root = own_data_root

    async def list_ids(self, caller: Caller) -> frozenset[str]:
        _ = caller
        return self._collections

    async def search(self, query: ItemQuery, *, fields: Fields | None, caller: Caller, budget: Budget) -> SourcePage:
        body = {"query": write_query(query), "fields": write_fields(fields)}
        return read_page(await self._call("/federation/search", body, caller, budget))

    def settle(self, bodies: Sequence[bytes], *, closed: Collection[str], are_whole: bool) -> Sequence[bytes]:
        settled = [self._replace_roots(body) for body in bodies]
        if closed:
            settled = self._hrefs.move(settled, closed, self._own_data_root)
        check_items(settled, are_whole=are_whole)
        return settled

    async def collections(self, *, caller: Caller, budget: Budget) -> Sequence[JsonObject]:
        content = await self._call("/federation/collections", {}, caller, budget)
        return await asyncio.to_thread(self._read_collections, self._replace_roots(content))  # there may be 16 MiB of them

    async def queryables(self, collection: str | None, *, caller: Caller, budget: Budget) -> JsonObject:
        schema = read_queryables(await self._call("/federation/queryables", {"collection": collection}, caller, budget))
        if collection is not None and not schema:
            raise CollectionNotFoundError(collection)
        return schema

    async def aggregate(self, query: ItemQuery, by: Sequence[str], *, caller: Caller, budget: Budget) -> JsonObject:
        body = {"query": write_query(query), "by": list(by)}
        return read_counts(await self._call("/federation/aggregate", body, caller, budget), by)

    def _read_collections(self, content: bytes) -> Sequence[JsonObject]:
        documents, closed = read_collections(content)
        if closed:
            [content] = self._hrefs.move([content], closed, self._own_data_root)
            documents, _ = read_collections(content)
        check_collections(documents)
        return documents

    async def _call(self, path: str, body: JsonObject, caller: Caller, budget: Budget) -> bytes:
        content = await self._calls.call(self.id, path, {**body, "chain": self._chain}, caller=caller, budget=budget)
        if len(content) > budget.size_bytes:
            raise InvalidAnswerError("Its answer is larger than was allowed.")
        return content

    def _replace_roots(self, content: bytes) -> bytes:
        for theirs, ours in self._roots:
            content = content.replace(theirs, ours)
        return content
