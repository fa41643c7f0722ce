"""Collections of this site as openEO's clients want them: what discovery has, with the dimensions of the cubes of them."""

import asyncio
import re
from collections.abc import Callable, Sequence
from dataclasses import replace

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from twinlake.core.documents import JsonObject
from twinlake.discovery.data.collection_requests import read_collection_request
from twinlake.discovery.data.links import (
    GEOJSON,
    JSON,
    QUERYABLES_REL,
    SCHEMA_JSON,
    Urls,
    link,
    next_by_get,
    with_parameters,
)
from twinlake.discovery.data.parameters import parse_query_string, to_members
from twinlake.discovery.data.reach import Reach
from twinlake.discovery.data.requests import SearchRequest, read_search
from twinlake.discovery.data.responses import item_page, json_response
from twinlake.discovery.data.service import DataDiscovery, Found
from twinlake.holdings.catalogue.errors import CollectionNotFoundError
from twinlake.holdings.catalogue.interfaces import ItemQuery
from twinlake.identity.principals import Caller
from twinlake.identity.web import guarded
from twinlake.processing.openeo.loading.planning.describing import describe_cube
from twinlake.processing.openeo.loading.resolving.searches import say_where

_ITEMS = frozenset({"limit", "bbox", "datetime", "filter", "filter-lang", "token"})
_COLLECTIONS = frozenset({"limit", "token"})
_DAY = re.compile(r"(?<![^/])(\d{4}-\d\d-\d\d)(?![^/])", re.ASCII)
"""As one side of an interval."""
_HERE = Reach(stays_here=True)
"""Only what is at this site can be loaded."""
_SAMPLE = 5
"""Items that are looked at for the bands of their collection."""
_NAVIGATION = frozenset({"self", "root", "parent", "items", "item", "child", QUERYABLES_REL})


class CollectionsApi:
    """Routes that tell of collections.

    Parameters
    ----------
    root
        URL of the API, without a slash at its end.
    find_elsewhere
        Tells the addresses at which other sites have a collection.
    """

    def __init__(self, discovery: DataDiscovery, *, root: str, find_elsewhere: Callable[[str], Sequence[str]]) -> None:
        self._discovery = discovery
        self._find_elsewhere = find_elsewhere
        self._urls = Urls(root)

    def routes(self) -> list[Route]:
        """Declare them."""
        one = "/collections/{collection_id}"
        return [
            guarded("/collections", self.list_collections, methods=["GET"], action="discover"),
            guarded(one, self.get_collection, methods=["GET"], action="discover"),
            guarded(f"{one}/items", self.list_items, methods=["GET"], action="discover"),
            guarded(f"{one}/queryables", self.get_queryables, methods=["GET"], action="discover"),
        ]

    async def list_collections(self, request: Request) -> Response:
        """Answer with the collections that the caller may know of."""
        pairs = parse_query_string(request.scope["query_string"])
        wanted = replace(read_collection_request(to_members(pairs, _COLLECTIONS)), reach=_HERE)
        found = await self._discovery.search_collections(request.state.caller, wanted)
        documents = [self._relink(orjson.loads(each)) for each in found.bodies]
        return json_response({"collections": documents, "links": self._links(self._urls.collections, pairs, found, JSON)})

    async def get_collection(self, request: Request) -> Response:
        """Answer with one, and with the dimensions and bands of its cube."""
        caller, name = request.state.caller, request.path_params["collection_id"]
        try:
            stored = await self._discovery.get_collection(caller, name, _HERE)
        except CollectionNotFoundError as error:
            raise say_where(error, self._find_elsewhere(name)) from error
        items = await self._sample(caller, name)
        described = await asyncio.to_thread(_describe, stored.body, items)
        return json_response(self._relink(described))

    async def list_items(self, request: Request) -> Response:
        """Answer with items of one."""
        name, pairs = request.path_params["collection_id"], parse_query_string(request.scope["query_string"])
        members = to_members(pairs, _ITEMS)
        if "datetime" in members:  # openEO's client sends days, too
            members["datetime"] = _DAY.sub(r"\1T00:00:00Z", members["datetime"])
        wanted = replace(read_search(members, filter_lang="cql2-text"), reach=_HERE)
        found = await self._discovery.search_collection(request.state.caller, name, wanted)
        return item_page(found, self._links(self._urls.items(name), pairs, found, GEOJSON))

    async def get_queryables(self, request: Request) -> Response:
        """Answer with the properties by which items of one can be filtered."""
        name = request.path_params["collection_id"]
        schema = await self._discovery.queryables(request.state.caller, name, _HERE)
        return json_response({**schema, "$id": f"{self._urls.collection(name)}/queryables"}, media_type=SCHEMA_JSON)

    async def _sample(self, caller: Caller, name: str) -> Sequence[bytes]:
        query = ItemQuery(collections=(name,), limit=_SAMPLE, count=False)
        return (await self._discovery.search_collection(caller, name, SearchRequest(query=query, reach=_HERE))).bodies

    def _relink(self, document: JsonObject) -> JsonObject:
        """Return a collection with links into this API in place of those into another."""
        url = self._urls.collection(document["id"])
        own = [
            link("self", url, JSON),
            link("root", self._urls.collections, JSON),
            link("parent", self._urls.collections, JSON),
            link("items", f"{url}/items", GEOJSON),
            link(QUERYABLES_REL, f"{url}/queryables", SCHEMA_JSON),
        ]
        return {**document, "links": [*own, *(each for each in document["links"] if each.get("rel") not in _NAVIGATION)]}

    def _links(self, url: str, pairs: list[tuple[str, str]], found: Found, media_type: str) -> list[JsonObject]:
        links = [link("self", with_parameters(url, pairs), media_type), link("root", self._urls.collections, JSON)]
        return links if found.token is None else [*links, next_by_get(url, pairs, found.token, media_type)]


def _describe(collection: bytes, items: Sequence[bytes]) -> JsonObject:
    return describe_cube(orjson.loads(collection), map(orjson.loads, items))
