"""`/uploads` over HTTP, after the manner of the tus protocol 1.0: create, send from an offset, ask for the offset."""

from collections.abc import AsyncIterator, Sequence

import msgspec
import orjson
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from twinlake.core.clock import from_microseconds, to_text
from twinlake.core.errors import InvalidInputError
from twinlake.holdings.ingest.models import Upload
from twinlake.holdings.ingest.service import IngestService
from twinlake.holdings.ingest.uploads import Uploads
from twinlake.identity.web import guarded
from twinlake.jobs.bodies import read_body

_BODY = "application/offset+octet-stream"
_NO_STORE = {"Cache-Control": "no-store"}


class _NewUpload(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    size: int
    sha256: str | None = None
    collection: str | None = None
    """To which it will be taken: whoever may not write there is told before bytes are sent."""
    create_collection: bool = False


def routes(*, uploads: Uploads, ingest: IngestService, public_url: str, max_upload_bytes: int) -> Sequence[BaseRoute]:
    """Declare the routes of `/uploads`."""
    api = _UploadApi(uploads, ingest, public_url.rstrip("/"))
    one = "/uploads/{upload}"
    return [
        guarded("/uploads", api.create, methods=["POST"], action="run", name="create_upload"),
        guarded(one, api.append, methods=["PATCH"], action="run", name="append_upload", max_body_bytes=max_upload_bytes),
        guarded(one, api.show, methods=["GET", "HEAD"], action="run", name="show_upload"),
        guarded(one, api.delete, methods=["DELETE"], action="run", name="delete_upload"),
    ]


class _UploadApi:
    def __init__(self, uploads: Uploads, ingest: IngestService, public_url: str) -> None:
        self._uploads = uploads
        self._ingest = ingest
        self._public_url = public_url

    async def create(self, request: Request) -> Response:
        body = await read_body(request, _NewUpload)
        if body.collection is not None:
            await self._ingest.authorise(request.state.caller, body.collection, create=body.create_collection)
        upload, is_new = await self._uploads.create(_owner(request), name=body.name, size_bytes=body.size, sha256=body.sha256)
        location = f"{self._public_url}/uploads/{upload.id}"
        return _answer(upload, 201 if is_new else 200, {"Location": location})

    async def append(self, request: Request) -> Response:
        if request.headers.get("content-type") != _BODY:
            raise InvalidInputError("Bytes of an upload come with another content type.", remedy=f"Send Content-Type: {_BODY}.")
        offset = request.headers.get("upload-offset", "")
        if not (offset.isascii() and offset.isdigit() and len(offset) < 19):
            raise InvalidInputError("The header Upload-Offset must say where the bytes go.", remedy="Ask for it with HEAD.")
        upload = await self._uploads.append(_owner(request), request.path_params["upload"], int(offset), _pieces(request))
        return _answer(upload)

    async def show(self, request: Request) -> Response:
        return _answer(await self._uploads.get(_owner(request), request.path_params["upload"]))

    async def delete(self, request: Request) -> Response:
        await self._uploads.delete(_owner(request), request.path_params["upload"])
        return Response(status_code=204)


async def _pieces(request: Request) -> AsyncIterator[bytes]:
    """Yield what comes; a sender that goes away ends it, and what came is kept."""
    try:
        async for piece in request.stream():
            yield piece
    except ClientDisconnect:
        return


def _owner(request: Request) -> str:
    return str(request.state.caller.principal)


def _answer(upload: Upload, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    document = {
        "id": upload.id,
        "name": upload.name,
        "size": upload.size_bytes,
        "offset": upload.received_bytes,
        "complete": upload.is_complete,
        "sha256": upload.sha256,
        "expires": to_text(from_microseconds(upload.expires_at)),
    }
    offset = {"Upload-Offset": str(upload.received_bytes), "Upload-Length": str(upload.size_bytes)}
    return Response(orjson.dumps(document), status, {**_NO_STORE, **offset, **(headers or {})}, "application/json")
