"""People's own files: sent, listed, got and deleted."""

from collections.abc import AsyncIterator

import orjson
from starlette.convertors import PathConvertor, register_url_convertor
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from twinlake.access.delivery.errors import AssetDamagedError
from twinlake.access.delivery.sender import DirectSender
from twinlake.core.clock import to_text
from twinlake.core.documents import JsonObject
from twinlake.engines.web.files import ContentResponse
from twinlake.holdings.catalogue.interfaces import Managed
from twinlake.identity.principals import Principal
from twinlake.identity.web import guarded
from twinlake.processing.openeo.files.store import FileStore, UserFile
from twinlake.standards.openeo.errors import AuthenticationRequiredError, FileContentInvalidError, StorageFailureError

_MEDIA_TYPE = "application/octet-stream"
_MOST_LISTED = 10_000
_ANY_BYTES = 1 << 62
"""The store itself counts what comes, and says in openEO's words when it is too much."""


class _AnyPathConvertor(PathConvertor):
    """Takes line breaks, too, so that they are refused as what they are."""

    regex = "(?s:.*)"


register_url_convertor("any", _AnyPathConvertor())


class FilesApi:
    """Routes of files, which nobody sees but their owner."""

    def __init__(self, files: FileStore, *, sender: DirectSender, root: str) -> None:
        self._files = files
        self._sender = sender
        self._root = root

    def routes(self) -> list[Route]:
        """Declare them."""
        one = "/files/{path:any}"
        return [
            guarded("/files", self.list_files, methods=["GET"], action="run"),
            guarded(one, self.get, methods=["GET"], action="run", name="get_file"),
            guarded(one, self.put, methods=["PUT"], action="run", name="put_file", max_body_bytes=_ANY_BYTES),
            guarded(one, self.delete, methods=["DELETE"], action="run", name="delete_file"),
        ]

    async def list_files(self, request: Request) -> Response:
        """Answer with the files of the caller, all or a page."""
        asked = request.query_params.get("limit", "")
        limit = min(max(int(asked), 1), _MOST_LISTED) if asked.isascii() and asked.isdigit() and len(asked) < 10 else None
        found = await self._files.list_page(_owner(request), after=request.query_params.get("after", ""), limit=limit)
        links = []
        if limit is not None and len(found) == limit:
            following = request.url.include_query_params(limit=limit, after=found[-1].path).query
            links.append({"rel": "next", "href": f"{self._root}/files?{following}"})
        return _json({"files": [_describe(each) for each in found], "links": links})

    async def get(self, request: Request) -> Response:
        """Send the bytes of a file."""
        file = await self._files.get(_owner(request), request.path_params["path"])
        name = file.path.rpartition("/")[2]
        try:
            representation, content = await self._sender.open(name, _MEDIA_TYPE, Managed(file.sha256, file.size_bytes))
        except AssetDamagedError as error:
            raise StorageFailureError(f"The bytes of {file.path!r} are not there as they were sent.") from error
        return ContentResponse(representation, content, {"Cache-Control": "private, no-store"})

    async def put(self, request: Request) -> Response:
        """Keep a file in the place of what was there."""
        announced = request.headers.get("content-length", "0")
        size = int(announced) if announced.isascii() and announced.isdigit() and len(announced) < 19 else 0
        file = await self._files.put(_owner(request), request.path_params["path"], _pieces(request), announced_bytes=size)
        return _json(_describe(file))

    async def delete(self, request: Request) -> Response:
        """Forget a file."""
        await self._files.delete(_owner(request), request.path_params["path"])
        return Response(status_code=204)


async def _pieces(request: Request) -> AsyncIterator[bytes]:
    try:
        async for piece in request.stream():
            yield piece
    except ClientDisconnect as error:
        raise FileContentInvalidError("The file ended before all of it was sent.") from error


def _owner(request: Request) -> Principal:
    owner: Principal | None = request.state.caller.principal
    if owner is None:
        raise AuthenticationRequiredError("Say who you are.")
    return owner


def _describe(file: UserFile) -> JsonObject:
    return {"path": file.path, "size": file.size_bytes, "modified": to_text(file.modified_at)}


def _json(document: JsonObject) -> Response:
    return Response(orjson.dumps(document), media_type="application/json")
