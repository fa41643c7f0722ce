"""Routes of reading: landing page, collections, items, searches, counts."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from twinlake.core.documents import JsonObject
from twinlake.discovery.data.aggregation import AGGREGATE_MEMBERS, read_aggregate_request
from twinlake.discovery.data.body import parse_body
from twinlake.discovery.data.collection_filter import collection_queryables
from twinlake.discovery.data.collection_requests import COLLECTION_PARAMETERS, read_collection_request
from twinlake.discovery.data.conformance import CONFORMANCE
from twinlake.discovery.data.documentation import Documentation
from twinlake.discovery.data.landing import landing_page
from twinlake.discovery.data.links import (
    GEOJSON,
    JSON,
    QUERYABLES_REL,
    SCHEMA_JSON,
    Urls,
    link,
    next_by_get,
    next_by_post,
    with_parameters,
)
from twinlake.discovery.data.parameters import Pairs, parse_query_string, to_members
from twinlake.discovery.data.reach import REACH_MEMBERS, read_reach, take_backends
from twinlake.discovery.data.requests import ITEMS_PARAMETERS, SEARCH_MEMBERS, read_search
from twinlake.discovery.data.responses import (
    collection_page,
    document_response,
    federation_members,
    item_page,
    json_response,
)
from twinlake.discovery.data.service import DataDiscovery, Found
from twinlake.identity.web import guarded

_SEARCH_BODY_BYTES = 4 << 20
_TEXT, _JSON = "cql2-text", "cql2-json"


class ReadingApi:
    """The endpoints; each reads its request, makes one call of the service and writes the answer."""

    def __init__(self, *, service: DataDiscovery, urls: Urls, site_id: str, title: str) -> None:
        self._service = service
        self._urls = urls
        self._site_id = site_id
        self._title = title
        self._documentation = Documentation(urls, title=title)

    def routes(self) -> list[BaseRoute]:
        """Return the routes, those that are asked for most first."""
        one = "/collections/{collection}"
        return [
            guarded("/search", self.search_post, methods=["POST"], action="discover", max_body_bytes=_SEARCH_BODY_BYTES),
            guarded("/search", self.search_get, methods=["GET"], action="discover"),
            guarded(f"{one}/items/{{item}}", self.get_item, methods=["GET"], action="discover"),
            guarded(f"{one}/items", self.list_items, methods=["GET"], action="discover"),
            guarded("/collections", self.list_collections, methods=["GET"], action="discover"),
            guarded(one, self.get_collection, methods=["GET"], action="discover"),
            guarded("/", self.landing, methods=["GET"], action="discover"),
            guarded("/conformance", self.conformance, methods=["GET"], action="public"),
            guarded("/api", self.openapi, methods=["GET"], action="public"),
            guarded("/api.html", self.documentation, methods=["GET"], action="public"),
            guarded("/queryables", self.queryables, methods=["GET"], action="discover"),
            guarded(f"{one}/queryables", self.queryables, methods=["GET"], action="discover"),
            guarded("/collection-queryables", self.collection_queryables, methods=["GET"], action="public"),
            guarded("/aggregations", self.aggregations, methods=["GET"], action="discover"),
            guarded(f"{one}/aggregations", self.aggregations, methods=["GET"], action="discover"),
            guarded("/aggregate", self.aggregate_get, methods=["GET"], action="discover"),
            guarded("/aggregate", self.aggregate_post, methods=["POST"], action="discover", max_body_bytes=_SEARCH_BODY_BYTES),
            guarded(f"{one}/aggregate", self.aggregate_get, methods=["GET"], action="discover"),
        ]

    async def search_get(self, request: Request) -> Response:
        pairs = _pairs(request)
        wanted = read_search(self._read(to_members(pairs, SEARCH_MEMBERS)), filter_lang=_TEXT)
        found = await self._service.search(request.state.caller, wanted)
        return item_page(found, self._links(self._urls.search, pairs, found, GEOJSON))

    async def search_post(self, request: Request) -> Response:
        body = parse_body(await request.body())
        found = await self._service.search(request.state.caller, read_search(self._read(body), filter_lang=_JSON))
        links = [link("self", self._urls.search, GEOJSON, method="POST"), self._urls.root_link()]
        if found.token is not None:
            links.append(next_by_post(self._urls.search, body, found.token, GEOJSON))
        return item_page(found, links)

    async def list_items(self, request: Request) -> Response:
        collection = request.path_params["collection"]
        pairs = _pairs(request)
        wanted = read_search(self._read(to_members(pairs, ITEMS_PARAMETERS)), filter_lang=_TEXT)
        found = await self._service.search_collection(request.state.caller, collection, wanted)
        links = self._links(self._urls.items(collection), pairs, found, GEOJSON)
        return item_page(found, [*links, link("collection", self._urls.collection(collection), JSON)])

    async def get_item(self, request: Request) -> Response:
        members = to_members(_pairs(request), REACH_MEMBERS | {"version"})
        path, version, reach = request.path_params, members.get("version"), read_reach(members)
        stored = await self._service.get_item(
            request.state.caller, path["collection"], path["item"], version=version, reach=reach
        )
        return document_response(request, stored.body, stored.etag, GEOJSON)

    async def list_collections(self, request: Request) -> Response:
        pairs = _pairs(request)
        wanted = read_collection_request(self._read(to_members(pairs, COLLECTION_PARAMETERS)))
        found = await self._service.search_collections(request.state.caller, wanted)
        links = self._links(self._urls.collections, pairs, found, JSON)
        queryables = link(QUERYABLES_REL, f"{self._urls.root}/collection-queryables", SCHEMA_JSON)
        return collection_page(found, [*links, queryables])

    async def get_collection(self, request: Request) -> Response:
        reach = read_reach(to_members(_pairs(request), REACH_MEMBERS))
        stored = await self._service.get_collection(request.state.caller, request.path_params["collection"], reach)
        return document_response(request, stored.body, stored.etag, JSON)

    async def landing(self, request: Request) -> Response:
        titles = await self._service.list_titles(request.state.caller)
        return json_response(landing_page(self._urls, site_id=self._site_id, title=self._title, collections=titles))

    async def conformance(self, _request: Request) -> Response:
        return json_response({"conformsTo": CONFORMANCE})

    async def openapi(self, _request: Request) -> Response:
        return self._documentation.openapi_response()

    async def documentation(self, _request: Request) -> Response:
        return self._documentation.html_response()

    async def queryables(self, request: Request) -> Response:
        collection = request.path_params.get("collection")
        schema = await self._service.queryables(request.state.caller, collection)
        return json_response({**schema, "$id": f"{self._below(collection)}/queryables"}, media_type=SCHEMA_JSON)

    async def collection_queryables(self, _request: Request) -> Response:
        return json_response(collection_queryables(f"{self._urls.root}/collection-queryables"), media_type=SCHEMA_JSON)

    async def aggregations(self, request: Request) -> Response:
        collection = request.path_params.get("collection")
        available = await self._service.aggregations(request.state.caller, collection)
        links = [link("self", f"{self._below(collection)}/aggregations", JSON), self._urls.root_link()]
        return json_response({"aggregations": available, "links": links})

    async def aggregate_get(self, request: Request) -> Response:
        collection = request.path_params.get("collection")
        members = to_members(_pairs(request), AGGREGATE_MEMBERS - ({"collections"} if collection else set()))
        if collection is not None:
            await self._service.get_collection(request.state.caller, collection)
            members["collections"] = [collection]
        return await self._aggregate(request, members, _TEXT, f"{self._below(collection)}/aggregate")

    async def aggregate_post(self, request: Request) -> Response:
        return await self._aggregate(request, parse_body(await request.body()), _JSON, f"{self._urls.root}/aggregate")

    async def _aggregate(self, request: Request, members: JsonObject, filter_lang: str, url: str) -> Response:
        wanted = read_aggregate_request(self._read(members), filter_lang=filter_lang)
        counted, completeness = await self._service.aggregate(request.state.caller, wanted)
        links = [link("self", url, JSON), self._urls.root_link()]
        told = {} if completeness is None else federation_members(completeness)
        return json_response({"type": "AggregationCollection", "aggregations": counted, "links": links, **told})

    def _read(self, members: JsonObject) -> JsonObject:
        return take_backends(members) if self._service.is_federated else members

    def _below(self, collection: str | None) -> str:
        return self._urls.root if collection is None else self._urls.collection(collection)

    def _links(self, url: str, pairs: Pairs, found: Found, media_type: str) -> list[JsonObject]:
        links = [link("self", with_parameters(url, pairs), media_type), self._urls.root_link()]
        if found.token is not None:
            links.append(next_by_get(url, pairs, found.token, media_type))
        return links


def _pairs(request: Request) -> Pairs:
    return parse_query_string(request.scope["query_string"])
