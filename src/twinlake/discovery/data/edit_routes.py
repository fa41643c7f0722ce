"""Routes of the transaction extensions: items and collections are added, replaced, patched and removed."""

import asyncio

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from twinlake.core.documents import JsonObject
from twinlake.discovery.data.body import parse_body
from twinlake.discovery.data.drafts import read_collection_document, read_item_draft, read_item_drafts
from twinlake.discovery.data.editing import Conditions, DataEditing
from twinlake.discovery.data.errors import UnsupportedMediaTypeError
from twinlake.discovery.data.links import GEOJSON, JSON, Urls
from twinlake.discovery.data.responses import json_response
from twinlake.holdings.catalogue.interfaces import StoredCollection, StoredItem
from twinlake.identity.web import guarded

_JSON_TYPES = frozenset({"application/json", "application/geo+json"})
_PATCH_TYPES = _JSON_TYPES | {"application/merge-patch+json"}


class EditingApi:
    """The endpoints; each reads its request, makes one call of the service and writes the answer."""

    def __init__(self, *, service: DataEditing, urls: Urls) -> None:
        self._service = service
        self._urls = urls

    def routes(self) -> list[BaseRoute]:
        """Return the routes."""
        one = "/collections/{collection}"
        item = f"{one}/items/{{item}}"
        return [
            guarded(f"{one}/items", self.create_items, methods=["POST"], action="write"),
            guarded(item, self.replace_item, methods=["PUT"], action="write"),
            guarded(item, self.patch_item, methods=["PATCH"], action="write"),
            guarded(item, self.delete_item, methods=["DELETE"], action="delete"),
            guarded("/collections", self.create_collection, methods=["POST"], action="create_collection"),
            guarded(one, self.replace_collection, methods=["PUT"], action="write"),
            guarded(one, self.patch_collection, methods=["PATCH"], action="write"),
            guarded(one, self.delete_collection, methods=["DELETE"], action="delete"),
        ]

    async def create_items(self, request: Request) -> Response:
        collection = request.path_params["collection"]
        document = await _read(request)
        if document.get("type") == "FeatureCollection":
            # Checking a thousand items takes some hundred milliseconds, for which the event loop goes on.
            drafts = await asyncio.to_thread(read_item_drafts, document, collection=collection)
            await self._service.create_items(request.state.caller, collection, drafts)
            return json_response({"created": [draft.document["id"] for draft in drafts]}, status=201)
        draft = read_item_draft(document, collection=collection, original=await request.body())
        stored = await self._service.create_item(request.state.caller, collection, draft)
        return _item(stored, status=201, location=self._urls.item(collection, draft.document["id"]))

    async def replace_item(self, request: Request) -> Response:
        collection, item = _item_path(request)
        draft = read_item_draft(await _read(request), collection=collection, item=item, original=await request.body())
        return _item(await self._service.replace_item(request.state.caller, draft, _conditions(request)))

    async def patch_item(self, request: Request) -> Response:
        patch = await _read(request, _PATCH_TYPES)
        return _item(await self._service.patch_item(request.state.caller, _item_path(request), patch, _conditions(request)))

    async def delete_item(self, request: Request) -> Response:
        await self._service.delete_item(request.state.caller, *_item_path(request), _conditions(request))
        return Response(status_code=204)

    async def create_collection(self, request: Request) -> Response:
        document = read_collection_document(await _read(request))
        stored = await self._service.create_collection(request.state.caller, document)
        return _collection(stored, status=201, location=self._urls.collection(stored.id))

    async def replace_collection(self, request: Request) -> Response:
        document = read_collection_document(await _read(request), request.path_params["collection"])
        return _collection(await self._service.replace_collection(request.state.caller, document, _conditions(request)))

    async def patch_collection(self, request: Request) -> Response:
        patch = await _read(request, _PATCH_TYPES)
        collection = request.path_params["collection"]
        return _collection(await self._service.patch_collection(request.state.caller, collection, patch, _conditions(request)))

    async def delete_collection(self, request: Request) -> Response:
        await self._service.delete_collection(request.state.caller, request.path_params["collection"], _conditions(request))
        return Response(status_code=204)


async def _read(request: Request, media_types: frozenset[str] = _JSON_TYPES) -> JsonObject:
    media_type = request.headers.get("content-type", JSON).split(";")[0].strip().lower()
    if media_type not in media_types:
        raise UnsupportedMediaTypeError(
            f"The body's type {media_type[:80]!r} is not taken here.", remedy=f"Send one of {', '.join(sorted(media_types))}."
        )
    return parse_body(await request.body())


def _conditions(request: Request) -> Conditions:
    return Conditions(request.headers.get("if-match"), request.headers.get("if-none-match"))


def _item_path(request: Request) -> tuple[str, str]:
    return request.path_params["collection"], request.path_params["item"]


def _item(stored: StoredItem, *, status: int = 200, location: str | None = None) -> Response:
    return Response(stored.body, status, _headers(stored.etag, location), media_type=GEOJSON)


def _collection(stored: StoredCollection, *, status: int = 200, location: str | None = None) -> Response:
    return Response(stored.body, status, _headers(stored.etag, location), media_type=JSON)


def _headers(etag: str, location: str | None) -> dict[str, str]:
    return {"ETag": etag} | ({} if location is None else {"Location": location})
