"""Routes of finding services."""

from urllib.parse import quote

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from twinlake.core.documents import JsonObject
from twinlake.discovery.services import wire
from twinlake.discovery.services.service import ServiceDiscovery
from twinlake.identity.web import guarded


def routes(discovery: ServiceDiscovery, *, public_url: str, title: str) -> list[BaseRoute]:
    """Return the routes; they are open to everybody, as at the Data Lake."""
    api = _ServicesApi(discovery, public_url, title)
    return [
        guarded("/", api.root, methods=["GET"], action="public", name="root"),
        guarded("/services", api.list_services, methods=["GET"], action="public"),
        guarded("/services/{service}", api.get_service, methods=["GET"], action="public"),
    ]


class _ServicesApi:
    def __init__(self, discovery: ServiceDiscovery, public_url: str, title: str) -> None:
        self._discovery = discovery
        self._root = public_url
        self._title = title

    async def root(self, request: Request) -> Response:
        _ = request
        return _json(wire.to_root(self._root, title=self._title, documentation=f"{self._root}/stac/v2/api.html"))

    async def list_services(self, request: Request) -> Response:
        q = request.query_params.get("q", "")
        found = await self._discovery.search(q)
        return _json(wire.to_collection(self._root, found, query=f"?q={quote(q, safe='')}" if q else ""))

    async def get_service(self, request: Request) -> Response:
        offered = await self._discovery.get(request.path_params["service"])
        return _json(wire.to_feature(self._root, offered), "application/geo+json")


def _json(document: JsonObject, media_type: str = "application/json") -> Response:
    return Response(orjson.dumps(document), media_type=media_type)
