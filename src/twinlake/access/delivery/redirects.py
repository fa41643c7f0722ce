"""Ways out that send the reader on: to a signed URL of this site, or to a pre-signed one of the bucket."""

from datetime import timedelta
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

from twinlake.access.delivery.sender import DirectSender
from twinlake.engines.objectstore.interfaces import ObjectStore
from twinlake.engines.web.files import ContentResponse, plan_answer
from twinlake.engines.web.representation import Representation
from twinlake.engines.web.signed_urls import UrlSigner
from twinlake.engines.web.trace import trace_of
from twinlake.holdings.catalogue.interfaces import Linked, Managed, StoredAsset

READ_BYTES = "read bytes"
"""Purpose of signed URLs under ``/bytes``: GET and HEAD of one object under one name."""


class SignedSender:
    """Redirects to ``/bytes/{sha256}/{filename}``, which whoever holds the URL may read for some minutes.

    Linked files, HEAD requests and what a condition answers without bytes are answered directly.
    """

    def __init__(self, *, direct: DirectSender, signer: UrlSigner, public_url: str, lifetime: timedelta) -> None:
        self._direct = direct
        self._signer = signer
        self._public_url = public_url
        self._lifetime = lifetime

    async def send(self, request: Request, asset: StoredAsset, holding: Managed | Linked, *, cache_control: str) -> Response:
        response = await self._direct.send(request, asset, holding, cache_control=cache_control)
        if isinstance(holding, Linked) or not _needs_bytes(request, response):
            return response
        response.content.close()
        filename = asset.filename.replace("/", "_")
        parameters = {"size": str(holding.size_bytes), "type": asset.media_type or "", "collection": asset.collection}
        url = self._signer.sign(f"/bytes/{holding.sha256}/{filename}", parameters, purpose=READ_BYTES, lifetime=self._lifetime)
        return redirect(f"{self._public_url}{url}")


class PresignedSender:
    """Redirects to the bucket. What the bucket does not hold, and what needs no bytes, is answered directly.

    A pre-signed URL is good for GET only, and the bucket's ETag is its own: a download that is continued there with an
    ETag of this site starts again, it never splices.
    """

    def __init__(self, *, direct: DirectSender, objects: ObjectStore, lifetime: timedelta) -> None:
        self._direct = direct
        self._objects = objects
        self._lifetime = lifetime

    async def send(self, request: Request, asset: StoredAsset, holding: Managed | Linked, *, cache_control: str) -> Response:
        response = await self._direct.send(request, asset, holding, cache_control=cache_control)
        if isinstance(holding, Linked) or not _needs_bytes(request, response):
            return response
        described = {name.decode(): value.decode("latin-1") for name, value in response.representation.headers}
        url = await self._objects.presign(holding.sha256, expires_in=self._lifetime, headers=described)
        if url is None:
            return response
        response.content.close()
        count_handed_on(request, response.representation)
        return redirect(url)


def redirect(url: str) -> Response:
    """Answer 307 to *url*, not to be remembered by anybody."""
    return Response(status_code=307, headers={"Location": quote(url, safe="%/:=&?~#+!$,;'@()*[]"), "Cache-Control": "no-store"})


def count_handed_on(request: Request, representation: Representation) -> None:
    """Count bytes for the usage ledger that somebody else is about to send for this site."""
    answer = plan_answer(representation, request.method, request.headers)
    trace_of(request.scope).bytes_out += answer.end - answer.start


def _needs_bytes(request: Request, response: ContentResponse) -> bool:
    return request.method == "GET" and response.representation.find_status(request.headers) is None
